use std::time::Duration;

use session_store::{Config, MemoryStore, RedisOptions, RedisStore, SessionStore};
use session_test::RedisServer;

/// What a store needs around it for as long as a test runs.
pub(crate) trait BackEnd: Sized + Send + 'static {
    type Store: SessionStore;

    async fn start(config: Config) -> (Self, Self::Store);
}

/// The embedded store.
pub(crate) struct Memory;

impl BackEnd for Memory {
    type Store = MemoryStore;

    async fn start(config: Config) -> (Self, MemoryStore) {
        (Self, MemoryStore::new(config).unwrap())
    }
}

/// A real Redis of the test's own.
pub(crate) struct Redis(RedisServer);

impl Redis {
    /// Breaks the connections that hear of events.
    pub(crate) fn kill_subscriptions(&self) {
        let mut connection = self.0.connection();
        let kill = redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "PUBSUB"])
            .to_owned();
        let killed: u64 = kill.query(&mut connection).unwrap();
        assert!(killed > 0, "nobody listens");
    }

    /// Another store on the same Redis, as another server has one.
    pub(crate) async fn store(&self, config: Config) -> RedisStore {
        // Longer than a busy machine holds a test up.
        let deadline = Duration::from_secs(20);
        let options = RedisOptions {
            deadline,
            ..RedisOptions::default()
        };
        let store = RedisStore::connect(&self.0.unix_url(), config, options).await;
        store.unwrap()
    }
}

impl BackEnd for Redis {
    type Store = RedisStore;

    async fn start(config: Config) -> (Self, RedisStore) {
        let redis = Self(RedisServer::start());
        let store = redis.store(config).await;
        (redis, store)
    }
}

/// Makes a test, once for each back end, of each `async fn name<B: BackEnd>()` in the module.
macro_rules! on_every_back_end {
    ($($test:ident),+ $(,)?) => {
        $crate::support::on_every_back_end!(@ memory, $crate::support::Memory, $($test),+);
        $crate::support::on_every_back_end!(@ redis, $crate::support::Redis, $($test),+);
    };
    (@ $module:ident, $back_end:ty, $($test:ident),+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test::<$back_end>().await;
                }
            )+
        }
    };
}

pub(crate) use on_every_back_end;
