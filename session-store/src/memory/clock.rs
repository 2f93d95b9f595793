use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::timestamp::{Timestamp, duration_millis};

/// A clock that stands still until it is told to move: for tests of what time does to sessions.
///
/// ```
/// use std::time::Duration;
/// use session_store::{Config, ManualClock, MemoryStore, NewSession, SessionStore, UserId};
///
/// # tokio_test::block_on(async {
/// let config = Config { idle_timeout: Some(Duration::from_secs(600)), ..Config::default() };
/// let clock = ManualClock::new();
/// let store = MemoryStore::with_clock(config, {
///     let clock = clock.clone();
///     move || clock.now()
/// })?;
/// let login = store.create(NewSession::new(UserId::from(74))).await?;
///
/// clock.advance(Duration::from_secs(600));
/// assert!(store.peek(&login.token).await?.is_some());
/// clock.advance(Duration::from_millis(1));
/// assert!(store.peek(&login.token).await?.is_none());
/// # Ok::<(), session_store::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at 2001-09-09T01:46:40Z. Its clones move together.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000_000_000)))
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock on, in whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(duration_millis(by), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
