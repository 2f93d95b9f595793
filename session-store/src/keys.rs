//! Every Redis key and channel; the scripts derive theirs from [`Keys::base`] by the same rules.
//!
//! All keys of a user share one hash tag, the user's bucket in braces, so they live in one slot of
//! a cluster and a script can change them in one step. An id begins with its bucket, so it leads
//! to its key alone.
//!
//! | key | type | what |
//! |---|---|---|
//! | `prefix:{bucket}:s:<id>` | string | the session's record |
//! | `prefix:{bucket}:c:<id>` | string | what is remembered of the credential that the session goes by |
//! | `prefix:{bucket}:u:<user id>` | sorted set | the user's index: sessions by expiry, known devices |
//! | `prefix:{bucket}:d:<user id>` | hash | for each live session, what the history will keep of it |
//! | `prefix:{bucket}:h:<user id>` | list | ended sessions, the last one first |
//! | `prefix:{bucket}:r:<who>` | string | how often somebody has done what is counted; lives as long as that matters |
//! | `prefix:{AA}:n:<random>` | string | whether changes are told; lives for seconds |
//! | `prefix:events` | channel | what happens |

use crate::config::ConfigError;
#[cfg(feature = "redis")]
use crate::digest;
use crate::token::SessionId;
use crate::user::UserId;

#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    channel: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Result<Self, ConfigError> {
        if prefix.is_empty() || prefix.len() > 64 {
            return Err(ConfigError::new("prefix", "must be 1 to 64 bytes"));
        }
        // A brace would begin a hash tag of its own and tear a user's keys apart.
        if prefix.contains(['{', '}']) || prefix.chars().any(char::is_control) {
            return Err(ConfigError::new(
                "prefix",
                "must not contain braces or control characters",
            ));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            channel: format!("{prefix}:events"),
        })
    }

    /// What all keys and the channel begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What all keys of a bucket begin with.
    pub(crate) fn base(&self, bucket: &str) -> String {
        self.key(bucket, "", "")
    }

    /// How many bytes [`base`](Self::base) has.
    pub(crate) fn base_bytes(&self) -> usize {
        self.base("AA").len()
    }

    /// The key of a session's record.
    pub(crate) fn record(&self, id: SessionId) -> String {
        self.key(id.bucket(), "s:", id.local())
    }

    /// What a record's key has of its session's id: the end.
    #[cfg(feature = "redis")]
    pub(crate) fn local(record: &[u8]) -> &[u8] {
        let local = record.len().saturating_sub(SessionId::LOCAL_CHARS);
        &record[local..]
    }

    /// The key of what is remembered of the credential that a session goes by.
    pub(crate) fn mark(&self, id: SessionId) -> String {
        self.key(id.bucket(), "c:", id.local())
    }

    /// The key of the index of a user, whose bucket is `bucket`.
    pub(crate) fn index(&self, bucket: &str, user: &UserId) -> String {
        self.key(bucket, "u:", user.as_str())
    }

    /// The key of who is counted; its bucket is the name's own.
    #[cfg(feature = "redis")]
    pub(crate) fn rate(&self, name: &str) -> String {
        self.key(digest::bucket_of(name).as_str(), "r:", name)
    }

    /// Every call needs one: put together in one allocation, without the machinery of `format!`.
    fn key(&self, bucket: &str, kind: &str, name: &str) -> String {
        let parts = [self.prefix.as_str(), ":{", bucket, "}:", kind, name];
        let mut key = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.into_iter().for_each(|part| key.push_str(part));
        key
    }

    /// What all keys begin with, and no key of a store with another prefix.
    pub(crate) fn start(&self) -> String {
        format!("{}:{{", self.prefix)
    }

    /// Whose record this key is; `None` for every other key.
    pub(crate) fn session(&self, key: &[u8]) -> Option<SessionId> {
        let key = key.strip_prefix(self.prefix.as_bytes())?;
        let (bucket, local) = key.strip_prefix(b":{")?.split_at_checked(2)?;
        let bucket = std::str::from_utf8(bucket).ok()?;
        SessionId::from_parts(bucket, local.strip_prefix(b"}:s:")?).ok()
    }

    /// A key that is changed to see whether the change is told.
    pub(crate) fn probe(&self, random: &str) -> String {
        format!("{}:{{AA}}:n:{random}", self.prefix)
    }

    /// The channel on which events are told.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }
}
