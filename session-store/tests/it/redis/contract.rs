//! The Redis back end keeps the contract.

use std::sync::Mutex;
use std::time::Duration;

use session_store::contract::Harness;
use session_store::{Config, RedisOptions, RedisStore, SessionStore};
use session_test::RedisServer;

use crate::model::{Compare, compare};

/// A server whose time stands still, and the stores that were made on it, each with a prefix of
/// its own.
pub(crate) struct OnRedis {
    server: RedisServer,
    stores: Mutex<Vec<RedisStore>>,
}

impl OnRedis {
    pub(crate) fn new() -> Self {
        Self::on(RedisServer::builder().stopped_clock().start())
    }

    pub(super) fn on(server: RedisServer) -> Self {
        let stores = Mutex::default();
        Self { server, stores }
    }
}

impl Harness for OnRedis {
    type Store = RedisStore;

    async fn store(&self, config: Config) -> RedisStore {
        let number = self.stores.lock().unwrap().len();
        let options = RedisOptions {
            prefix: format!("store-{number}"),
            deadline: Duration::from_secs(20),
            ..RedisOptions::default()
        };
        let store = RedisStore::connect(&self.server.unix_url(), config, options)
            .await
            .unwrap();
        self.stores.lock().unwrap().push(store.clone());
        store
    }

    async fn advance(&self, by: Duration) {
        self.server.advance(by);
        // A store reads the server's clock once a second; nobody but a test is ahead of that.
        let stores = self.stores.lock().unwrap().clone();
        for store in stores {
            store.ping().await.unwrap();
        }
    }
}

session_store::contract_tests!(OnRedis::new());

/// As [`OnRedis`], for thousands of stores: keeps only the last one.
pub(crate) struct OneByOne(pub(crate) OnRedis);

impl Harness for OneByOne {
    type Store = RedisStore;

    async fn store(&self, config: Config) -> RedisStore {
        redis::cmd("FLUSHALL")
            .exec(&mut self.0.server.connection())
            .unwrap();
        self.0.stores.lock().unwrap().clear();
        self.0.store(config).await
    }

    async fn advance(&self, by: Duration) {
        self.0.advance(by).await;
    }
}

#[test]
fn redis_answers_as_the_model() {
    compare(&OneByOne(OnRedis::new()), Compare::Contract, 3000);
}
