//! What a near cache gives, and what it costs: validates a second, beside those without it; how soon
//! a revocation by another process is seen here; and how often it isn't, over very many races.
//!
//! `cargo bench -p session-benches --bench near_cache` measures, in about two minutes. Words after
//! `--` pick parts of it: `hits`, `revocations`, `races`. `cargo test` runs a short form, whose
//! figures mean nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

mod hits;
mod races;
mod revocations;

use std::error::Error;
use std::time::Duration;

use session_store::{
    Config, NearCache, NearCacheOptions, NewSession, RedisOptions, RedisStore, UserId,
};
use session_test::RedisServer;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The processors that the figures are for.
const WORKERS: usize = 2;

/// How long and how often.
struct Extent {
    rounds: usize,
    round: Duration,
    revocations: usize,
    races: usize,
}

impl Extent {
    /// `cargo bench` says `--bench`; `cargo test` doesn't.
    fn asked_for() -> Self {
        let is_bench = std::env::args().any(|argument| argument == "--bench");
        let (rounds, millis, revocations, races) = if is_bench {
            (5, 500, 2000, 1_000_000)
        } else {
            (1, 10, 10, 500)
        };
        Self {
            rounds,
            round: Duration::from_millis(millis),
            revocations,
            races,
        }
    }
}

/// A row of the table: what was measured, and what came out.
type Row = (String, String);

fn main() -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [role, url] = arguments.as_slice()
        && role == revocations::REVOKER
    {
        return runtime.block_on(revocations::revoke_on_demand(url));
    }
    let parts: Vec<_> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|word| *word == part);
    let extent = Extent::asked_for();
    runtime.block_on(async {
        let server = RedisServer::start();
        let mut rows = Vec::new();
        if is_wanted("hits") {
            rows.extend(hits::measure(&server, &extent).await?);
        }
        if is_wanted("revocations") {
            rows.extend(revocations::measure(&server, &extent).await?);
        }
        if is_wanted("races") {
            rows.extend(races::measure(&server, &extent).await?);
        }
        println!("| near cache, {WORKERS} worker threads | |\n|---|---:|");
        for (what, figure) in rows {
            println!("| {what} | {figure} |");
        }
        Ok(())
    })
}

async fn connect(url: &str) -> Outcome<RedisStore> {
    let config = Config {
        history: None,
        ..Config::default()
    };
    Ok(RedisStore::connect(url, config, RedisOptions::default()).await?)
}

async fn near(url: &str) -> Outcome<NearCache<RedisStore>> {
    let store = connect(url).await?;
    Ok(NearCache::new(store, NearCacheOptions::default()).await?)
}

/// A login with all documented fields.
fn login(user: usize) -> NewSession {
    let mut new = NewSession::new(UserId::from(user as u64));
    new.username = Some("alice".into());
    new.role = Some("user".into());
    new.fingerprint = Some("device".into());
    new.device.name = Some("Chrome on Windows 10".into());
    new.device.device_type = Some("web".into());
    new.device.browser = Some("Chrome".into());
    new.device.ip_address = Some("192.168.1.1".into());
    new
}

/// The time below which so many thousandths of these sorted times lie.
fn quantile(sorted: &[Duration], thousandths: usize) -> Duration {
    let at = (sorted.len() * thousandths / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// p50, p99 and the longest.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let [p50, p99, max] = [500, 990, 1000].map(|thousandths| quantile(&times, thousandths));
    format!("{p50:.0?}, {p99:.0?}, {max:.0?}")
}
