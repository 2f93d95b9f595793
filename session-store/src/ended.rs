use std::fmt;
use std::str::FromStr;

use crate::session::{Device, Session};
use crate::timestamp::Timestamp;
use crate::token::SessionId;
use crate::user::UserId;

/// A session that has ended, as the history remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedSession {
    /// The session's public name.
    pub id: SessionId,
    /// Whose session it was.
    pub user_id: UserId,
    /// The user's name.
    pub username: Option<String>,
    /// What the user could do.
    pub role: Option<String>,
    /// Where the user had logged in.
    pub device: Device,
    /// When the session was created.
    pub created_at: Timestamp,
    /// The last activity that was written.
    pub last_activity: Timestamp,
    /// When it ended; for a session that expired, its expiry.
    pub ended_at: Timestamp,
    /// Why it ended.
    pub reason: EndReason,
}

impl EndedSession {
    /// What is left of a session.
    #[must_use]
    pub fn new(session: Session, ended_at: Timestamp, reason: EndReason) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            username: session.username,
            role: session.role,
            device: session.device,
            created_at: session.created_at,
            last_activity: session.last_activity,
            ended_at,
            reason,
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The user ended it.
    Logout,
    /// Somebody else ended it: an admin, a service.
    Revoked,
    /// It made room for a newer one, by the [limit](crate::Config::limit).
    Evicted,
    /// The same device logged in again.
    Replaced,
    /// Its idle or absolute timeout passed.
    Expired,
}

impl EndReason {
    /// Every reason there is.
    pub const ALL: [Self; 5] = [
        Self::Logout,
        Self::Revoked,
        Self::Evicted,
        Self::Replaced,
        Self::Expired,
    ];

    /// How Redis holds it: its place in [`ALL`](Self::ALL), as a digit.
    #[cfg(any(feature = "redis", feature = "internals"))]
    pub(crate) fn digit(self) -> char {
        char::from(b'0' + self as u8)
    }

    /// What [`digit`](Self::digit) gave.
    #[cfg(any(feature = "redis", feature = "internals"))]
    pub(crate) fn from_digit(digit: u8) -> Option<Self> {
        Self::ALL
            .get(usize::from(digit.checked_sub(b'0')?))
            .copied()
    }

    /// The word for it, as in the HTTP contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::Evicted => "evicted",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EndReason {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == word);
        known.ok_or(())
    }
}

/// Why a caller ends a session; the other [reasons](EndReason) are the store's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevokeReason {
    /// The user ends it.
    Logout,
    /// Somebody else ends it: an admin, a service.
    Revoked,
}

impl From<RevokeReason> for EndReason {
    fn from(reason: RevokeReason) -> Self {
        match reason {
            RevokeReason::Logout => Self::Logout,
            RevokeReason::Revoked => Self::Revoked,
        }
    }
}
