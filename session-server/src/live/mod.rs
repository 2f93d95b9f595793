//! Live notice: what happens to sessions, told to clients as it happens (server-sent events).
//!
//! One subscription of the store (`follow.rs`) serves all who listen to this process (`hub.rs`), each
//! with a stream of its own (`feed.rs`).

mod feed;
mod follow;
mod hub;
mod listeners;
mod notice;

pub(crate) use feed::{Entitled, Feed, Guard, Look};
pub(crate) use follow::follow;
pub(crate) use hub::Hub;
pub(crate) use notice::NoticeId;
