//! What hands, other settings and a full memory do to a user's keys: nothing stays behind, and
//! nothing stands in the way of ending sessions.

use std::time::Duration;

use redis::Commands as _;
use session_store::{
    Config, Data, EndReason, Error, EventKind, List, RevokeReason, SessionId, SessionStore, UserId,
};
use session_test::RedisServer;

use super::{connect, documented};

fn key(kind: &str, id: SessionId, name: &str) -> String {
    format!("sess:{{{}}}:{kind}:{name}", &id.as_str()[..2])
}

fn without_history() -> Config {
    Config {
        history: None,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_record_that_vanished_leaves_no_stub_behind() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let kept = store.create(documented(74, "kept")).await.unwrap();
    let vanished = store.create(documented(74, "vanished")).await.unwrap();
    let mut connection = server.connection();
    let record = key("s", kept.session.id, &vanished.session.id.as_str()[2..]);
    assert_eq!(connection.del::<_, u64>(record).unwrap(), 1);
    let page = store.list(&UserId::from(74), List::default()).await;
    assert_eq!(page.unwrap().sessions, [kept.session]);
    let stubs = key("d", kept.token.id(), "74");
    assert_eq!(connection.hlen::<_, u64>(stubs).unwrap(), 1);
}

#[tokio::test]
async fn a_process_without_history_leaves_no_stub_behind() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let created = store.create(documented(74, "a")).await.unwrap();
    let other = connect(&server, without_history()).await;
    let revoked = other
        .revoke(created.session.id, RevokeReason::Revoked)
        .await;
    assert!(revoked.unwrap().is_some());
    let stubs = key("d", created.session.id, "74");
    assert!(!server.connection().exists::<_, bool>(stubs).unwrap());
}

#[tokio::test]
async fn a_damaged_history_stops_nothing() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let user = UserId::from(74);
    let first = store.create(documented(74, "a")).await.unwrap().session;
    let second = store.create(documented(74, "b")).await.unwrap().session;
    let mut connection = server.connection();
    for junk in ["", "short"] {
        let _: () = connection.rpush(key("h", first.id, "74"), junk).unwrap();
        let _: () = connection
            .hset(key("d", first.id, "74"), &first.id.as_str()[2..], junk)
            .unwrap();
        let list = List {
            include_ended: true,
            ..List::default()
        };
        let page = store.list(&user, list).await.unwrap();
        assert!(page.sessions.contains(&second));
        store.touch(first.id, None).await.unwrap().unwrap();
    }
    let revoked = store.revoke_all(&user, RevokeReason::Revoked).await;
    assert_eq!(revoked.unwrap().count, 2);
    store.create(documented(74, "c")).await.unwrap();
}

#[tokio::test]
async fn an_expiry_without_history_names_the_user_as_the_session_did() {
    let server = RedisServer::builder().stopped_clock().start();
    let store = connect(&server, without_history()).await;
    for user in [UserId::from(74), UserId::new("75").unwrap()] {
        store.create(documented(user.clone(), "a")).await.unwrap();
        server.advance(Config::default().absolute_timeout + Duration::from_millis(1));
        let mut events = store.events().await.unwrap();
        store.list(&user, List::default()).await.unwrap();
        let event = events.next().await.unwrap().unwrap();
        let reason = EndReason::Expired;
        assert_eq!(event.kind, EventKind::Ended { reason });
        assert_eq!(event.user_id.is_number(), user.is_number());
    }
}

#[tokio::test]
async fn sessions_can_be_ended_while_redis_is_full() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let mut sessions = Vec::new();
    for number in 0..4 {
        let mut new = documented(74, &number.to_string());
        new.data = Data::from_bytes(vec![7; 16 * 1024]);
        sessions.push(store.create(new).await.unwrap());
    }
    redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "1"])
        .exec(&mut server.connection())
        .unwrap();
    let refused = store.create(documented(74, "new")).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let id = sessions[0].session.id;
    let revoked = store.revoke(id, RevokeReason::Revoked).await.unwrap();
    assert_eq!(revoked.unwrap().id, id);
    let revoked = store
        .revoke_token(&sessions[1].token, RevokeReason::Logout)
        .await;
    assert!(revoked.unwrap().is_some());
    let revoked = store
        .revoke_others(sessions[2].session.id, RevokeReason::Revoked)
        .await;
    assert_eq!(revoked.unwrap(), Some(1));
    let user = UserId::from(74);
    let revoked = store.revoke_all(&user, RevokeReason::Revoked).await;
    assert_eq!(revoked.unwrap().count, 1);
}
