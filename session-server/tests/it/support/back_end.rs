use session_store::{Config, MemoryStore, SessionStore};

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

/// Makes a test, once for each back end, of each `async fn name<B: BackEnd>()` in the module.
macro_rules! on_every_back_end {
    ($($test:ident),+ $(,)?) => {
        $crate::support::on_every_back_end!(@ memory, $crate::support::Memory, $($test),+);
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
