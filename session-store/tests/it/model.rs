//! Random sequences of calls, answered by a store and by a model that is too simple to be wrong.
//!
//! The model keeps everything in a `Vec` and looks through all of it each time. It is written from
//! the contract and shares no code with any store. Every answer is compared, every timestamp, and
//! the events at the end.

mod case;
mod devices;
mod listing;
mod names;
mod reference;
mod runner;
mod telling;
mod view;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::test_runner::{Config as Settings, TestRunner};
use session_store::ManualClock;
use session_store::contract::Harness;

use self::runner::Runner;
pub(crate) use self::telling::Compare;
use crate::memory::Memory;

/// Sequences in a run, where `PROPTEST_CASES` doesn't say otherwise.
const SEQUENCES: u32 = 4000;

/// From so many on, everything that is worth comparing is certain to have happened.
const ENOUGH: u32 = SEQUENCES;

/// What has to happen now and then, or the comparison is worth little.
const WORTH_COMPARING: [&str; 21] = [
    "addresses change",
    "all end",
    "conflict",
    "created",
    "device is known",
    "device is new",
    "ended sessions are paged",
    "evicted",
    "expired",
    "live sessions are paged",
    "logout",
    "others end",
    "others live while one is gone",
    "page by expiry",
    "page goes over to ended sessions",
    "refused",
    "replaced",
    "replaced by update",
    "revoked",
    "rotated",
    "user is forgotten",
];

/// Compares so many sequences, each on a store of its own, one after the other.
pub(crate) fn compare<H: Harness>(harness: &H, compared: Compare, sequences: u32) {
    let mut settings = Settings {
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..Settings::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        settings.cases = sequences;
    }
    let cases = settings.cases;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let happened = RefCell::new(BTreeSet::new());
    let compared = TestRunner::new(settings).run(&case::cases(), |case| {
        let seen = runtime.block_on(Runner::run(harness, compared, case));
        happened.borrow_mut().extend(seen);
        Ok(())
    });
    if let Err(difference) = compared {
        panic!("{difference}\n{difference:#?}");
    }
    for what in WORTH_COMPARING {
        let happened = happened.borrow().contains(what);
        assert!(happened || cases < ENOUGH, "never happened: {what}");
    }
}

#[test]
fn the_embedded_store_answers_as_the_model() {
    let harness = Memory(ManualClock::new());
    compare(&harness, Compare::Everything, SEQUENCES);
}
