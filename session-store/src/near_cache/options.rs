use std::time::Duration;

use crate::config::ConfigError;

/// How much of a [`NearCache`](crate::NearCache)'s bound may pass between two heartbeats: so that a
/// few that are late don't matter.
const HEARTBEATS_IN_BOUND: u32 = 5;

/// What a [`NearCache`](crate::NearCache) may hold, and for how long it believes what it holds.
#[derive(Clone, Debug)]
pub struct NearCacheOptions {
    /// The most bytes of memory (64 MiB). A session takes about 700, most of it for keeping it at
    /// hand; one with much application data takes that too.
    pub max_bytes: usize,

    /// The most sessions (1,000,000).
    pub max_entries: usize,

    /// How old an answer may be (1 s): what was changed longer before a call, the call sees. Changes
    /// are told within milliseconds; this is the bound where they aren't, because the network has
    /// fallen silent. A fifth of it is how often the store's connection is asked for a sign of life.
    pub max_staleness: Duration,
}

impl Default for NearCacheOptions {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_entries: 1_000_000,
            max_staleness: Duration::from_secs(1),
        }
    }
}

impl NearCacheOptions {
    /// The least that [`max_bytes`](Self::max_bytes) may be.
    pub const MIN_BYTES: usize = 64 * 1024;

    /// Between what [`max_staleness`](Self::max_staleness) may be.
    pub const STALENESS: (Duration, Duration) =
        (Duration::from_millis(10), Duration::from_secs(60));

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.max_bytes < Self::MIN_BYTES {
            let reason = format!("must be at least {}", Self::MIN_BYTES);
            return Err(ConfigError::new("max_bytes", reason));
        }
        if self.max_entries == 0 {
            return Err(ConfigError::new("max_entries", "must be at least 1"));
        }
        let (least, most) = Self::STALENESS;
        if self.max_staleness < least || self.max_staleness > most {
            let reason = "must be between 10 ms and 60 s";
            return Err(ConfigError::new("max_staleness", reason));
        }
        Ok(())
    }

    pub(super) fn heartbeat(&self) -> Duration {
        self.max_staleness / HEARTBEATS_IN_BOUND
    }
}
