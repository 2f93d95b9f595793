//! What hands, other settings and a full memory do to a user's keys: nothing stays behind, and
//! nothing stands in the way of ending sessions.

use std::time::Duration;

use redis::Commands as _;
use session_store::{
    Config, CreatedFor, Credential, Data, EndReason, Error, EventKind, List, RevokeReason,
    SessionId, SessionStore, Standing, Timestamp, Update, UserId,
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

fn with_idle_timeout(config: Config) -> Config {
    Config {
        idle_timeout: Some(Duration::from_secs(3600)),
        ..config
    }
}

/// Whoever puts a session back into an index that vanished makes it, and so says when it ends.
#[tokio::test]
async fn an_index_that_vanished_comes_back_with_a_time_to_live() {
    let server = RedisServer::start();
    let store = connect(&server, with_idle_timeout(Config::default())).await;
    let created = store.create(documented(74, "a")).await.unwrap();
    let (session, index) = (created.session, key("u", created.token.id(), "74"));
    let mut connection = server.connection();
    for way in ["touch", "rotate", "update", "create"] {
        assert_eq!(connection.del::<_, u64>(&index).unwrap(), 1, "{way}");
        match way {
            "touch" => assert!(store.touch(session.id, None).await.unwrap().is_some()),
            "rotate" => assert!(store.rotate(&created.token).await.unwrap().is_some()),
            "update" => {
                let update = Update {
                    fingerprint: Some("b".into()),
                    ..Update::default()
                };
                assert!(store.update(&session, update).await.unwrap().is_some());
            }
            _ => drop(store.create(documented(74, "c")).await.unwrap()),
        }
        let left: i64 = connection.pttl(&index).unwrap();
        assert!(left > 0, "{way}: {left}");
    }
}

#[tokio::test]
async fn a_process_without_history_keeps_another_ones_stubs_alive() {
    let server = RedisServer::start();
    let store = connect(&server, with_idle_timeout(Config::default())).await;
    let created = store.create(documented(74, "a")).await.unwrap();
    let stubs = key("d", created.session.id, "74");
    let mut connection = server.connection();
    assert!(connection.pexpire::<_, bool>(&stubs, 60_000).unwrap());
    let other = connect(&server, with_idle_timeout(without_history())).await;
    other.touch(created.session.id, None).await.unwrap();
    let left: i64 = connection.pttl(&stubs).unwrap();
    assert!(left > 60_000, "{left}");
}

/// What a record doesn't reach to isn't an address to be replaced.
#[tokio::test]
async fn a_record_that_is_cut_off_is_not_written_to() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let created = store.create(documented(74, "a")).await.unwrap().session;
    let record = key("s", created.id, &created.id.as_str()[2..]);
    let mut connection = server.connection();
    let whole: Vec<u8> = connection.get(&record).unwrap();
    for length in 58..whole.len() - created.data.as_bytes().len() {
        let cut = &whole[..length];
        connection.set::<_, _, ()>(&record, cut).unwrap();
        let address = Some("2001:db8::1".parse().unwrap());
        store.touch(created.id, address).await.unwrap_err();
        let update = Update {
            role: Some("editor".into()),
            ..Update::default()
        };
        store.update(&created, update).await.unwrap_err();
        let now: Vec<u8> = connection.get(&record).unwrap();
        assert_eq!(now, cut, "{length}");
    }
}

/// Of the series `sid`, issued so long after `begin`, for an hour.
fn of_series(begin: Timestamp, after: Duration) -> Credential {
    let issued_at = begin.saturating_add(after);
    let expires_at = issued_at.saturating_add(Duration::from_secs(3600));
    let renewable_for = Duration::from_secs(3600);
    Credential::of_series(
        UserId::from(74),
        "sid",
        issued_at,
        expires_at,
        renewable_for,
    )
}

async fn begin(store: &session_store::RedisStore, credential: &Credential) -> SessionId {
    let created = store.create_for(credential, documented(74, "a")).await;
    match created.unwrap() {
        CreatedFor::Begun(created) => created.session.id,
        other => panic!("{other:?}"),
    }
}

/// Whoever has refreshed a token goes on, with what it says, and can log out.
#[tokio::test]
async fn a_full_memory_stops_no_refreshed_credential() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let now = Timestamp::from(std::time::SystemTime::now());
    let id = begin(&store, &of_series(now, Duration::ZERO)).await;
    let mut full = redis::cmd("CONFIG");
    full.arg(&["SET", "maxmemory", "1"]);
    full.exec(&mut server.connection()).unwrap();
    let mut refreshed = of_series(now, Duration::from_secs(900));
    refreshed.role = Some("editor".into());
    let Standing::Live(session) = store.standing(&refreshed, None).await.unwrap() else {
        panic!("it is good");
    };
    assert_eq!((session.id, session.role.as_deref()), (id, Some("editor")));
    let revoked = store.revoke(id, RevokeReason::Logout).await;
    assert!(revoked.unwrap().is_some());
    for after in [0, 900, 1800] {
        let credential = of_series(now, Duration::from_secs(after));
        let standing = store.standing(&credential, None).await;
        assert_eq!(standing.unwrap(), Standing::Over, "{after}");
    }
}

#[tokio::test]
async fn a_damaged_mark_lets_nobody_in() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let now = Timestamp::from(std::time::SystemTime::now());
    let credential = of_series(now, Duration::ZERO);
    let id = begin(&store, &credential).await;
    let mark = key("c", id, &id.as_str()[2..]);
    let mut connection = server.connection();
    let () = connection.set(&mark, "no mark").unwrap();
    let standing = store.standing(&credential, None).await;
    assert!(matches!(standing.unwrap(), Standing::Live(_)));
    let revoked = store.revoke(id, RevokeReason::Logout).await;
    assert!(revoked.unwrap().is_some());
    let standing = store.standing(&credential, None).await;
    assert_eq!(standing.unwrap(), Standing::Over);
    let again = store.create_for(&credential, documented(74, "a")).await;
    assert!(matches!(again.unwrap(), CreatedFor::Over));
}
