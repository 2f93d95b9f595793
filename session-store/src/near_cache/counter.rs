use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// More than most machines have threads that validate.
const PLACES: usize = 16;

/// A count that many threads add to: each in a place of its own, since one that all share would pass
/// from core to core with every hit.
#[derive(Default)]
pub(super) struct Counter([Place; PLACES]);

/// As far apart as processors fetch memory.
#[derive(Default)]
#[repr(align(128))]
struct Place(AtomicU64);

thread_local! {
    static PLACE: Cell<usize> = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % PLACES)
    };
}

impl Counter {
    pub(super) fn add(&self) {
        let place = PLACE.with(Cell::get);
        self.0[place].0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sum(&self) -> u64 {
        let counts = self.0.iter().map(|place| place.0.load(Ordering::Relaxed));
        counts.sum()
    }
}
