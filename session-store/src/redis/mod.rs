//! The Redis back end.

/// The Redis store.
#[derive(Debug)]
pub struct RedisStore;
/// Redis options.
#[derive(Debug)]
pub struct RedisOptions;
/// Connect error.
#[derive(Debug)]
pub struct ConnectError;
