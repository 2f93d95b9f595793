//! A cluster keeps the contract.

use std::sync::Mutex;
use std::time::Duration;

use session_store::contract::Harness;
use session_store::{Config, RedisOptions, RedisStore, SessionStore};
use session_test::RedisCluster;

/// A cluster whose time stands still, and the stores that were made on it, each with a prefix of
/// its own.
struct OnCluster {
    cluster: RedisCluster,
    stores: Mutex<Vec<RedisStore>>,
}

impl OnCluster {
    fn new() -> Self {
        Self {
            cluster: super::start(),
            stores: Mutex::default(),
        }
    }
}

impl Harness for OnCluster {
    type Store = RedisStore;

    async fn store(&self, config: Config) -> RedisStore {
        let number = self.stores.lock().unwrap().len();
        let options = RedisOptions {
            prefix: format!("store-{number}"),
            deadline: Duration::from_secs(20),
            ..RedisOptions::default()
        };
        let store = RedisStore::connect(&self.cluster.url(), config, options)
            .await
            .unwrap();
        self.stores.lock().unwrap().push(store.clone());
        store
    }

    async fn advance(&self, by: Duration) {
        self.cluster.advance(by);
        // A store reads the servers' clocks once a second; nobody but a test is ahead of that.
        let stores = self.stores.lock().unwrap().clone();
        for store in stores {
            store.ping().await.unwrap();
        }
    }
}

session_store::contract_tests!(OnCluster::new());
