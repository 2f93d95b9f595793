use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::timestamp::Timestamp;

/// A server's clock, followed from its last reading by the local monotonic clock. What the local
/// wall clock shows doesn't matter.
///
/// Never behind the server's, and ahead by no more than the reading took: a touch that is thought due
/// a moment early is decided by the script, one that is thought due late would be missed.
pub(super) struct ServerClock {
    origin: Instant,
    /// The server's time at `origin`, ms.
    origin_millis: AtomicI64,
}

impl ServerClock {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            origin_millis: AtomicI64::new(0),
        }
    }

    pub(super) fn elapsed_millis(&self) -> i64 {
        self.millis_until(Instant::now())
    }

    fn millis_until(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.origin);
        i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
    }

    /// The server showed `millis` at some time after `asked`; both are rounded down.
    pub(super) fn set(&self, millis: i64, asked: i64) {
        let origin_millis = millis + 1 - asked;
        self.origin_millis.store(origin_millis, Ordering::Relaxed);
    }

    /// What it shows at `now`.
    pub(super) fn at(&self, now: Instant) -> Timestamp {
        let millis = self.origin_millis.load(Ordering::Relaxed) + self.millis_until(now) + 1;
        Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
