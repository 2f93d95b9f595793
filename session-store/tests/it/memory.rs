//! The embedded store keeps the contract.

use std::time::Duration;

use session_store::contract::Harness;
use session_store::{Config, ManualClock, MemoryStore};

pub(crate) struct Memory(pub(crate) ManualClock);

impl Harness for Memory {
    type Store = MemoryStore;

    async fn store(&self, config: Config) -> MemoryStore {
        let clock = self.0.clone();
        MemoryStore::with_clock(config, move || clock.now()).expect("a sound configuration")
    }

    async fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

session_store::contract_tests!(Memory(ManualClock::new()));
