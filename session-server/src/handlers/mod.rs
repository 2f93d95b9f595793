//! Request → caller → one call of the store → response. Handlers never name a back end.

pub(crate) mod create;
mod device;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod sessions;
pub(crate) mod users;
pub(crate) mod verify;
