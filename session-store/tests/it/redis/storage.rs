//! What Redis holds: nothing that logs anyone in, nothing without an end.

use std::fs;
use std::time::Duration;

use redis::Commands as _;
use session_store::{Config, History, List, Pepper, RevokeReason, SessionStore, UserId};
use session_test::RedisServer;

use super::{connect, documented};

/// Every key, and everything in it, as bytes: the server's own dump.
fn dump(server: &RedisServer, dir: &str) -> Vec<u8> {
    let mut connection = server.connection();
    redis::cmd("SAVE").exec(&mut connection).unwrap();
    fs::read(format!("{dir}/dump.rdb")).unwrap()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn a_dump_logs_nobody_in() {
    // Uncompressed, or a search in it would find nothing for the wrong reason.
    let server = RedisServer::builder()
        .argument("--rdbcompression", "no")
        .start();
    let (_, dir): (String, String) = redis::cmd("CONFIG")
        .arg("GET")
        .arg("dir")
        .query(&mut server.connection())
        .unwrap();
    for pepper in [
        None,
        Some(Pepper::new(*b"a secret of some length").unwrap()),
    ] {
        let config = Config {
            pepper,
            ..Config::default()
        };
        let store = connect(&server, config).await;
        let mut tokens = Vec::new();
        for number in 0..1000 {
            let new = documented(number % 300, &format!("fingerprint-{number}"));
            tokens.push(store.create(new).await.unwrap().token);
        }
        let dump = dump(&server, &dir);
        let id = tokens[0].id();
        assert!(
            contains(&dump, &id.as_str().as_bytes()[2..]),
            "the search works"
        );
        for token in &tokens {
            let secret = &token.expose()[id.as_str().len()..];
            assert!(!contains(&dump, secret.as_bytes()));
            assert!(!contains(&dump, &decode(secret)));
        }
        assert!(!contains(&dump, b"fingerprint-7"));
    }
}

/// base64url, as the token's second half is written.
fn decode(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for character in text.bytes() {
        let value = alphabet
            .iter()
            .position(|known| *known == character)
            .unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

#[tokio::test]
async fn every_key_has_an_end() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    for number in 0..1000 {
        let new = documented(number % 300, &format!("{number}"));
        let created = store.create(new).await.unwrap();
        match number % 7 {
            0 => drop(
                store
                    .revoke(created.session.id, RevokeReason::Revoked)
                    .await,
            ),
            1 => drop(store.rotate(&created.token).await),
            2 => drop(store.touch(created.session.id, None).await),
            _ => {}
        }
    }
    let mut connection = server.connection();
    let keys: Vec<String> = connection.keys("*").unwrap();
    assert!(keys.len() > 1000);
    for key in keys {
        assert!(connection.pttl::<_, i64>(&key).unwrap() > 0, "{key}");
    }
}

#[tokio::test]
async fn what_expired_leaves_nothing_but_the_bounded_history() {
    let server = RedisServer::builder().stopped_clock().start();
    let history = History {
        max_per_user: 5,
        ..History::default()
    };
    let config = Config {
        absolute_timeout: Duration::from_secs(60),
        history: Some(history),
        ..Config::default()
    };
    let store = connect(&server, config).await;
    let user = UserId::from(74);
    for number in 0..1000 {
        server.advance(Duration::from_millis(1));
        let new = documented(74, &format!("{number}"));
        store.create(new).await.unwrap();
    }
    server.advance(Duration::from_secs(61));
    let last = store.create(documented(74, "new")).await.unwrap();
    assert_eq!(store.count(&user).await.unwrap(), 1);
    let list = List {
        include_ended: true,
        ..List::default()
    };
    let page = store.list(&user, list).await.unwrap();
    assert_eq!(page.sessions, [last.session]);
    assert_eq!(page.ended.len(), 5);

    let mut connection = server.connection();
    let mut keys: Vec<String> = connection.keys("*").unwrap();
    keys.sort();
    let kinds: Vec<_> = keys
        .iter()
        .map(|key| key.split(':').nth(2).unwrap())
        .collect();
    assert_eq!(kinds, ["d", "h", "s", "u"]);
    let members: usize = connection.zcard(&keys[3]).unwrap();
    // The session, its device, 50 devices that are remembered, and the mark.
    assert_eq!(members, 53);
    assert_eq!(connection.hlen::<_, usize>(&keys[0]).unwrap(), 1);
    assert_eq!(connection.llen::<_, usize>(&keys[1]).unwrap(), 5);

    // Long after, nothing at all.
    server.advance(Duration::from_secs(366 * 24 * 60 * 60));
    let page = store.list(&user, list).await.unwrap();
    assert!(!page.known_user && page.ended.is_empty());
    // A look at each key makes Redis drop those that are past their end.
    assert!(
        keys.iter()
            .all(|key| !connection.exists::<_, bool>(key).unwrap())
    );
}

#[tokio::test]
async fn without_history_two_keys_are_all() {
    let server = RedisServer::start();
    let config = Config {
        history: None,
        ..Config::default()
    };
    let store = connect(&server, config).await;
    let created = store.create(documented(74, "a")).await.unwrap();
    let mut connection = server.connection();
    assert_eq!(connection.keys::<_, Vec<String>>("*").unwrap().len(), 2);
    store
        .revoke(created.session.id, RevokeReason::Revoked)
        .await
        .unwrap();
    assert_eq!(connection.keys::<_, Vec<String>>("*").unwrap().len(), 1);
}
