//! How many calls a second one process makes on one Redis, beside a bare `GET` of the same record.
//!
//! `cargo bench -p session-benches` measures; every figure is the median of several rounds in which
//! all contestants take turns, so that a slow moment of the machine hits them alike. `cargo test`
//! runs a short form, whose figures mean nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use session_store::{
    Config, Limit, LimitPolicy, List, NewSession, RedisOptions, RedisStore, SessionStore, Token,
    UserId,
};
use session_test::RedisServer;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const TASKS: [usize; 4] = [1, 16, 64, 256];
const USERS: usize = 1000;
const SESSIONS_OF_A_USER: usize = 3;

/// How long and how often.
struct Extent {
    rounds: usize,
    round: Duration,
}

impl Extent {
    /// `cargo bench` says `--bench`; `cargo test` doesn't.
    fn asked_for() -> Self {
        let is_bench = std::env::args().any(|argument| argument == "--bench");
        let (rounds, millis) = if is_bench { (5, 1000) } else { (1, 10) };
        Self {
            rounds,
            round: Duration::from_millis(millis),
        }
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Get,
    Validate,
    Touch,
    Count,
    List,
    Create,
}

const OPERATIONS: [(Operation, &str); 6] = [
    (Operation::Get, "bare `GET` of the record"),
    (Operation::Validate, "`validate`"),
    (Operation::Touch, "`touch`"),
    (Operation::Count, "`count`"),
    (Operation::List, "`list` of 3"),
    (Operation::Create, "`create` that evicts one of 3"),
];

/// What all contestants work on: one server, one connection each, the same sessions.
struct Bench {
    store: RedisStore,
    bare: MultiplexedConnection,
    keys: Vec<String>,
    tokens: Vec<Token>,
    next: AtomicUsize,
}

impl Bench {
    async fn set_up(server: &RedisServer) -> Outcome<Self> {
        let config = Config {
            limit: Limit::new(3, LimitPolicy::EvictOldest),
            ..Config::default()
        };
        let store = RedisStore::connect(&server.url(), config, RedisOptions::default()).await?;
        let client = redis::Client::open(server.url())?;
        let mut tokens = Vec::new();
        for user in 0..2 * USERS {
            let logins = (0..SESSIONS_OF_A_USER).map(|device| store.create(login(user, device)));
            let logins = try_join_all(logins).await?;
            if user < USERS {
                tokens.extend(logins.into_iter().map(|login| login.token));
            }
        }
        let key = |token: &Token| {
            let id = token.id();
            let (bucket, local) = id.as_str().split_at(2);
            format!("sess:{{{bucket}}}:s:{local}")
        };
        Ok(Self {
            bare: client.get_multiplexed_async_connection().await?,
            keys: tokens.iter().map(key).collect(),
            store,
            tokens,
            next: AtomicUsize::new(0),
        })
    }

    async fn run(&self, operation: Operation) -> Outcome {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let token = &self.tokens[next % self.tokens.len()];
        let user = next % USERS;
        let found = match operation {
            Operation::Get => {
                let mut get = redis::cmd("GET");
                get.arg(&self.keys[next % self.keys.len()]);
                let record: Option<Vec<u8>> = get.query_async(&mut self.bare.clone()).await?;
                record.is_some()
            }
            Operation::Validate => self.store.validate(token, None).await?.is_some(),
            Operation::Touch => self.store.touch(token.id(), None).await?.is_some(),
            Operation::Count => self.store.count(&user_id(user)).await? == 3,
            Operation::List => {
                let page = self.store.list(&user_id(user), List::default()).await?;
                page.sessions.len() == SESSIONS_OF_A_USER
            }
            Operation::Create => {
                // Other users than those whose tokens the others show; a device that has no
                // session at the moment.
                let device = next / USERS % (SESSIONS_OF_A_USER + 1);
                self.store
                    .create(login(USERS + user, device))
                    .await?
                    .ended
                    .len()
                    <= 1
            }
        };
        if found {
            Ok(())
        } else {
            Err("a call found nothing".into())
        }
    }

    /// Calls a second of so many tasks.
    async fn rate(
        self: &Arc<Self>,
        operation: Operation,
        tasks: usize,
        round: Duration,
    ) -> Outcome<u64> {
        let calls = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let tasks = (0..tasks).map(|_| {
            let (bench, calls) = (self.clone(), calls.clone());
            tokio::spawn(async move {
                while begun.elapsed() < round {
                    bench.run(operation).await?;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                Outcome::Ok(())
            })
        });
        for task in try_join_all(tasks).await? {
            task?;
        }
        let micros = u64::try_from(begun.elapsed().as_micros())?.max(1);
        Ok(calls.load(Ordering::Relaxed) * 1_000_000 / micros)
    }
}

fn user_id(user: usize) -> UserId {
    UserId::from(user as u64)
}

fn login(user: usize, device: usize) -> NewSession {
    let mut new = NewSession::new(user_id(user));
    new.username = Some("alice".into());
    new.role = Some("user".into());
    new.fingerprint = Some(format!("device-{device}"));
    new.device.name = Some("Chrome on Windows 10".into());
    new.device.device_type = Some("web".into());
    new.device.browser = Some("Chrome".into());
    new.device.ip_address = Some("192.168.1.1".into());
    new
}

#[tokio::main]
async fn main() -> Outcome {
    let extent = Extent::asked_for();
    let server = RedisServer::start();
    let bench = Arc::new(Bench::set_up(&server).await?);
    let mut rates = vec![vec![Vec::new(); TASKS.len()]; OPERATIONS.len()];
    for _ in 0..extent.rounds {
        for (column, tasks) in TASKS.into_iter().enumerate() {
            for (row, (operation, _)) in OPERATIONS.into_iter().enumerate() {
                let rate = bench.rate(operation, tasks, extent.round).await?;
                rates[row][column].push(rate);
            }
        }
    }
    println!("{}", table(&mut rates));
    Ok(())
}

/// The median rates as Markdown, each with its ratio to the bare `GET` of the same column.
fn table(rates: &mut [Vec<Vec<u64>>]) -> String {
    let mut median = |row: usize, column: usize| {
        let rates = &mut rates[row][column];
        rates.sort_unstable();
        rates[rates.len() / 2]
    };
    let mut table = String::from("| calls a second, from so many tasks |");
    for tasks in TASKS {
        let _ = write!(table, " {tasks} |");
    }
    table.push_str("\n|---|---:|---:|---:|---:|\n");
    for (row, (_, name)) in OPERATIONS.into_iter().enumerate() {
        let _ = write!(table, "| {name} |");
        for column in 0..TASKS.len() {
            let (rate, bare) = (median(row, column), median(0, column).max(1));
            let _ = write!(
                table,
                " {rate} ({}.{:02}) |",
                rate / bare,
                rate * 100 / bare % 100
            );
        }
        table.push('\n');
    }
    table
}
