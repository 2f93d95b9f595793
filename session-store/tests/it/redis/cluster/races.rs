//! Races between processes: each store here has connections of its own to the same cluster.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use session_store::{
    Config, Limit, LimitPolicy, List, RedisStore, RevokeReason, SessionId, SessionStore, Token,
    UserId,
};
use session_test::RedisCluster;

use super::{connect, documented, start, users};

const PROCESSES: usize = 3;

async fn processes(cluster: &RedisCluster, config: &Config) -> Vec<RedisStore> {
    join_all((0..PROCESSES).map(|_| connect(cluster, config.clone()))).await
}

/// Which of these tokens authenticate, and which sessions are listed: has to be the same.
async fn alive(store: &RedisStore, user: &UserId, tokens: &[Token]) -> BTreeSet<SessionId> {
    let mut authenticates = BTreeSet::new();
    for token in tokens {
        if let Some(session) = store.peek(token).await.unwrap() {
            authenticates.insert(session.id);
        }
    }
    let page = store.list(user, List::default()).await.unwrap();
    let listed: BTreeSet<_> = page.sessions.iter().map(|session| session.id).collect();
    assert_eq!(listed, authenticates);
    assert_eq!(store.count(user).await.unwrap(), listed.len() as u64);
    listed
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_leave_exactly_the_limit() {
    let cluster = start();
    let config = Config {
        limit: Limit::new(3, LimitPolicy::EvictOldest),
        ..Config::default()
    };
    let stores = processes(&cluster, &config).await;
    let users = users(&cluster);
    for _ in 0..5 {
        let logins = (0..240).map(|login| {
            let store = stores[login % PROCESSES].clone();
            let user = users[login / PROCESSES % users.len()].clone();
            // Every other login is from a device of its own, the rest share three.
            let device = if login % 2 == 0 { login } else { login % 6 };
            tokio::spawn(async move { store.create(documented(user, &device.to_string())).await })
        });
        let logins: Vec<_> = join_all(logins).await;
        let logins = logins.into_iter().map(|login| login.unwrap().unwrap());
        let logins: Vec<_> = logins.collect();
        for user in &users {
            let of_user = logins.iter().filter(|login| login.session.user_id == *user);
            let tokens: Vec<_> = of_user.map(|login| login.token.clone()).collect();
            assert_eq!(alive(&stores[0], user, &tokens).await.len(), 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meets_a_revocation_loses() {
    let cluster = start();
    let config = Config {
        touch_interval: std::time::Duration::ZERO,
        ..Config::default()
    };
    let stores = processes(&cluster, &config).await;
    for round in 0..60 {
        let user = UserId::from(round);
        let login = stores[0]
            .create(documented(user.clone(), "a"))
            .await
            .unwrap();
        let touching = tokio::spawn({
            let (store, token) = (stores[1].clone(), login.token.clone());
            async move {
                store.validate(&token, None).await.unwrap();
                store.touch(token.id(), None).await.unwrap();
            }
        });
        let rotating = tokio::spawn({
            let (store, token) = (stores[2].clone(), login.token.clone());
            async move { Some(store.rotate(&token).await.unwrap()?.token) }
        });
        let id = login.session.id;
        let revoked = stores[0].revoke(id, RevokeReason::Logout).await.unwrap();
        assert!(revoked.is_some());
        touching.await.unwrap();
        let mut tokens = vec![login.token];
        tokens.extend(rotating.await.unwrap());
        assert!(alive(&stores[0], &user, &tokens).await.is_empty());
        assert!(stores[0].get(id).await.unwrap().is_none());
    }
}
