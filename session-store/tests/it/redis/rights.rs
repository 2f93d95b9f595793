//! A Redis user who may do what a store does, and no more.

use session_store::{
    ChangesError, Config, ConnectError, List, NearCache, NearCacheOptions, RedisOptions,
    RedisStore, SessionStore, UserId,
};
use session_test::RedisServer;

use super::documented;

/// What the documentation of `RedisStore` says.
const RIGHTS: &str = "~sess:* &sess:events -@all +@string +@hash +@list +@sortedset \
    +exists +unlink +pexpireat +pexpiretime +pttl +time +publish +evalsha +eval +script|load +subscribe +ping";

async fn connect_with(server: &RedisServer, rights: &str) -> Result<RedisStore, ConnectError> {
    redis::cmd("ACL")
        .arg(&["SETUSER", "app", "reset", "on", ">p@ss/w:rd#%"])
        .arg(rights.split_whitespace().collect::<Vec<_>>())
        .exec(&mut server.connection())
        .unwrap();
    let url = server
        .url()
        .replace("redis://", "redis://app:p%40ss%2Fw%3Ard%23%25@");
    RedisStore::connect(&url, Config::default(), RedisOptions::default()).await
}

#[tokio::test]
async fn the_documented_rights_are_enough() {
    let server = RedisServer::start();
    let store = connect_with(&server, RIGHTS).await.unwrap();
    let mut events = store.events().await.unwrap();
    let created = store.create(documented(74, "a")).await.unwrap();
    events.next().await.unwrap().unwrap();
    store.touch(created.session.id, None).await.unwrap();
    store.rotate(&created.token).await.unwrap();
    let page = store.list(&UserId::from(74), List::default()).await;
    assert_eq!(page.unwrap().sessions.len(), 1);
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_before_a_change_is_left_half_done() {
    let server = RedisServer::start();
    let without = |right: &str| RIGHTS.replace(right, "");
    for (rights, missing) in [
        (without("&sess:events"), "PUBLISH"),
        (without("+pexpireat"), "PEXPIREAT"),
        (without("+@hash"), "H"),
        (RIGHTS.replace("~sess:*", "~other:*"), "EXISTS"),
        (RIGHTS.replace("~sess:*", "%R~sess:*"), "UNLINK"),
    ] {
        let error = connect_with(&server, &rights).await.unwrap_err();
        let ConnectError::Rights { command, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(command.starts_with(missing), "{error}");
    }
    assert!(connect_with(&server, RIGHTS).await.is_ok());
}

#[tokio::test]
async fn what_a_near_cache_takes_besides_is_named() {
    let server = RedisServer::start();
    let store = connect_with(&server, RIGHTS).await.unwrap();
    let error = NearCache::new(store, NearCacheOptions::default()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ChangesError::Right { .. }), "{error:?}");
    assert!(error.to_string().contains("+client|tracking"), "{error}");
    let rights = format!("{RIGHTS} +client|tracking");
    let store = connect_with(&server, &rights).await.unwrap();
    let near = NearCache::new(store, NearCacheOptions::default())
        .await
        .unwrap();
    let token = near.create(documented(74, "a")).await.unwrap().token;
    assert!(near.validate(&token, None).await.unwrap().is_some());
}
