use std::time::Instant;

use crate::error::Error;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// Who is told of changes: what a near cache gives to
/// [`SessionStore::changes`](crate::SessionStore::changes).
///
/// A store calls it in the order of the changes, and possibly under a lock of its own: both methods
/// return soon, and neither calls the store.
pub trait ChangeListener: Send + Sync + 'static {
    /// This session has changed or ended; or it may have, telling too often does no harm.
    fn changed(&self, id: SessionId);

    /// Any session may have changed or ended.
    fn all_changed(&self);
}

/// What a store goes on saying while it tells of changes. Dropping it ends the telling.
///
/// **Cost**: both methods are called for each answer that a near cache gives, so they read what is
/// at hand, and never wait.
pub trait ChangeFeed: Send + Sync + 'static {
    /// Until when everything is told: whatever had changed before this moment, the listener knows
    /// by now. `now` where nothing is ever late; `None` while changes may go untold.
    ///
    /// After a `None` the listener is told that [all has changed](ChangeListener::all_changed)
    /// before there is another moment, and what is read from then on is told when it changes.
    fn told_until(&self, now: Instant) -> Option<Instant>;

    /// What the store's clock shows at `now`, never behind it. Being ahead is allowed: whoever
    /// takes a session to have expired by this asks the store.
    fn time(&self, now: Instant) -> Timestamp;
}

/// Why a store doesn't tell of changes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangesError {
    /// It can't: it isn't that kind of store, or was made in a way that doesn't allow it.
    #[error("{0}")]
    Unsupported(&'static str),

    /// The Redis user may not call what it takes.
    #[error("the Redis user may not call {command}, which a near cache takes: grant +{right}")]
    Right {
        /// What is refused.
        command: &'static str,
        /// The right, as `ACL SETUSER` has it.
        right: &'static str,
    },

    /// What was changed over one connection wasn't told on the other: they lead to different
    /// servers, or something in between swallows what servers tell.
    #[error("the server doesn't tell of changes: its two connections lead to different places")]
    Untold,

    /// The store can't be reached, or refuses, or a setting doesn't make sense.
    #[error(transparent)]
    Store(#[from] Error),
}
