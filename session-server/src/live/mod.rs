//! Live notice: what happens to sessions, told to clients as it happens (server-sent events).
//!
//! One subscription of the store (`hub.rs`) serves all who listen to this process (`feed.rs`).

mod feed;
mod hub;

pub(crate) use feed::{Feed, Guard};
pub(crate) use hub::{Hub, NoticeId, follow};
