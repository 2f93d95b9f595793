//! Making a store on a cluster, and what can't work.

use session_store::{Config, ConnectError, RedisOptions, RedisStore, SessionStore};
use session_test::{RedisCluster, RedisServer};

use super::{connect, documented, start, users};

async fn error_of(url: &str) -> ConnectError {
    RedisStore::connect(url, Config::default(), RedisOptions::default())
        .await
        .unwrap_err()
}

async fn serves(url: &str, cluster: &RedisCluster) {
    let store = RedisStore::connect(url, Config::default(), RedisOptions::default())
        .await
        .unwrap();
    for user in users(cluster) {
        let created = store.create(documented(user, "a")).await.unwrap();
        let found = store.validate(&created.token, None).await.unwrap();
        assert_eq!(found, Some(created.session));
    }
}

#[tokio::test]
async fn any_node_leads_to_all_of_them() {
    let cluster = start();
    let last = cluster.nodes()[2].port();
    serves(&format!("redis-cluster://127.0.0.1:{last}"), &cluster).await;
    // Nobody listens there.
    serves(
        &format!("redis-cluster://127.0.0.1:1,127.0.0.1:{last}"),
        &cluster,
    )
    .await;
}

#[tokio::test]
async fn sessions_are_spread_over_all_masters() {
    let cluster = start();
    let store = connect(&cluster, Config::default()).await;
    for user in 0..100 {
        store.create(documented(user, "a")).await.unwrap();
    }
    for node in cluster.nodes() {
        let keys: u64 = redis::cmd("DBSIZE").query(&mut node.connection()).unwrap();
        assert!(keys > 0);
    }
}

#[tokio::test]
async fn the_wrong_kind_of_url_names_the_right_one() {
    let cluster = start();
    let error = error_of(&cluster.nodes()[0].url()).await;
    assert!(matches!(error, ConnectError::Cluster), "{error:?}");
    assert!(error.to_string().contains("redis-cluster://"), "{error}");

    let single = RedisServer::start();
    let url = single.url().replace("redis://", "redis-cluster://");
    let error = error_of(&url).await;
    assert!(matches!(error, ConnectError::NoCluster), "{error:?}");
    assert!(error.to_string().contains("redis://"), "{error}");
}

#[tokio::test]
async fn what_cannot_work_is_said_clearly() {
    let error = error_of("redis-cluster://127.0.0.1:1,127.0.0.1:2/").await;
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );

    let error = error_of("redis-cluster://127.0.0.1:1/3").await;
    assert!(matches!(error, ConnectError::Url(_)), "{error:?}");

    let cluster = start();
    for node in cluster.nodes() {
        redis::cmd("CLUSTER")
            .arg(&["DELSLOTS", "0"])
            .exec(&mut node.connection())
            .unwrap();
    }
    let error = error_of(&cluster.url()).await;
    assert!(
        matches!(error, ConnectError::Unreachable { .. }),
        "{error:?}"
    );
    let source = std::error::Error::source(&error).unwrap();
    let source = source.source().unwrap();
    assert!(source.to_string().contains("slot 0"), "{source}");
}

/// What the documentation of `RedisStore` says, for a cluster.
const RIGHTS: &str = "~sess:* &sess:events -@all +@string +@hash +@list +@sortedset +exists \
    +unlink +pexpireat +pexpiretime +pttl +time +publish +evalsha +eval +script|load +subscribe \
    +ping +cluster|slots";

async fn connect_with(cluster: &RedisCluster, rights: &str) -> Result<RedisStore, ConnectError> {
    for node in cluster.nodes() {
        redis::cmd("ACL")
            .arg(&["SETUSER", "app", "reset", "on", ">p@ss/w:rd,#%"])
            .arg(rights.split_whitespace().collect::<Vec<_>>())
            .exec(&mut node.connection())
            .unwrap();
    }
    let url = cluster
        .url()
        .replace("://", "://app:p%40ss%2Fw%3Ard,%23%25@");
    RedisStore::connect(&url, Config::default(), RedisOptions::default()).await
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_a_missing_one_is_named() {
    let cluster = start();
    for (right, missing) in [("+cluster|slots", "CLUSTER SLOTS"), ("+zadd", "ZADD")] {
        let rights = match right {
            "+zadd" => format!("{RIGHTS} -zadd"),
            right => RIGHTS.replace(right, ""),
        };
        let error = connect_with(&cluster, &rights).await.unwrap_err();
        let ConnectError::Rights { command, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(command, missing);
    }
    let store = connect_with(&cluster, RIGHTS).await.unwrap();
    let mut events = store.events().await.unwrap();
    for user in users(&cluster) {
        let created = store.create(documented(user, "a")).await.unwrap();
        events.next().await.unwrap().unwrap();
        store.rotate(&created.token).await.unwrap().unwrap();
        events.next().await.unwrap().unwrap();
    }
}
