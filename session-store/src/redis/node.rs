//! A server: one shared connection to it, and the task that keeps that alive.
//!
//! A pool's checkout costs a round trip of its own, so the pool only makes connections here: a
//! supervisor takes one out of it for good, publishes it, and every call clones it. Concurrent
//! calls' commands travel together (the connection is multiplexed). When the connection breaks,
//! calls fail at once until the supervisor has made another; none waits for that.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use deadpool_redis::Pool;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ScriptInvocation, ServerErrorKind};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::clock::ServerClock;
use super::deadline::{Deadline, Passed};
use super::source::Sources;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// How often a connection that nobody complains about is checked, and the server's clock read.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The pauses between attempts to connect grow from the one to the other.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Where a node's connections come from.
pub(super) struct NodePool {
    pub(super) pool: Pool,
    /// Whether each of them bounds its calls by a timer of its own. Those of a service's pool do, and
    /// so have to know the deadline; and those of a cluster, whose calls take them from the node.
    pub(super) is_timed: bool,
}

/// A server, over a connection that all callers share. Dropping it ends the supervisor.
pub(super) struct Node {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
    beating: JoinHandle<()>,
}

struct Shared {
    /// Where it is, for the log.
    address: String,
    state: ArcSwap<State>,
    /// Counts the connections that were made; counted before calls can take the new one.
    made: AtomicU64,
    /// Wakes the supervisor: somebody's call failed.
    doubt: Notify,
    /// A write found that the server has become a replica.
    demoted: AtomicBool,
    clock: ServerClock,
    deadline: Deadline,
}

enum State {
    Up(MultiplexedConnection),
    Down(Cause),
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// There is no connection now.
    Down(Cause),
    /// No answer within the deadline.
    Timeout,
    /// The connection broke, or the server answered with an error.
    Redis(RedisError),
}

impl From<RedisError> for CallError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl From<Passed> for CallError {
    fn from(Passed: Passed) -> Self {
        Self::Timeout
    }
}

impl CallError {
    pub(super) fn into_error(self, deadline: Duration) -> Error {
        use ServerErrorKind as Server;
        match self {
            Self::Down(cause) => Error::Unavailable(Box::new(cause)),
            Self::Timeout => Error::Timeout { deadline },
            Self::Redis(error) if error.is_timeout() => Error::Timeout { deadline },
            Self::Redis(error) => match error.kind() {
                ErrorKind::Io
                | ErrorKind::Server(
                    // The last four: a slot of a cluster moves, or has moved, or isn't served.
                    Server::BusyLoading
                    | Server::MasterDown
                    | Server::ReadOnly
                    | Server::Moved
                    | Server::Ask
                    | Server::TryAgain
                    | Server::ClusterDown,
                ) => Error::Unavailable(Box::new(error)),
                // Somebody else's script runs; replicas are missing.
                _ if matches!(error.code(), Some("BUSY" | "NOREPLICAS")) => {
                    Error::Unavailable(Box::new(error))
                }
                _ if error.is_unrecoverable_error() => Error::Unavailable(Box::new(error)),
                _ => Error::Refused(Box::new(error)),
            },
        }
    }
}

impl Node {
    /// Connects, and goes on supervising. Must be called inside a tokio runtime.
    pub(super) async fn open(
        pool: NodePool,
        address: &str,
        deadline: Duration,
        sources: Arc<Sources>,
    ) -> Result<Self> {
        let clock = ServerClock::new();
        let first = connect(&pool, deadline, &clock, &sources)
            .await
            .map_err(|error| error.into_error(deadline))?;
        let shared = Arc::new(Shared {
            address: address.to_owned(),
            state: ArcSwap::from_pointee(State::Up(first)),
            made: AtomicU64::new(1),
            doubt: Notify::new(),
            demoted: AtomicBool::new(false),
            clock,
            deadline: Deadline::new(deadline),
        });
        let supervisor = tokio::spawn(supervise(shared.clone(), pool, sources));
        let beating = shared.clone();
        let beating = tokio::spawn(async move { beating.deadline.beat().await });
        Ok(Self {
            shared,
            supervisor,
            beating,
        })
    }

    /// What the server's clock shows now, as far as can be told without asking.
    pub(super) fn time(&self, now: Instant) -> Timestamp {
        self.shared.clock.at(now)
    }

    /// Whether its connection stands, as far as anybody has noticed.
    pub(super) fn is_up(&self) -> bool {
        matches!(**self.shared.state.load(), State::Up(_))
    }

    /// Which connection it has now.
    pub(super) fn number(&self) -> u64 {
        self.shared.made.load(Ordering::Acquire)
    }

    /// The connection as it is now.
    pub(super) fn connection(&self) -> Result<MultiplexedConnection, CallError> {
        self.shared.current()
    }

    /// Runs a script. One that the server has forgotten takes three commands: one deadline for them
    /// all.
    pub(super) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        self.call(async |mut connection| call.invoke_async(&mut connection).await)
            .await
    }

    /// Runs a command.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        self.call(async |mut connection| {
            let reply = connection.send_packed_command(command).await?;
            Ok(redis::from_redis_value(reply.extract_error()?)?)
        })
        .await
    }

    /// Asks the server for the time, and remembers it.
    pub(super) async fn ping(&self) -> Result<()> {
        self.call(async |mut connection| read_clock(&mut connection, &self.shared.clock).await)
            .await
    }

    async fn call<T>(
        &self,
        work: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T> {
        let outcome = match self.shared.current() {
            Ok(connection) => {
                // Pinned here: what is handed on would stand in this future more than once.
                let work = pin!(work(connection));
                match self.shared.deadline.bound(work).await {
                    Ok(outcome) => outcome.map_err(CallError::Redis),
                    Err(passed) => Err(passed.into()),
                }
            }
            Err(down) => Err(down),
        };
        self.judge(outcome).await
    }

    /// Lets the supervisor look at the connection where an outcome casts doubt on it.
    pub(super) async fn judge<T>(&self, outcome: Result<T, CallError>) -> Result<T> {
        let read_only = ErrorKind::Server(ServerErrorKind::ReadOnly);
        let doubtful = match &outcome {
            Ok(_) => false,
            Err(CallError::Redis(error)) if error.kind() == read_only => {
                self.shared.demoted.store(true, Ordering::Relaxed);
                true
            }
            Err(CallError::Redis(error)) => error.is_io_error() || error.is_unrecoverable_error(),
            Err(CallError::Timeout | CallError::Down(_)) => true,
        };
        if doubtful {
            self.shared.doubt.notify_one();
            // A dead connection fails without ever waiting: callers that try again in a loop would
            // keep the supervisor from running at all.
            yield_now().await;
        }
        outcome.map_err(|error| error.into_error(self.shared.deadline.after))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.supervisor.abort();
        self.beating.abort();
    }
}

impl Shared {
    fn current(&self) -> Result<MultiplexedConnection, CallError> {
        match &**self.state.load() {
            State::Up(connection) => Ok(connection.clone()),
            State::Down(cause) => Err(CallError::Down(cause.clone())),
        }
    }

    fn set_up(&self, connection: MultiplexedConnection) {
        self.made.fetch_add(1, Ordering::AcqRel);
        self.state.store(Arc::new(State::Up(connection)));
    }

    fn set_down(&self, cause: Cause) {
        self.state.store(Arc::new(State::Down(cause)));
    }
}

/// Checks the connection when in doubt and every now and then; makes another when it is broken, or
/// leads to a server that has become a replica: the address may lead elsewhere by now.
async fn supervise(shared: Arc<Shared>, pool: NodePool, sources: Arc<Sources>) {
    let mut pause = RETRY.0;
    let mut made = Instant::now();
    loop {
        if let Ok(mut connection) = shared.current() {
            let _ = timeout(CHECK_INTERVAL, shared.doubt.notified()).await;
            let check = pin!(read_clock(&mut connection, &shared.clock));
            let checked = shared.deadline.bound(check).await;
            let checked = checked.map_err(CallError::from);
            if let Err(error) = checked.and_then(|read| read.map_err(CallError::Redis)) {
                let error = error.into_error(shared.deadline.after);
                tracing::warn!(address = shared.address, %error, "lost the connection to Redis");
                shared.set_down(Arc::new(error));
            } else if made.elapsed() >= CHECK_INTERVAL
                && shared.demoted.swap(false, Ordering::Relaxed)
            {
                made = Instant::now();
                // Until there is another, and if there is none, this one still serves reads.
                if let Ok(connection) =
                    connect(&pool, shared.deadline.after, &shared.clock, &sources).await
                {
                    tracing::info!(
                        address = shared.address,
                        "the server is a replica; connected to Redis again"
                    );
                    shared.set_up(connection);
                }
            }
            continue;
        }
        match connect(&pool, shared.deadline.after, &shared.clock, &sources).await {
            Ok(connection) => {
                tracing::info!(address = shared.address, "connected to Redis again");
                shared.set_up(connection);
                pause = RETRY.0;
            }
            Err(error) => {
                shared.set_down(Arc::new(error.into_error(shared.deadline.after)));
                sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

/// Takes a connection out of the pool for good: shared with everyone here, it must not be somebody
/// else's too, who might block it or select another database.
async fn connect(
    pool: &NodePool,
    deadline: Duration,
    clock: &ServerClock,
    sources: &Sources,
) -> Result<MultiplexedConnection, CallError> {
    let object = timeout(deadline, pool.pool.get())
        .await
        .map_err(|_| CallError::Timeout)?
        .map_err(|error| CallError::Down(Arc::new(error)))?;
    let mut connection = deadpool_redis::Connection::take(object);
    if pool.is_timed {
        connection.set_response_timeout(deadline);
    }
    // Loading now spares the first calls a round trip each; they would manage without.
    let mut load = redis::pipe();
    for source in sources.texts() {
        load.cmd("SCRIPT").arg("LOAD").arg(source).ignore();
    }
    let prepared = async {
        // First, so that a missing password is one error and not one for each script.
        read_clock(&mut connection, clock).await?;
        load.query_async::<()>(&mut connection).await
    };
    let prepared = timeout(deadline, prepared).await;
    prepared
        .map_err(|_| CallError::Timeout)?
        .map_err(CallError::Redis)?;
    Ok(connection)
}

async fn read_clock(
    connection: &mut MultiplexedConnection,
    clock: &ServerClock,
) -> Result<(), RedisError> {
    let asked = clock.elapsed_millis();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(connection).await?;
    clock.set(seconds * 1000 + micros / 1000, asked);
    Ok(())
}
