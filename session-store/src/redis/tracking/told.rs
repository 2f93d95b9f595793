use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Until when everything is told, by the connection that tells now.
pub(super) struct Told {
    origin: Instant,
    /// Nanoseconds since `origin`, and one; 0 = nothing is told.
    until: AtomicU64,
    /// Which of the store's own connections it is told for.
    store: AtomicU64,
    /// Which connection tells; 0 = none. Held while the others change, so that a connection that is
    /// lost has the last word on itself.
    teller: Mutex<Teller>,
}

#[derive(Default)]
struct Teller {
    now: u64,
    last: u64,
}

impl Told {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            until: AtomicU64::new(0),
            store: AtomicU64::new(0),
            teller: Mutex::default(),
        }
    }

    /// A number for a connection that is to tell.
    pub(super) fn begin(&self) -> u64 {
        self.change(|teller| {
            teller.last += 1;
            teller.now = teller.last;
            self.until.store(0, Ordering::Release);
            teller.now
        })
    }

    /// Everything up to `until` is told. Answers whether that counts: not from a connection that was
    /// lost, and not for another of the store's connections than at first.
    pub(super) fn confirm(&self, number: u64, store: u64, until: Instant) -> bool {
        self.change(|teller| {
            let is_first = self.until.load(Ordering::Relaxed) == 0;
            let counts = is_first || self.store.load(Ordering::Relaxed) == store;
            if teller.now != number || !counts {
                return false;
            }
            let nanos = until.saturating_duration_since(self.origin).as_nanos();
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX - 1);
            self.store.store(store, Ordering::Relaxed);
            self.until.store(nanos + 1, Ordering::Release);
            true
        })
    }

    pub(super) fn lose(&self, number: u64) {
        self.change(|teller| {
            if teller.now == number {
                teller.now = 0;
                self.until.store(0, Ordering::Release);
            }
        });
    }

    pub(super) fn until(&self, store: u64) -> Option<Instant> {
        let nanos = self.until.load(Ordering::Acquire).checked_sub(1)?;
        let is_told_for = self.store.load(Ordering::Relaxed) == store;
        is_told_for.then(|| self.origin + Duration::from_nanos(nanos))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Teller) -> T) -> T {
        // Nothing that panics is called under the lock.
        change(&mut self.teller.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: u64 = 7;

    #[test]
    fn a_heartbeat_moves_it_on() {
        let told = Told::new();
        let link = told.begin();
        assert_eq!(told.until(STORE), None);
        let (first, second) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        assert!(told.confirm(link, STORE, first));
        assert_eq!(told.until(STORE), Some(first));
        assert!(told.confirm(link, STORE, second));
        assert_eq!(told.until(STORE), Some(second));
    }

    #[test]
    fn a_connection_that_was_lost_tells_nothing_more() {
        let told = Told::new();
        let link = told.begin();
        told.lose(link);
        assert!(!told.confirm(link, STORE, Instant::now()));
        assert_eq!(told.until(STORE), None);
    }

    #[test]
    fn a_connection_before_has_no_say_in_the_next() {
        let told = Told::new();
        let (before, now) = (told.begin(), told.begin());
        let at = Instant::now();
        assert!(!told.confirm(before, STORE, at));
        assert!(told.confirm(now, STORE, at));
        told.lose(before);
        assert_eq!(told.until(STORE), Some(at));
    }

    #[test]
    fn it_is_told_for_one_connection_of_the_store() {
        let told = Told::new();
        let link = told.begin();
        assert!(told.confirm(link, STORE, Instant::now()));
        assert_eq!(told.until(STORE + 1), None);
        assert!(!told.confirm(link, STORE + 1, Instant::now()));
    }
}
