//! The cost that the documentation states, counted by the nodes themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use session_store::{Config, Data, List, RevokeReason, SessionStore, Update};
use session_test::RedisCluster;

use super::{connect, documented, start, users};

/// How often the nodes got each command, from clients and scripts.
fn calls(cluster: &RedisCluster) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for node in cluster.nodes() {
        for (name, count) in node.command_calls() {
            *calls.entry(name).or_default() += count;
        }
    }
    calls
}

fn reset(cluster: &RedisCluster) {
    cluster.nodes().iter().for_each(|node| node.reset_stats());
}

#[tokio::test]
async fn a_validate_is_one_get() {
    let cluster = start();
    let store = connect(&cluster, Config::default()).await;
    let mut tokens = Vec::new();
    for user in users(&cluster) {
        tokens.push(store.create(documented(user, "a")).await.unwrap().token);
    }
    reset(&cluster);
    for token in &tokens {
        assert!(store.validate(token, None).await.unwrap().is_some());
    }
    let calls = calls(&cluster);
    assert_eq!(calls.get("get"), Some(&3));
    assert!(!calls.contains_key("evalsha"));
}

#[tokio::test]
async fn every_change_and_every_list_is_one_round_trip() {
    let cluster = start();
    let store = connect(&cluster, Config::default()).await;
    macro_rules! one_round_trip {
        ($operation:expr) => {{
            reset(&cluster);
            let answer = $operation.await.unwrap();
            let calls = calls(&cluster);
            assert_eq!(calls.get("evalsha"), Some(&1), stringify!($operation));
            assert!(!calls.contains_key("script|load"));
            answer
        }};
    }
    for user in users(&cluster) {
        let created = one_round_trip!(store.create(documented(user.clone(), "a")));
        let id = created.session.id;
        one_round_trip!(store.touch(id, None));
        let update = Update {
            data: Some(Data::encode("more").unwrap()),
            ..Update::default()
        };
        one_round_trip!(store.update(&created.session, update));
        one_round_trip!(store.list(&user, List::default()));
        one_round_trip!(store.count(&user));
        let rotated = one_round_trip!(store.rotate(&created.token)).unwrap();
        one_round_trip!(store.revoke_others(id, RevokeReason::Logout));
        one_round_trip!(store.revoke_token(&rotated.token, RevokeReason::Logout));
        one_round_trip!(store.revoke_all(&user, RevokeReason::Revoked));
    }
}

#[tokio::test]
async fn a_node_that_forgot_the_scripts_is_told_them_again_and_no_other_is() {
    let cluster = start();
    let store = connect(&cluster, Config::default()).await;
    let users = users(&cluster);
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec(&mut cluster.nodes()[1].connection())
        .unwrap();
    reset(&cluster);
    for user in users {
        let created = store.create(documented(user, "a")).await.unwrap();
        let found = store.validate(&created.token, None).await.unwrap();
        assert_eq!(found, Some(created.session));
    }
    let loads = cluster.nodes().iter().map(|node| {
        let calls = node.command_calls();
        calls.get("script|load").copied().unwrap_or(0)
    });
    assert_eq!(loads.collect::<Vec<_>>(), [0, 1, 0]);
}

/// Whether a touch is due is told by the clock that is furthest ahead. Where that isn't the
/// session's own, the script finds that it isn't due.
#[tokio::test]
async fn where_clocks_differ_activity_is_dated_by_the_sessions_own() {
    let cluster = start();
    cluster.nodes()[0].advance(Duration::from_secs(3600));
    let store = connect(&cluster, Config::default()).await;
    let interval = store.config().touch_interval;
    let mut logins = Vec::new();
    for user in users(&cluster) {
        logins.push(store.create(documented(user, "a")).await.unwrap());
    }
    let began = |login: usize| logins[login].session.created_at;
    assert!(began(0) > began(1).saturating_add(Duration::from_secs(3000)));

    let validate = async |login: usize| {
        let found = store.validate(&logins[login].token, None).await.unwrap();
        found.unwrap().last_activity
    };
    cluster.advance(interval - Duration::from_millis(1));
    store.ping().await.unwrap();
    for login in 0..3 {
        assert_eq!(validate(login).await, began(login));
    }
    cluster.advance(Duration::from_millis(1));
    store.ping().await.unwrap();
    for login in 0..3 {
        assert_eq!(validate(login).await, began(login).saturating_add(interval));
    }
}
