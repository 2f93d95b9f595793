//! The stream of events over a connection that breaks.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use session_store::{
    Config, EventKind, EventsMissed, RedisOptions, RedisStore, SessionStore, UserId,
};
use session_test::{Proxy, RedisServer};
use tokio::time::timeout;

use super::{connect, documented};

const HANG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_broken_subscription_is_made_again_and_says_so() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let options = RedisOptions {
        deadline: Duration::from_millis(300),
        ..RedisOptions::default()
    };
    let store = RedisStore::connect(&proxy.url(), Config::default(), options)
        .await
        .unwrap();
    let mut events = store.events().await.unwrap();
    for break_it in [Proxy::sever, Proxy::stall] {
        break_it(&proxy);
        while store.ping().await.is_ok() {}
        proxy.restore();
        let missed = timeout(HANG, events.next()).await.unwrap().unwrap();
        assert_eq!(missed, Err(EventsMissed));
        while store.ping().await.is_err() {}
        let created = store
            .create(documented(UserId::new("a user").unwrap(), "a"))
            .await
            .unwrap();
        loop {
            let event = timeout(HANG, events.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            // The session of the round before is replaced.
            if matches!(event.kind, EventKind::Ended { .. }) {
                continue;
            }
            assert_eq!(event.session_id, created.session.id);
            assert_eq!(event.user_id, created.session.user_id);
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_that_it_missed_some() {
    let server = RedisServer::start();
    let store = super::connect(&server, Config::default()).await;
    let mut events = store.events().await.unwrap();
    for number in 0..5000 {
        store.create(documented(number, "a")).await.unwrap();
    }
    let mut told = 0;
    loop {
        match timeout(HANG, events.next()).await.unwrap().unwrap() {
            Ok(_) => told += 1,
            Err(EventsMissed) => break,
        }
        assert!(told < 5000, "nothing was missed");
    }
}

#[tokio::test]
async fn an_unspecified_address_hides_no_other() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let created = store.create(documented(74, "a")).await.unwrap();
    let id = created.session.id;
    let mut events = store.events().await.unwrap();
    let unspecified = Some(Ipv6Addr::UNSPECIFIED.into());
    assert!(store.touch(id, unspecified).await.unwrap().is_some());
    let address = Ipv4Addr::new(192, 0, 2, 1).into();
    assert!(store.touch(id, Some(address)).await.unwrap().is_some());
    let told = events.next().await.unwrap().unwrap();
    assert_eq!(told.kind, EventKind::NewAddress { address });
}
