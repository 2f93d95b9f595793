//! The embedded back end.

/// The embedded, in-process store.
#[derive(Debug)]
pub struct MemoryStore;
