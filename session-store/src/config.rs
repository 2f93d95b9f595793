use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::session::limits;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How sessions live and end. The same for every implementor of
/// [`SessionStore`](crate::SessionStore).
///
/// ```
/// use std::time::Duration;
/// use session_store::{Config, Limit, LimitPolicy};
///
/// let config = Config {
///     idle_timeout: Some(Duration::from_secs(30 * 60)),
///     limit: Some(Limit::new(3, LimitPolicy::EvictOldest).expect("3 is not 0")),
///     ..Config::default()
/// };
/// # assert!(config.check().is_ok());
/// ```
///
/// Services that share one Redis should share one configuration: each call follows the
/// configuration of the process that makes it.
#[derive(Clone, Debug)]
pub struct Config {
    /// A session ends this long after it was created, whatever happens (30 days). A single session
    /// can be given another one: [`NewSession::absolute_timeout`](crate::NewSession).
    pub absolute_timeout: Duration,

    /// A session ends this long after its last activity, where set (not set). Fixed for a session
    /// when it is created.
    pub idle_timeout: Option<Duration>,

    /// Activity is written at most this often (60 s): a validate within it costs one plain read.
    /// The price is that a session may end up to this much earlier than `idle_timeout` after its
    /// true last activity, so it must be at most half of that.
    pub touch_interval: Duration,

    /// How many sessions a user may have at once (no limit).
    pub limit: Option<Limit>,

    /// What is kept of sessions that ended (100 a user, for 30 days); `None` keeps nothing.
    pub history: Option<History>,

    /// Which devices are remembered past their sessions (50 a user, for 365 days), so that a login
    /// from a new one can be told.
    pub known_devices: KnownDevices,

    /// A secret of the service that keys every digest, where set. Whoever has a dump of the store
    /// but not the pepper can't even test a guess. Changing it logs everyone out.
    pub pepper: Option<Pepper>,

    /// The most bytes of application data that a session may hold (16 KiB), at most
    /// [`limits::DATA_BYTES`].
    pub max_data_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            absolute_timeout: 30 * DAY,
            idle_timeout: None,
            touch_interval: Duration::from_secs(60),
            limit: None,
            history: Some(History::default()),
            known_devices: KnownDevices::default(),
            pepper: None,
            max_data_bytes: 16 * 1024,
        }
    }
}

impl Config {
    /// Whether the settings go together; every store checks when it is made.
    ///
    /// # Errors
    ///
    /// The first field that doesn't, by name.
    pub fn check(&self) -> Result<(), ConfigError> {
        timeout("absolute_timeout", self.absolute_timeout)?;
        if let Some(idle) = self.idle_timeout {
            timeout("idle_timeout", idle)?;
            if self.touch_interval > idle / 2 {
                return Err(ConfigError::new(
                    "touch_interval",
                    "must be at most half of idle_timeout, or active sessions would end as idle",
                ));
            }
        }
        if self.limit.is_some_and(|limit| limit.max.get() > Limit::MAX) {
            return Err(ConfigError::new(
                "limit.max",
                format!("must be at most {}; None is no limit", Limit::MAX),
            ));
        }
        if let Some(history) = &self.history {
            timeout("history.retention", history.retention)?;
            if history.max_per_user > History::MAX_PER_USER {
                return Err(ConfigError::new(
                    "history.max_per_user",
                    format!("must be at most {}", History::MAX_PER_USER),
                ));
            }
        }
        timeout("known_devices.retention", self.known_devices.retention)?;
        if self.known_devices.max_per_user > KnownDevices::MAX_PER_USER {
            return Err(ConfigError::new(
                "known_devices.max_per_user",
                format!("must be at most {}", KnownDevices::MAX_PER_USER),
            ));
        }
        if self.max_data_bytes > limits::DATA_BYTES {
            return Err(ConfigError::new(
                "max_data_bytes",
                format!("must be at most {}", limits::DATA_BYTES),
            ));
        }
        Ok(())
    }
}

/// Between a millisecond and a century: what a record's fields and Redis's arithmetic can hold.
fn timeout(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value < Duration::from_millis(1) {
        return Err(ConfigError::new(field, "must be at least 1 ms"));
    }
    if value > limits::TIMEOUT {
        return Err(ConfigError::new(field, "must be at most 100 years"));
    }
    Ok(())
}

/// A setting that doesn't make sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ConfigError {
    /// The field of [`Config`] (or of the back end's options).
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }
}

/// How many sessions a user may have at once, and what happens to one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most sessions a user may have. An eviction compares all of them, and Redis serves nobody
    /// else meanwhile: 2 ms for 1,000, 20 ms for 10,000.
    pub max: NonZeroU32,
    /// What a create does when the user has that many.
    pub policy: LimitPolicy,
}

impl Limit {
    /// The most that [`max`](Self::max) may be; a user who needs more needs no limit.
    pub const MAX: u32 = 10_000;

    /// A limit of `max`; `None` where `max` is zero.
    #[must_use]
    pub fn new(max: u32, policy: LimitPolicy) -> Option<Self> {
        NonZeroU32::new(max).map(|max| Self { max, policy })
    }
}

/// What a create does when the user has as many sessions as allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitPolicy {
    /// Ends the session that was created first.
    #[default]
    EvictOldest,
    /// Ends the session whose last activity is longest ago.
    EvictLeastRecentlyActive,
    /// Creates nothing: [`Error::LimitReached`](crate::Error::LimitReached).
    Reject,
}

/// What is kept of sessions that ended: bounded in number and in time, for each user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The most ended sessions that are kept of a user (100); older ones make room.
    pub max_per_user: u32,
    /// How long an ended session is kept (30 days).
    pub retention: Duration,
}

impl History {
    /// The most that [`max_per_user`](Self::max_per_user) may be.
    pub const MAX_PER_USER: u32 = 1000;
}

impl Default for History {
    fn default() -> Self {
        Self {
            max_per_user: 100,
            retention: 30 * DAY,
        }
    }
}

/// Which devices of a user are remembered after their sessions have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevices {
    /// The most devices without a session that are remembered of a user (50); those whose session
    /// ran out first make room, when a session with a device is created.
    pub max_per_user: u32,
    /// How long a device is remembered after its last session ran out (365 days). As long is it
    /// remembered that the store has had sessions of the user at all.
    pub retention: Duration,
}

impl KnownDevices {
    /// The most that [`max_per_user`](Self::max_per_user) may be.
    pub const MAX_PER_USER: u32 = 1000;
}

impl Default for KnownDevices {
    fn default() -> Self {
        Self {
            max_per_user: 50,
            retention: 365 * DAY,
        }
    }
}

/// A secret key of the service; see [`Config::pepper`]. `Debug` doesn't show it.
#[derive(Clone)]
pub struct Pepper(Box<[u8]>);

impl Pepper {
    /// The fewest bytes that are a pepper.
    pub const MIN_BYTES: usize = 16;

    /// A pepper of at least [`MIN_BYTES`](Self::MIN_BYTES) random bytes.
    ///
    /// # Errors
    ///
    /// Fewer bytes than that.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ConfigError> {
        let bytes = bytes.into();
        if bytes.len() < Self::MIN_BYTES {
            return Err(ConfigError::new(
                "pepper",
                format!("must be at least {} bytes", Self::MIN_BYTES),
            ));
        }
        Ok(Self(bytes.into_boxed_slice()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}
