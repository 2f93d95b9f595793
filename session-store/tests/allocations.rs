//! How often each call allocates, the connection's driver included: the same on every machine.
//!
//! A test binary of its own, since counting replaces the allocator.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use session_store::{
    Config, Limit, LimitPolicy, List, MemoryStore, NewSession, RedisOptions, RedisStore,
    SessionStore, Token, UserId,
};
use session_test::RedisServer;
use tokio::runtime::{Builder, Runtime};

/// The one place where these figures stand: allocations per call. A test that fails prints all of
/// them as they are now, to be pasted.
///
/// More fails, and so does less than four fifths, so that a bound comes down with the code.
#[rustfmt::skip]
const STATED: &[(&str, u64)] = &[
    ("Token::parse", 0),
    ("Token::expose", 1),
    ("validate", 14),
    ("peek", 14),
    ("create", 23),
    ("list of 3", 48),
    ("validate in MemoryStore", 7),
];

/// What happens once in a while, such as the supervisor's look at the server's clock, is spread over
/// so many calls and rounded away.
const CALLS: u64 = 1000;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn each_call_allocates_as_often_as_stated() {
    let measured = measure();
    let mut report = String::new();
    for cost in &measured {
        let _ = writeln!(report, "    {cost:?},");
    }
    let held = measured.len() == STATED.len()
        && measured
            .iter()
            .zip(STATED)
            .all(|((call, now), (name, stated))| {
                call == name && now <= stated && 5 * now >= 4 * stated
            });
    assert!(
        held,
        "allocations per call are now\n{report}stated are {STATED:?}"
    );
}

fn measure() -> Vec<(&'static str, u64)> {
    // One thread, so that it runs the driver of the connection as well: counted is what this thread
    // allocates.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = RedisServer::start();
    let url = server.url();
    let connecting = RedisStore::connect(&url, config(), RedisOptions::default());
    let redis = runtime.block_on(connecting).unwrap();
    let memory = runtime.block_on(async { MemoryStore::new(config()).unwrap() });
    let token = runtime.block_on(three_sessions(&redis));
    let in_memory = runtime.block_on(three_sessions(&memory));
    let text = token.expose();
    let user = UserId::from(74);
    let mut next = 1000_u64;
    vec![
        (
            "Token::parse",
            count(&runtime, async || {
                black_box(Token::parse(&text).unwrap());
            }),
        ),
        (
            "Token::expose",
            count(&runtime, async || drop(token.expose())),
        ),
        (
            "validate",
            count(&runtime, async || {
                redis
                    .validate(&token, Some(ADDRESS))
                    .await
                    .unwrap()
                    .unwrap();
            }),
        ),
        (
            "peek",
            count(&runtime, async || {
                redis.peek(&token).await.unwrap().unwrap();
            }),
        ),
        (
            "create",
            count(&runtime, async || {
                next += 1;
                redis.create(login(next, "a")).await.unwrap();
            }),
        ),
        (
            "list of 3",
            count(&runtime, async || {
                let page = redis.list(&user, List::default()).await.unwrap();
                assert_eq!(page.sessions.len(), 3);
            }),
        ),
        (
            "validate in MemoryStore",
            count(&runtime, async || {
                memory
                    .validate(&in_memory, Some(ADDRESS))
                    .await
                    .unwrap()
                    .unwrap();
            }),
        ),
    ]
}

/// Allocations per call, once buffers have grown to what they need.
fn count(runtime: &Runtime, mut call: impl AsyncFnMut()) -> u64 {
    let mut calls = |times: u64| {
        runtime.block_on(async {
            for _ in 0..times {
                call().await;
            }
        });
    };
    calls(CALLS / 10);
    let counted = allocation_counter::measure(|| calls(CALLS)).count_total;
    (counted + CALLS / 2) / CALLS
}

async fn three_sessions(store: &impl SessionStore) -> Token {
    let mut tokens = Vec::new();
    for fingerprint in ["a", "b", "c"] {
        tokens.push(store.create(login(74, fingerprint)).await.unwrap().token);
    }
    tokens.remove(0)
}

fn config() -> Config {
    Config {
        limit: Limit::new(3, LimitPolicy::EvictOldest),
        idle_timeout: Some(Duration::from_secs(3600)),
        ..Config::default()
    }
}

/// A session with every documented field.
fn login(user: u64, fingerprint: &str) -> NewSession {
    let mut new = NewSession::new(UserId::from(user));
    new.username = Some("alice".into());
    new.role = Some("admin".into());
    new.fingerprint = Some(fingerprint.into());
    new.device.name = Some("Chrome on Windows 10".into());
    new.device.device_type = Some("web".into());
    new.device.browser = Some("Chrome".into());
    new.device.ip_address = Some("192.168.1.1".into());
    new
}
