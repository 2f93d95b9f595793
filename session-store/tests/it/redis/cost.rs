//! What the store sends, counted by the server itself; `commands.rs` has the exact figures.

use std::collections::BTreeMap;
use std::time::Duration;

use session_store::{
    Config, Data, Limit, LimitPolicy, List, NearCache, NearCacheOptions, RedisStore, RevokeReason,
    SessionStore, Update, UserId,
};
use session_test::RedisServer;

use super::{connect, documented};

/// What clients sent: the commands that a script calls are counted under their own names as well,
/// so only the names that the store itself sends are looked at.
fn sent(server: &RedisServer) -> BTreeMap<String, u64> {
    let mut calls = server.command_calls();
    calls.retain(|name, _| matches!(name.as_str(), "get" | "evalsha" | "eval" | "multi" | "exec"));
    calls
}

async fn store(server: &RedisServer) -> RedisStore {
    let config = Config {
        limit: Limit::new(3, LimitPolicy::EvictOldest),
        idle_timeout: Some(Duration::from_secs(3600)),
        ..Config::default()
    };
    connect(server, config).await
}

#[tokio::test]
async fn a_validate_is_one_get() {
    let server = RedisServer::start();
    let store = store(&server).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    server.reset_stats();
    for _ in 0..100 {
        assert!(store.validate(&token, None).await.unwrap().is_some());
        assert!(store.peek(&token).await.unwrap().is_some());
        assert!(store.get(token.id()).await.unwrap().is_some());
    }
    let expected = BTreeMap::from([("get".to_owned(), 300)]);
    assert_eq!(sent(&server), expected);
}

#[tokio::test]
async fn a_validate_whose_touch_is_due_takes_one_round_trip_more() {
    let server = RedisServer::start();
    let config = Config {
        touch_interval: Duration::ZERO,
        ..Config::default()
    };
    let store = connect(&server, config).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    server.reset_stats();
    assert!(store.validate(&token, None).await.unwrap().is_some());
    let sent = sent(&server);
    assert_eq!(sent.get("evalsha"), Some(&1));
    // One of them inside the script.
    assert_eq!(sent.get("get"), Some(&2));
}

#[tokio::test]
async fn every_change_and_every_list_is_one_round_trip() {
    let server = RedisServer::start();
    let store = store(&server).await;
    let user = UserId::from(74);
    let evalsha = || server.command_calls().get("evalsha").copied().unwrap_or(0);
    macro_rules! one_round_trip {
        ($operation:expr) => {{
            server.reset_stats();
            let answer = $operation.await.unwrap();
            assert_eq!(evalsha(), 1, stringify!($operation));
            let script = ["script|load", "eval", "multi"];
            let calls = server.command_calls();
            assert!(script.iter().all(|name| !calls.contains_key(*name)));
            answer
        }};
    }
    for fingerprint in ["a", "b", "c", "d", "d"] {
        one_round_trip!(store.create(documented(74, fingerprint)));
    }
    let page = one_round_trip!(store.list(&user, List::default()));
    assert_eq!(page.sessions.len(), 3);
    one_round_trip!(store.count(&user));
    let created = one_round_trip!(store.create(documented(74, "e")));
    let id = created.session.id;
    one_round_trip!(store.touch(id, None));
    let update = Update {
        data: Some(Data::encode("more").unwrap()),
        ..Update::default()
    };
    one_round_trip!(store.update(&created.session, update));
    let rotated = one_round_trip!(store.rotate(&created.token)).unwrap();
    one_round_trip!(store.revoke_others(id, RevokeReason::Logout));
    one_round_trip!(store.revoke_token(&rotated.token, RevokeReason::Logout));
    let again = one_round_trip!(store.create(documented(74, "f")));
    one_round_trip!(store.revoke(again.session.id, RevokeReason::Revoked));
    one_round_trip!(store.create(documented(74, "g")));
    one_round_trip!(store.revoke_all(&user, RevokeReason::Revoked));
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let server = RedisServer::start();
    let store = store(&server).await;
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec(&mut server.connection())
        .unwrap();
    let created = store.create(documented(74, "a")).await.unwrap();
    let found = store.validate(&created.token, None).await.unwrap();
    assert_eq!(found, Some(created.session));
}

/// A service moves the future of a call with each request, several times over.
#[tokio::test]
async fn the_future_of_a_validate_is_small() {
    let server = RedisServer::start();
    let store = store(&server).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    let cached = NearCache::new(store.clone(), NearCacheOptions::default());
    let cached = cached.await.unwrap();
    let bytes = [
        size_of_val(&cached.validate(&token, None)),
        size_of_val(&store.validate(&token, None)),
    ];
    // More than half of the second is what redis-rs takes to send a command.
    assert!(bytes[0] <= 256 && bytes[1] <= 2048, "{bytes:?}");
}
