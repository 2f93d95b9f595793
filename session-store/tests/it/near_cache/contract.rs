//! With a near cache in front of it, a store keeps the contract as it does without.

use std::time::Duration;

use session_store::contract::Harness;
use session_store::{Config, ManualClock, NearCache, NearCacheOptions};

use crate::memory::Memory;
use crate::model::{Compare, compare};
use crate::redis::contract::{OnRedis, OneByOne};

/// Puts a cache in front of another harness's stores.
struct Cached<H>(H);

impl<H: Harness> Harness for Cached<H> {
    type Store = NearCache<H::Store>;

    async fn store(&self, config: Config) -> Self::Store {
        let store = self.0.store(config).await;
        let options = NearCacheOptions {
            max_bytes: 4 * 1024 * 1024,
            // Longer than a busy machine holds a test up: what is tested is what memory answers.
            max_staleness: Duration::from_secs(60),
            ..NearCacheOptions::default()
        };
        NearCache::new(store, options).await.unwrap()
    }

    async fn advance(&self, by: Duration) {
        self.0.advance(by).await;
    }
}

mod memory {
    use super::*;

    session_store::contract_tests!(Cached(Memory(ManualClock::new())));
}

mod redis {
    use super::*;

    session_store::contract_tests!(Cached(OnRedis::new()));
}

#[test]
fn in_front_of_the_embedded_store_it_answers_as_the_model() {
    let harness = Cached(Memory(ManualClock::new()));
    compare(&harness, Compare::Everything, 4000);
}

#[test]
fn in_front_of_redis_it_answers_as_the_model() {
    compare(&Cached(OneByOne(OnRedis::new())), Compare::Contract, 3000);
}
