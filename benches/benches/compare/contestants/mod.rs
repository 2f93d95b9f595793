//! The contestants: ours, what anybody could write, and the peers.

#[cfg(feature = "peers")]
mod actix_session;
#[cfg(feature = "peers")]
mod async_redis_session;
mod bare;
mod hand_written;
mod least;
mod ours;
#[cfg(feature = "peers")]
mod session_guard;
#[cfg(feature = "peers")]
mod tower_sessions;

#[cfg(feature = "peers")]
pub(crate) use self::actix_session::ActixSession;
#[cfg(feature = "peers")]
pub(crate) use self::async_redis_session::AsyncRedisSession;
pub(crate) use self::bare::Bare;
pub(crate) use self::hand_written::HandWritten;
pub(crate) use self::least::{Least, Way};
pub(crate) use self::ours::{Features, Ours};
#[cfg(feature = "peers")]
pub(crate) use self::session_guard::SessionGuard;
#[cfg(feature = "peers")]
pub(crate) use self::tower_sessions::TowerSessions;
