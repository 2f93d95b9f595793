//! Validates a second, with the session at hand and without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use session_store::{SessionStore, Token};
use session_test::RedisServer;

use super::{Extent, Outcome, Row, connect, login, near};

const TASKS: [usize; 4] = [1, 2, 16, 64];
const SESSIONS: usize = 10_000;
/// Calls that are made at once to set up, which is far from what takes as long as a deadline.
const AT_ONCE: usize = 100;
/// Calls between two looks at the clock.
const BATCH: usize = 64;

pub(super) async fn measure(server: &RedisServer, extent: &Extent) -> Outcome<Vec<Row>> {
    let url = server.unix_url();
    let (near, without) = (Arc::new(near(&url).await?), Arc::new(connect(&url).await?));
    let mut tokens = Vec::new();
    for first in (0..SESSIONS).step_by(AT_ONCE) {
        let logins = (first..first + AT_ONCE).map(|user| without.create(login(user)));
        let logins = try_join_all(logins).await?.into_iter();
        tokens.extend(logins.map(|login| login.token));
    }
    let tokens: Arc<[Token]> = tokens.into();
    // Twice: the first time while the creates are still being told of.
    for tokens in tokens.chunks(AT_ONCE).chain(tokens.chunks(AT_ONCE)) {
        try_join_all(tokens.iter().map(|token| near.validate(token, None))).await?;
    }
    let mut rates = vec![[Vec::new(), Vec::new()]; TASKS.len()];
    for _ in 0..extent.rounds {
        for (row, tasks) in TASKS.into_iter().enumerate() {
            rates[row][0].push(rate(&near, &tokens, tasks, extent.round).await?);
            rates[row][1].push(rate(&without, &tokens, tasks, extent.round).await?);
        }
    }
    let row = |(tasks, rates): (usize, [Vec<u64>; 2])| {
        let [near, without] = rates.map(median);
        let what = format!("`validate` of a session at hand from {tasks} tasks, calls/s");
        (what, format!("{near} (without: {without})"))
    };
    let mut rows: Vec<_> = TASKS.into_iter().zip(rates).map(row).collect();
    let usage = near.usage();
    rows.push((
        "memory, bytes a session".into(),
        (usage.bytes / usage.entries.max(1) as u64).to_string(),
    ));
    Ok(rows)
}

/// Calls a second of so many tasks, each over all the sessions from a place of its own.
async fn rate<S: SessionStore>(
    store: &Arc<S>,
    tokens: &Arc<[Token]>,
    tasks: usize,
    round: Duration,
) -> Outcome<u64> {
    let begun = Instant::now();
    let tasks = (0..tasks).map(|task| {
        let (store, tokens) = (store.clone(), tokens.clone());
        tokio::spawn(async move {
            let mut next = task * tokens.len() / TASKS[TASKS.len() - 1];
            let mut calls = 0;
            while begun.elapsed() < round {
                for _ in 0..BATCH {
                    next = (next + 1) % tokens.len();
                    let found = store.validate(&tokens[next], None).await?;
                    if found.is_none() {
                        return Err("a session wasn't found".into());
                    }
                }
                calls += BATCH as u64;
            }
            Outcome::Ok(calls)
        })
    });
    let mut calls = 0;
    for task in try_join_all(tasks).await? {
        calls += task?;
    }
    let micros = u64::try_from(begun.elapsed().as_micros())?.max(1);
    Ok(calls * 1_000_000 / micros)
}

fn median(mut rates: Vec<u64>) -> u64 {
    rates.sort_unstable();
    rates[rates.len() / 2]
}
