//! Users with very many sessions.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use session_store::{
    Config, Data, Limit, LimitPolicy, List, NewSession, RevokeReason, SessionId, SessionStore,
    UserId, limits,
};
use session_test::RedisServer;

use super::connect;

async fn create_many(store: &impl SessionStore, user: &UserId, count: usize) -> Vec<SessionId> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count / 500 {
        let creates = (0..500).map(|_| store.create(NewSession::new(user.clone())));
        let created = join_all(creates).await;
        ids.extend(
            created
                .into_iter()
                .map(|created| created.unwrap().session.id),
        );
    }
    ids
}

#[tokio::test]
async fn pages_hold_each_of_very_many_sessions_once() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let user = UserId::from(74);
    let ids = create_many(&store, &user, 10_000).await;
    let (mut seen, mut cursor) = (HashSet::new(), None);
    loop {
        let limit = 333;
        let list = List {
            limit,
            cursor,
            ..List::default()
        };
        let page = store.list(&user, list).await.unwrap();
        assert!(page.sessions.len() <= limit);
        for session in &page.sessions {
            assert!(seen.insert(session.id), "listed twice");
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids.into_iter().collect());
}

#[tokio::test]
async fn the_last_of_very_many_to_expire_are_the_history() {
    let server = RedisServer::builder().stopped_clock().start();
    let store = connect(&server, Config::default()).await;
    let user = UserId::from(74);
    let mut ids = Vec::new();
    for _ in 0..3 {
        server.advance(Duration::from_millis(1));
        ids = create_many(&store, &user, 500).await;
    }
    server.advance(Config::default().absolute_timeout + Duration::from_millis(1));
    let list = List {
        include_ended: true,
        ..List::default()
    };
    let page = store.list(&user, list).await.unwrap();
    assert_eq!(page.ended.len(), 100);
    assert!(page.ended.iter().all(|ended| ids.contains(&ended.id)));
}

/// Redis's own record of what held it up longest.
fn slowest_micros(server: &RedisServer) -> u64 {
    type Entry = (u64, u64, u64, Vec<String>);
    let entries: Vec<redis::Value> = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg(-1)
        .query(&mut server.connection())
        .unwrap();
    let micros = |entry: redis::Value| {
        let mut fields: Vec<redis::Value> = redis::from_redis_value(entry).unwrap();
        fields.truncate(4);
        let entry: Entry = redis::from_redis_value(redis::Value::Array(fields)).unwrap();
        entry.2
    };
    entries.into_iter().map(micros).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_very_many_sessions_is_done_in_steps_and_misses_none() {
    let server = RedisServer::builder()
        .argument("--slowlog-log-slower-than", "100000")
        .start();
    let store = Arc::new(connect(&server, Config::default()).await);
    let user = UserId::from(74);
    let ids = create_many(&*store, &user, 100_000).await;
    let creating = tokio::spawn({
        let (store, user) = (store.clone(), user.clone());
        async move {
            for _ in 0..200 {
                store.create(NewSession::new(user.clone())).await.unwrap();
            }
        }
    });
    let revoked = store
        .revoke_all(&user, RevokeReason::Revoked)
        .await
        .unwrap();
    assert!(revoked.count >= 100_000, "{}", revoked.count);
    creating.await.unwrap();
    for chunk in ids.chunks(1000) {
        let reads = join_all(chunk.iter().map(|id| store.get(*id))).await;
        assert!(reads.into_iter().all(|read| read.unwrap().is_none()));
    }
    assert!(store.count(&user).await.unwrap() <= 200);
    // Not a measurement: a run over all of them at once takes a second and more.
    assert_eq!(slowest_micros(&server), 0, "µs without a pause");
}

#[tokio::test]
async fn a_limit_that_was_lowered_a_lot_holds_from_the_next_create_on() {
    let server = RedisServer::start();
    let user = UserId::from(74);
    let unlimited = connect(&server, Config::default()).await;
    create_many(&unlimited, &user, 3000).await;
    let config = Config {
        limit: Limit::new(3, LimitPolicy::EvictOldest),
        ..Config::default()
    };
    let limited = connect(&server, config).await;
    let created = limited.create(NewSession::new(user.clone())).await.unwrap();
    assert_eq!(created.ended.len(), 2998);
    assert_eq!(limited.count(&user).await.unwrap(), 3);
}

#[tokio::test]
async fn very_many_expired_sessions_are_not_in_the_way_of_a_revocation() {
    let server = RedisServer::builder().stopped_clock().start();
    let store = connect(&server, Config::default()).await;
    let user = UserId::from(74);
    let short = (0..1200).map(|_| {
        let mut new = NewSession::new(user.clone());
        new.absolute_timeout = Some(Duration::from_secs(1));
        store.create(new)
    });
    for created in join_all(short).await {
        created.unwrap();
    }
    let long = store.create(NewSession::new(user.clone())).await.unwrap();
    server.advance(Duration::from_secs(2));
    let revoked = store.revoke_all(&user, RevokeReason::Revoked).await;
    assert_eq!(revoked.unwrap().count, 1);
    assert_eq!(store.peek(&long.token).await.unwrap(), None);
    assert_eq!(store.count(&user).await.unwrap(), 0);
}

#[tokio::test]
async fn large_records_are_revoked_in_steps() {
    let server = RedisServer::start();
    let config = Config {
        max_data_bytes: limits::DATA_BYTES,
        ..Config::default()
    };
    let store = connect(&server, config).await;
    let user = UserId::from(74);
    for _ in 0..12 {
        let mut new = NewSession::new(user.clone());
        new.data = Data::from_bytes(vec![7; limits::DATA_BYTES]);
        store.create(new).await.unwrap();
    }
    server.reset_stats();
    let revoked = store.revoke_all(&user, RevokeReason::Revoked).await;
    assert_eq!(revoked.unwrap().count, 12);
    // Four records, with their headers, are more than 4 MiB.
    assert_eq!(server.command_calls()["evalsha"], 3);
    assert_eq!(store.count(&user).await.unwrap(), 0);
}
