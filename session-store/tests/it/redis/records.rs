//! Records that can't be read: an error for that one session, and for nobody else.

use std::collections::HashSet;

use redis::Commands as _;
use session_store::{
    Config, Error, List, RecordError, RedisStore, RevokeReason, SessionId, SessionStore, Token,
    Update, UserId,
};
use session_test::RedisServer;

use super::{connect, documented};

fn key(id: SessionId) -> String {
    let (bucket, local) = id.as_str().split_at(2);
    format!("sess:{{{bucket}}}:s:{local}")
}

/// A user's three sessions, one of them with a record that was tampered with by `damage`.
async fn damaged(
    server: &RedisServer,
    damage: impl Fn(Vec<u8>) -> Vec<u8>,
) -> (RedisStore, Token, [Token; 2]) {
    let store = connect(server, Config::default()).await;
    let mut tokens = Vec::new();
    for fingerprint in ["a", "b", "c"] {
        let created = store.create(documented(74, fingerprint)).await.unwrap();
        tokens.push(created.token);
    }
    let victim = tokens.remove(1);
    let mut connection = server.connection();
    let record: Vec<u8> = connection.get(key(victim.id())).unwrap();
    redis::cmd("SET")
        .arg(key(victim.id()))
        .arg(damage(record))
        .arg("KEEPTTL")
        .exec(&mut connection)
        .unwrap();
    let [first, last] = tokens.try_into().unwrap();
    (store, victim, [first, last])
}

type Damage = fn(Vec<u8>) -> Vec<u8>;

const DAMAGES: &[(&str, Damage)] = &[
    ("a later version", |mut record| {
        record[0] = 9;
        record
    }),
    ("nothing", |_| Vec::new()),
    ("cut off in the header", |record| record[..50].to_vec()),
    ("cut off in the body", |record| {
        record[..record.len() - 3].to_vec()
    }),
    ("texts longer than they are", |mut record| {
        record[57] += 1;
        record
    }),
    ("a body that asks for a terabyte", |mut record| {
        record[56..58].copy_from_slice(&[0, 10]);
        record.truncate(60);
        record.extend([253, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        record.extend([127, 0, 0, 1]);
        record
    }),
    ("a user id longer than the record", |mut record| {
        record[54] = 0xff;
        record
    }),
    ("no UTF-8", |mut record| {
        record[58] = 0xff;
        record
    }),
];

#[tokio::test]
async fn an_unreadable_record_is_an_error_for_that_session_alone() {
    let server = RedisServer::start();
    for (name, damage) in DAMAGES {
        let (store, victim, others) = damaged(&server, damage).await;
        let user = UserId::from(74);
        let is_record_error =
            |error: Error| matches!(error, Error::Record { id, .. } if id == victim.id());
        assert!(
            is_record_error(store.validate(&victim, None).await.unwrap_err()),
            "{name}"
        );
        assert!(
            is_record_error(store.get(victim.id()).await.unwrap_err()),
            "{name}"
        );
        assert!(
            is_record_error(store.touch(victim.id(), None).await.unwrap_err()),
            "{name}"
        );

        let page = store.list(&user, List::default()).await.unwrap();
        assert_eq!(page.sessions.len(), 2, "{name}");
        assert_eq!(page.unreadable.len(), 1, "{name}");
        assert_eq!(page.unreadable[0].id, victim.id(), "{name}");
        for other in &others {
            assert!(
                store.validate(other, None).await.unwrap().is_some(),
                "{name}"
            );
        }
        let revoked = store
            .revoke_all(&user, RevokeReason::Revoked)
            .await
            .unwrap();
        assert_eq!(revoked.count, 3, "{name}");
        assert!(
            store.validate(&victim, None).await.unwrap().is_none(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_unreadable_record_can_be_revoked_by_its_id() {
    let server = RedisServer::start();
    for (name, damage) in DAMAGES {
        let (store, victim, others) = damaged(&server, damage).await;
        let revoked = store.revoke(victim.id(), RevokeReason::Revoked).await;
        assert!(matches!(revoked, Err(Error::Record { .. })), "{name}");
        assert!(store.get(victim.id()).await.unwrap().is_none(), "{name}");
        let page = store
            .list(&UserId::from(74), List::default())
            .await
            .unwrap();
        let listed: HashSet<_> = page.sessions.iter().map(|session| session.id).collect();
        assert_eq!(listed, others.iter().map(Token::id).collect(), "{name}");
        assert_eq!(store.count(&UserId::from(74)).await.unwrap(), 2, "{name}");
        store
            .revoke_all(&UserId::from(74), RevokeReason::Revoked)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_later_version_is_named() {
    let server = RedisServer::start();
    let (store, victim, _) = damaged(&server, DAMAGES[0].1).await;
    let error = store.peek(&victim).await.unwrap_err();
    let Error::Record { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(source, RecordError::UnknownVersion(9));
}

#[tokio::test]
async fn a_record_that_was_deleted_by_hand_is_not_listed() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let user = UserId::from(74);
    let gone = store.create(documented(74, "a")).await.unwrap();
    let kept = store.create(documented(74, "b")).await.unwrap();
    let _: () = server.connection().del(key(gone.session.id)).unwrap();
    let page = store.list(&user, List::default()).await.unwrap();
    assert_eq!(page.sessions, [kept.session]);
    assert_eq!(store.count(&user).await.unwrap(), 1);
    let updated = store
        .update(&gone.session, Update::default())
        .await
        .unwrap();
    assert!(updated.is_none());
}

#[tokio::test]
async fn a_damaged_history_stops_nothing() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let user = UserId::from(74);
    let first = store.create(documented(74, "a")).await.unwrap();
    let mut connection = server.connection();
    let (bucket, local) = first.session.id.as_str().split_at(2);
    let _: () = connection
        .rpush(format!("sess:{{{bucket}}}:h:74"), "short")
        .unwrap();
    let _: () = connection
        .hset(format!("sess:{{{bucket}}}:d:74"), local, "short")
        .unwrap();
    let revoked = store
        .revoke(first.session.id, RevokeReason::Revoked)
        .await
        .unwrap();
    assert!(revoked.is_some());
    let second = store.create(documented(74, "a")).await.unwrap();
    let list = List {
        include_ended: true,
        ..List::default()
    };
    let page = store.list(&user, list).await.unwrap();
    assert_eq!(page.sessions, [second.session]);
    // What ended is told by its record, which is sound.
    let ended: Vec<_> = page.ended.iter().map(|ended| ended.id).collect();
    assert_eq!(ended, [first.session.id]);
}
