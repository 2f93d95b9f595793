//! Races between processes: each store here has a connection of its own to the same Redis.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use session_store::{
    Config, Limit, LimitPolicy, List, NewSession, RedisStore, RevokeReason, SessionId,
    SessionStore, Token, Update, UserId,
};
use session_test::RedisServer;
use tokio::sync::Barrier;

use super::{connect, documented};

const PROCESSES: usize = 4;

async fn processes(server: &RedisServer, config: &Config) -> Vec<RedisStore> {
    join_all((0..PROCESSES).map(|_| connect(server, config.clone()))).await
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
    let server = RedisServer::start();
    for round in 0..30 {
        let max = 1 + round % 5;
        let config = Config {
            limit: Limit::new(max, LimitPolicy::EvictOldest),
            ..Config::default()
        };
        let stores = processes(&server, &config).await;
        let user = UserId::from(round);
        // Every other login is from a device of its own, the rest share three.
        let logins = (0..200).map(|login| {
            let (store, user) = (stores[login % PROCESSES].clone(), user.clone());
            let device = if login % 2 == 0 { login } else { login % 6 };
            tokio::spawn(async move { store.create(documented(user, &device.to_string())).await })
        });
        let logins = join_all(logins).await;
        let tokens: Vec<_> = logins
            .into_iter()
            .map(|login| login.unwrap().unwrap().token)
            .collect();
        let alive = alive(&stores[0], &user, &tokens).await;
        assert_eq!(alive.len(), max as usize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meets_a_revocation_loses() {
    let server = RedisServer::start();
    let config = Config {
        touch_interval: Duration::ZERO,
        ..Config::default()
    };
    let stores = processes(&server, &config).await;
    for round in 0..300 {
        let user = UserId::from(round);
        let login = stores[0]
            .create(documented(user.clone(), "a"))
            .await
            .unwrap();
        let (session, id) = (login.session, login.token.id());
        let start = Arc::new(Barrier::new(PROCESSES));
        let race = |store: usize| (stores[store].clone(), start.clone(), login.token.clone());
        let touching = tokio::spawn({
            let (store, start, token) = race(1);
            async move {
                start.wait().await;
                store.validate(&token, None).await.unwrap();
                store.touch(token.id(), None).await.unwrap();
            }
        });
        let rotating = tokio::spawn({
            let (store, start, token) = race(2);
            async move {
                start.wait().await;
                let rotated = store.rotate(&token).await.unwrap()?;
                Some(store.rotate(&rotated.token).await.unwrap()?.token)
            }
        });
        let updating = tokio::spawn({
            let (store, start, _) = race(3);
            async move {
                start.wait().await;
                let update = Update {
                    role: Some("admin".into()),
                    fingerprint: Some("b".into()),
                    ..Update::default()
                };
                store.update(&session, update).await.unwrap();
            }
        });
        start.wait().await;
        if round % 2 == 0 {
            assert!(
                stores[0]
                    .revoke(id, RevokeReason::Logout)
                    .await
                    .unwrap()
                    .is_some()
            );
        } else {
            let all = stores[0]
                .revoke_all(&user, RevokeReason::Revoked)
                .await
                .unwrap();
            assert_eq!(all.count, 1);
        }
        touching.await.unwrap();
        updating.await.unwrap();
        let mut tokens = vec![login.token];
        tokens.extend(rotating.await.unwrap());
        assert!(alive(&stores[0], &user, &tokens).await.is_empty());
        assert!(stores[0].get(id).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_all_misses_none_that_was_there_before() {
    let server = RedisServer::start();
    let stores = processes(&server, &Config::default()).await;
    for round in 0..60 {
        let user = UserId::from(round);
        let mut before = Vec::new();
        for _ in 0..10 {
            let login = stores[0]
                .create(NewSession::new(user.clone()))
                .await
                .unwrap();
            before.push(login.token);
        }
        let logins = (1..PROCESSES).map(|process| {
            let (store, user) = (stores[process].clone(), user.clone());
            tokio::spawn(async move {
                let mut tokens = Vec::new();
                for _ in 0..10 {
                    let login = store.create(NewSession::new(user.clone())).await.unwrap();
                    tokens.push(login.token);
                }
                tokens
            })
        });
        let logins: Vec<_> = logins.collect();
        let revoked = stores[0]
            .revoke_all(&user, RevokeReason::Revoked)
            .await
            .unwrap();
        assert!(revoked.count >= 10);
        for token in &before {
            assert!(stores[1].peek(token).await.unwrap().is_none());
        }
        let after = join_all(logins)
            .await
            .into_iter()
            .flat_map(|login| login.unwrap());
        let alive = alive(&stores[0], &user, &after.collect::<Vec<_>>()).await;
        assert_eq!(alive.len() as u64, 40 - revoked.count);
    }
}
