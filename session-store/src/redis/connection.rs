//! One shared connection, and the task that keeps it alive.
//!
//! A pool's checkout costs a round trip of its own, so the pool only makes connections here: a
//! supervisor takes one out of it for good, publishes it, and every call clones it. Concurrent
//! calls' commands travel together (the connection is multiplexed). When the connection breaks,
//! calls fail at once until the supervisor has made another; none waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use deadpool_redis::Pool;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ScriptInvocation, ServerErrorKind};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::scripts;
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// How often a connection that nobody complains about is checked, and the server's clock read.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The pauses between attempts to connect grow from the one to the other.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// The shared connection. Dropping it ends the supervisor.
pub(super) struct Connection {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

struct Shared {
    state: ArcSwap<State>,
    /// Counts the connections that were made; counted before calls can take the new one.
    made: AtomicU64,
    /// Wakes the supervisor: somebody's call failed.
    doubt: Notify,
    /// A write found that the server has become a replica.
    demoted: AtomicBool,
    clock: ServerClock,
    deadline: Duration,
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
                    Server::BusyLoading
                    | Server::ClusterDown
                    | Server::MasterDown
                    | Server::ReadOnly
                    | Server::TryAgain,
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

impl Connection {
    /// Connects, and goes on supervising. Must be called inside a tokio runtime.
    pub(super) async fn open(pool: Pool, deadline: Duration) -> Result<Self> {
        let clock = ServerClock::new();
        let first = connect(&pool, deadline, &clock)
            .await
            .map_err(|error| error.into_error(deadline))?;
        let shared = Arc::new(Shared {
            state: ArcSwap::from_pointee(State::Up(first)),
            made: AtomicU64::new(1),
            doubt: Notify::new(),
            demoted: AtomicBool::new(false),
            clock,
            deadline,
        });
        let supervisor = tokio::spawn(supervise(shared.clone(), pool));
        Ok(Self { shared, supervisor })
    }

    /// What the server's clock shows now, as far as can be told without asking.
    pub(super) fn server_time(&self) -> Timestamp {
        self.server_time_at(Instant::now())
    }

    /// As [`server_time`](Self::server_time), for who has asked the local clock already.
    pub(super) fn server_time_at(&self, now: Instant) -> Timestamp {
        self.shared.clock.at(now)
    }

    /// Which connection this is: another number is another connection, to another server perhaps.
    pub(super) fn number(&self) -> u64 {
        self.shared.made.load(Ordering::Acquire)
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        let outcome = async {
            let mut connection = self.shared.current()?;
            Ok(call.invoke_async(&mut connection).await?)
        };
        // A script that the server has forgotten takes three commands: one deadline for them all.
        let outcome = timeout(self.shared.deadline, outcome).await;
        self.judge(outcome.unwrap_or(Err(CallError::Timeout))).await
    }

    /// Runs a command. Its deadline is the connection's own.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        let outcome = async {
            let mut connection = self.shared.current()?;
            Ok(command.query_async(&mut connection).await?)
        };
        self.judge(outcome.await).await
    }

    /// Asks the server for the time, and remembers it.
    pub(super) async fn ping(&self) -> Result<()> {
        let outcome = async {
            let mut connection = self.shared.current()?;
            Ok(read_clock(&mut connection, &self.shared.clock).await?)
        };
        self.judge(outcome.await).await
    }

    /// Lets the supervisor look at the connection where an outcome casts doubt on it.
    async fn judge<T>(&self, outcome: Result<T, CallError>) -> Result<T> {
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
        outcome.map_err(|error| error.into_error(self.shared.deadline))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.supervisor.abort();
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
async fn supervise(shared: Arc<Shared>, pool: Pool) {
    let mut pause = RETRY.0;
    let mut made = Instant::now();
    loop {
        if let Ok(mut connection) = shared.current() {
            let _ = timeout(CHECK_INTERVAL, shared.doubt.notified()).await;
            if let Err(error) = read_clock(&mut connection, &shared.clock).await {
                tracing::warn!(%error, "lost the connection to Redis");
                shared.set_down(Arc::new(error));
            } else if made.elapsed() >= CHECK_INTERVAL
                && shared.demoted.swap(false, Ordering::Relaxed)
            {
                made = Instant::now();
                // Until there is another, and if there is none, this one still serves reads.
                if let Ok(connection) = connect(&pool, shared.deadline, &shared.clock).await {
                    tracing::info!("the server is a replica; connected to Redis again");
                    shared.set_up(connection);
                }
            }
            continue;
        }
        match connect(&pool, shared.deadline, &shared.clock).await {
            Ok(connection) => {
                tracing::info!("connected to Redis again");
                shared.set_up(connection);
                pause = RETRY.0;
            }
            Err(error) => {
                shared.set_down(Arc::new(error.into_error(shared.deadline)));
                sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

/// Takes a connection out of the pool for good: shared with everyone here, it must not be somebody
/// else's too, who might block it or select another database.
async fn connect(
    pool: &Pool,
    deadline: Duration,
    clock: &ServerClock,
) -> Result<MultiplexedConnection, CallError> {
    let object = timeout(deadline, pool.get())
        .await
        .map_err(|_| CallError::Timeout)?
        .map_err(|error| CallError::Down(Arc::new(error)))?;
    let mut connection = deadpool_redis::Connection::take(object);
    connection.set_response_timeout(deadline);
    // Loading now spares the first calls a round trip each; they would manage without.
    let mut load = redis::pipe();
    for source in scripts::SOURCES {
        load.cmd("SCRIPT").arg("LOAD").arg(source).ignore();
    }
    let prepared = async {
        // First, so that a missing password is one error and not one for each script.
        read_clock(&mut connection, clock).await?;
        load.query_async::<()>(&mut connection).await
    };
    prepared.await.map_err(CallError::Redis)?;
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

/// The server's clock, followed from its last reading by the local monotonic clock. What the local
/// wall clock shows doesn't matter.
///
/// Never behind the server's, and ahead by no more than the reading took: a touch that is thought due
/// a moment early is decided by the script, one that is thought due late would be missed.
struct ServerClock {
    origin: Instant,
    /// The server's time at `origin`, ms.
    origin_millis: AtomicI64,
}

impl ServerClock {
    fn new() -> Self {
        Self {
            origin: Instant::now(),
            origin_millis: AtomicI64::new(0),
        }
    }

    fn elapsed_millis(&self) -> i64 {
        self.millis_until(Instant::now())
    }

    fn millis_until(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.origin);
        i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
    }

    /// The server showed `millis` at some time after `asked`; both are rounded down.
    fn set(&self, millis: i64, asked: i64) {
        let origin_millis = millis + 1 - asked;
        self.origin_millis.store(origin_millis, Ordering::Relaxed);
    }

    fn at(&self, now: Instant) -> Timestamp {
        let millis = self.origin_millis.load(Ordering::Relaxed) + self.millis_until(now) + 1;
        Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
