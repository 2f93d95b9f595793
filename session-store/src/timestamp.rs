use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment by the store's own clock, in whole milliseconds since the Unix epoch (UTC).
///
/// Redis dates everything that happens to a session ([`RedisStore`](crate::RedisStore) never asks
/// the application server's clock), so two timestamps of one store can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// As late as a store keeps: what six bytes hold, in the year 10889.
    pub(crate) const END: Self = Self((1 << 48) - 1);

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment, `duration` later; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration_millis(duration)))
    }

    /// How long after `earlier` this moment is; zero where it isn't.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(timestamp.0)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(duration_millis(
            time.duration_since(UNIX_EPOCH).unwrap_or_default(),
        ))
    }
}

/// Whole milliseconds of a duration, saturating.
pub(crate) fn duration_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
