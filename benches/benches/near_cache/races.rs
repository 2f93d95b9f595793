//! Revocations elsewhere against validates here: which answers were out of date, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join;
use session_store::{NearCache, NearCacheOptions, RedisStore, RevokeReason, SessionStore, Token};
use session_test::RedisServer;
use tokio::task::{JoinSet, yield_now};

use super::{Extent, Outcome, Row, connect, login, near, spread};

const TASKS: usize = 64;

/// What came out of some races.
#[derive(Default)]
struct Tally {
    validates: u64,
    stale: u64,
    /// How long after the revocation was answered the last stale answer of a race was asked for.
    late: Vec<Duration>,
}

pub(super) async fn measure(server: &RedisServer, extent: &Extent) -> Outcome<Vec<Row>> {
    let url = server.unix_url();
    let near = near(&url).await?;
    let other = connect(&url).await?;
    let left = Arc::new(AtomicUsize::new(extent.races));
    let mut tasks = JoinSet::new();
    for user in 0..TASKS {
        tasks.spawn(race(near.clone(), other.clone(), user, left.clone()));
    }
    let mut all = Tally::default();
    while let Some(tally) = tasks.join_next().await {
        let tally = tally??;
        all.validates += tally.validates;
        all.stale += tally.stale;
        all.late.extend(tally.late);
    }
    let bound = NearCacheOptions::default().max_staleness;
    let beyond = all.late.iter().filter(|late| **late > bound).count();
    let races = extent.races;
    let rows = [
        (
            "revocations that raced validates".to_owned(),
            races.to_string(),
        ),
        (
            "validates in these races".to_owned(),
            all.validates.to_string(),
        ),
        (
            format!("answers out of date by more than the bound, {bound:?}"),
            beyond.to_string(),
        ),
        (
            "answers out of date at all, in how many races".to_owned(),
            format!("{}, {}", all.stale, all.late.len()),
        ),
        ("by how much; p50, p99, max".to_owned(), spread(all.late)),
    ];
    Ok(rows.into())
}

/// Races one after the other, until there have been enough.
async fn race(
    near: NearCache<RedisStore>,
    other: RedisStore,
    user: usize,
    left: Arc<AtomicUsize>,
) -> Outcome<Tally> {
    let mut tally = Tally::default();
    let one_less = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        .is_ok()
    {
        let token = other.create(login(user)).await?.token;
        near.validate(&token, None).await?.ok_or("it is alive")?;
        let (revoked, served) = try_join(revoke(&other, &token), validate(&near, &token)).await?;
        tally.validates += served.len() as u64 + 1;
        let late: Vec<_> = served
            .into_iter()
            .filter(|asked| *asked > revoked)
            .collect();
        tally.stale += late.len() as u64;
        tally.late.extend(late.last().map(|asked| *asked - revoked));
    }
    Ok(tally)
}

/// Revokes; when that was answered.
async fn revoke(other: &RedisStore, token: &Token) -> Outcome<Instant> {
    let ended = other.revoke(token.id(), RevokeReason::Revoked).await?;
    ended.ok_or("there was nothing to revoke")?;
    Ok(Instant::now())
}

/// Validates until it is refused; when each answer was asked for that wasn't a refusal.
async fn validate(near: &NearCache<RedisStore>, token: &Token) -> Outcome<Vec<Instant>> {
    let mut served = Vec::new();
    loop {
        let asked = Instant::now();
        if near.validate(token, None).await?.is_none() {
            return Ok(served);
        }
        served.push(asked);
        yield_now().await;
    }
}
