//! Who changes what, told by the server itself: client tracking, in broadcasting mode, over a
//! connection of its own.
//!
//! **What is told.** Whatever changes a key that begins with the store's prefix: scripts, expiry,
//! eviction, hands; flushing everything is told as such. The connection's driver hands each message
//! on before it reads the next, so what is told before a reply is known here before the reply is.
//!
//! **What a heartbeat proves.** Redis tells of a cycle's changes at the end of the cycle, so the
//! reply to a heartbeat may overtake a change of its own cycle, and of no cycle before. The
//! heartbeat before this one was answered before this one was sent: it was of an earlier cycle, and
//! so was every change up to its being sent. So a reply proves that everything is told that had been
//! changed when the *previous* heartbeat was sent.
//!
//! **What a connection proves at its start.** Changes are told of one server, and sessions are read
//! over another connection. Only if a change made over the one is told on the other do they lead to
//! the same server; until then, and as soon as the store's connection is replaced, nothing counts as
//! told.

mod told;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisError,
    ServerErrorKind, Value,
};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::sleep;

use self::told::Told;
use super::RedisStore;
use super::connection::CallError;
use crate::changes::{ChangeFeed, ChangeListener, ChangesError};
use crate::error::Error;
use crate::timestamp::Timestamp;
use crate::token::random_text;

/// The pause between attempts to connect again.
const RETRY: Duration = Duration::from_millis(100);
/// How long the key lives whose change is to be told, ms.
const PROBE_MS: u64 = 10_000;

/// The feed of changes of one server. Dropping it ends the thread behind it.
pub(super) struct Tracking {
    tracker: Arc<Tracker>,
    _wanted: oneshot::Sender<Infallible>,
}

impl Tracking {
    /// Begins to tell; what is changed after this returns is told.
    ///
    /// On a thread of its own: where the service's tasks keep every thread of its runtime busy, a
    /// revocation would wait for its turn there, and so would the signs of life.
    pub(super) async fn start(
        store: RedisStore,
        listener: Arc<dyn ChangeListener>,
        heartbeat: Duration,
    ) -> Result<Self, ChangesError> {
        let tracker = Arc::new(Tracker {
            client: client(&store)?,
            store,
            listener,
            told: Told::new(),
        });
        let (wanted, unwanted) = oneshot::channel();
        let (begun, has_begun) = oneshot::channel();
        let telling = tell(tracker.clone(), begun, heartbeat);
        let telling = async {
            tokio::select! {
                () = telling => {}
                _ = unwanted => {}
            }
        };
        run(telling).map_err(|error| Error::Unavailable(Box::new(error)))?;
        let ended = |_| Error::Unavailable("the thread that hears of changes has ended".into());
        has_begun.await.map_err(ended)??;
        Ok(Self {
            tracker,
            _wanted: wanted,
        })
    }
}

/// Runs a future to its end on a thread of its own.
fn run(future: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("session changes".into());
    thread.spawn(move || runtime.block_on(future))?;
    Ok(())
}

impl ChangeFeed for Tracking {
    fn told_until(&self, _: Instant) -> Option<Instant> {
        self.tracker.told.until(self.tracker.number())
    }

    fn time(&self, now: Instant) -> Timestamp {
        self.tracker.store.scripts().connection.server_time_at(now)
    }
}

/// Where streams of events connect to, in the protocol that has messages of the server's own.
fn client(store: &RedisStore) -> Result<Client, ChangesError> {
    let Some(client) = &store.inner.events else {
        return Err(ChangesError::Unsupported(
            "the store was made from a pool, without RedisOptions::events",
        ));
    };
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone();
    let info = info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3));
    Client::open(info).map_err(|error| refused(store, error))
}

struct Tracker {
    client: Client,
    store: RedisStore,
    listener: Arc<dyn ChangeListener>,
    told: Told,
}

/// A connection that tells of changes.
struct Link {
    number: u64,
    connection: MultiplexedConnection,
    /// When the last request was sent that has been answered.
    answered: Instant,
}

/// Goes on telling, over one connection after the other. Gives up where the first can't be had.
async fn tell(
    tracker: Arc<Tracker>,
    begun: oneshot::Sender<Result<(), ChangesError>>,
    heartbeat: Duration,
) {
    let (link, outcome) = match tracker.clone().connect().await {
        Ok(link) => (Some(link), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // An error means that nobody waits for it any more, and that the thread ends here or soon.
    let _ = begun.send(outcome);
    let Some(mut link) = link else {
        return;
    };
    loop {
        let error = tracker.beat(&mut link, heartbeat).await;
        tracker.lose(link.number);
        tracing::warn!(%error, "changes go untold: nothing is served from memory");
        link = loop {
            match tracker.clone().connect().await {
                Ok(link) => break link,
                Err(error) => tracing::debug!(%error, "changes still go untold"),
            }
            sleep(RETRY).await;
        };
        tracing::info!("changes are told again");
    }
}

impl Tracker {
    /// The number of the store's own connection.
    fn number(&self) -> u64 {
        self.store.scripts().connection.number()
    }

    /// Lets a connection tell, and counts what it tells once it has proved that it does.
    async fn connect(self: Arc<Self>) -> Result<Link, ChangesError> {
        let number = self.told.begin();
        let store_number = self.number();
        let probe = Arc::new(Probe::new(self.store.scripts().keys.probe(&random_text()?)));
        let opened = self.open(number, probe.clone()).await;
        let mut connection = opened.map_err(|error| refused(&self.store, error))?;
        let begun = Instant::now();
        self.track(&mut connection).await?;
        self.change(&probe).await?;
        // What was changed before the first is told before the second is answered.
        for _ in 0..2 {
            let answer = ping(&mut connection).await;
            answer.map_err(|error| refused(&self.store, error))?;
        }
        if !probe.told.load(Ordering::Acquire) {
            return Err(ChangesError::Untold);
        }
        // Whoever noted something before, may have read it before it was told of.
        self.listener.all_changed();
        self.told.confirm(number, store_number, begun);
        Ok(Link {
            number,
            connection,
            answered: begun,
        })
    }

    async fn open(
        self: &Arc<Self>,
        number: u64,
        probe: Arc<Probe>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let tracker = self.clone();
        let deadline = Some(self.store.inner.deadline);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(deadline)
            .set_response_timeout(deadline)
            .set_push_sender(move |push| {
                tracker.hear(number, &probe, push);
                Ok::<_, Infallible>(())
            });
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    async fn track(&self, connection: &mut MultiplexedConnection) -> Result<(), ChangesError> {
        let mut track = redis::cmd("CLIENT");
        track.arg(&["TRACKING", "ON", "BCAST", "PREFIX"]);
        track.arg(self.store.scripts().keys.start());
        let answer: Result<(), RedisError> = track.query_async(connection).await;
        answer.map_err(|error| match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm) => ChangesError::Right {
                command: "CLIENT TRACKING",
                right: "client|tracking",
            },
            _ => refused(&self.store, error),
        })
    }

    /// Changes the probe's key over the store's own connection.
    async fn change(&self, probe: &Probe) -> Result<(), Error> {
        let mut set = redis::cmd("SET");
        set.arg(&probe.key).arg("").arg("PX").arg(PROBE_MS);
        self.store.scripts().connection.query(&set).await
    }

    /// Asks for signs of life until there is none, or what is told is no longer what is read.
    async fn beat(&self, link: &mut Link, heartbeat: Duration) -> Error {
        loop {
            sleep(heartbeat).await;
            let sent = Instant::now();
            if let Err(error) = ping(&mut link.connection).await {
                return CallError::Redis(error).into_error(self.store.inner.deadline);
            }
            if !self.told.confirm(link.number, self.number(), link.answered) {
                return Error::Unavailable("one of the store's connections was replaced".into());
            }
            link.answered = sent;
        }
    }

    /// What the server says on its own account, in the order in which it says it.
    fn hear(&self, number: u64, probe: &Probe, push: PushInfo) {
        match push.kind {
            PushKind::Invalidate => match push.data.into_iter().next() {
                Some(Value::Array(keys)) => self.keys_changed(probe, &keys),
                // Everything was flushed.
                _ => self.listener.all_changed(),
            },
            PushKind::Disconnection => self.lose(number),
            _ => {}
        }
    }

    fn keys_changed(&self, probe: &Probe, keys: &[Value]) {
        for key in keys {
            match key {
                Value::BulkString(key) => {
                    if let Some(id) = self.store.scripts().keys.session(key) {
                        self.listener.changed(id);
                    } else if *key == probe.key.as_bytes() {
                        probe.told.store(true, Ordering::Release);
                    }
                }
                // No server names a key otherwise.
                _ => self.listener.all_changed(),
            }
        }
    }

    /// Nothing more is told by this connection.
    fn lose(&self, number: u64) {
        self.told.lose(number);
        self.listener.all_changed();
    }
}

/// A key, and whether its change was told.
struct Probe {
    key: String,
    told: AtomicBool,
}

impl Probe {
    fn new(key: String) -> Self {
        let told = AtomicBool::new(false);
        Self { key, told }
    }
}

async fn ping(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    redis::cmd("PING").query_async(connection).await
}

fn refused(store: &RedisStore, error: RedisError) -> ChangesError {
    CallError::Redis(error)
        .into_error(store.inner.deadline)
        .into()
}
