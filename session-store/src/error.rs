use std::time::Duration;

use crate::config::ConfigError;
use crate::session::limits;
use crate::token::SessionId;

/// The result of a store's call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store's call failed. "No such session" is never an error: that is `Ok(None)`.
///
/// [`Unavailable`](Self::Unavailable) and [`Timeout`](Self::Timeout) say nothing about any session:
/// answer them with "try again" (HTTP 503) and log nobody out. After either, a write may or may not
/// have happened; it never happened by halves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store can't be reached, or can't serve now.
    #[error("the session store can't be reached")]
    Unavailable(#[source] Source),

    /// The store didn't answer within the deadline.
    #[error("the session store didn't answer within {} ms", .deadline.as_millis())]
    Timeout {
        /// The deadline that passed.
        deadline: Duration,
    },

    /// The store answered with an error of its own: out of memory, a right that is missing.
    #[error("the session store refused the operation")]
    Refused(#[source] Source),

    /// A session's record can't be read. Other sessions are not affected.
    #[error("the record of session {id} can't be read")]
    Record {
        /// The session in question.
        id: SessionId,
        /// What is wrong with its record.
        source: RecordError,
    },

    /// The session was updated since the caller read it: read it again and decide anew.
    #[error("session {id} was updated by somebody else in the meantime")]
    Conflict {
        /// The session in question.
        id: SessionId,
    },

    /// The user has as many sessions as allowed, and the policy is to refuse another.
    #[error("the user has {max} sessions already, which is the limit")]
    LimitReached {
        /// The limit.
        max: u32,
    },

    /// What was given can't be stored.
    #[error(transparent)]
    Invalid(#[from] Invalid),

    /// The settings that a store was to be made with don't go together.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// The embedded store is at its bound and holds no expired session that could make room.
    #[error("the embedded store holds {max} sessions, which is its bound")]
    Full {
        /// The bound.
        max: usize,
    },

    /// The operating system's random generator failed; no token can be made.
    #[error("the operating system gave no random bytes")]
    Random(#[source] Source),
}

/// A field of the input that can't be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field's name, as in the HTTP contract.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Invalid {
    pub(crate) fn check_chars(
        field: &'static str,
        text: Option<&str>,
        max: usize,
    ) -> Result<(), Self> {
        match text {
            Some(text) if text.chars().count() > max => Err(Self {
                field,
                reason: format!("must be at most {max} characters"),
            }),
            _ => Ok(()),
        }
    }
}

/// What is wrong with a stored record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Written by a release that this one doesn't know.
    #[error("its format is version {0}, which this release can't read")]
    UnknownVersion(u8),
    /// Not what any release writes.
    #[error("it is corrupt: {0}")]
    Corrupt(&'static str),
    /// Longer than any release writes.
    #[error("it is longer than {} bytes", limits::RECORD_BYTES)]
    TooLong,
}
