//! The helpers, tried on a real Redis.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::time::Duration;

use redis::Commands as _;
use session_test::{Proxy, RedisCluster, RedisServer};

#[test]
fn a_killed_server_comes_back_with_its_data() {
    let mut server = RedisServer::builder().append_only().start();
    let _: () = server.connection().set("key", "value").unwrap();
    server.kill();
    let client = redis::Client::open(server.url()).unwrap();
    assert!(client.get_connection().is_err());
    server.restart();
    let value: String = client.get_connection().unwrap().get("key").unwrap();
    assert_eq!(value, "value");
}

#[test]
fn time_moves_when_told_to() {
    let server = RedisServer::builder().stopped_clock().start();
    let mut connection = server.connection();
    let _: () = connection.pset_ex("key", "value", 1000).unwrap();
    assert_eq!(connection.pttl::<_, i64>("key").unwrap(), 1000);
    server.advance(Duration::from_millis(1000));
    assert!(connection.exists::<_, bool>("key").unwrap());
    server.advance(Duration::from_millis(1));
    assert!(!connection.exists::<_, bool>("key").unwrap());
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(&mut connection).unwrap();
    assert_eq!(seconds * 1000 + micros / 1000, server.clock().now_millis());
}

#[test]
fn calls_are_counted() {
    let server = RedisServer::start();
    server.reset_stats();
    let _: Option<String> = server.connection().get("key").unwrap();
    assert_eq!(server.command_calls().get("get"), Some(&1));
}

#[test]
fn a_cluster_serves_every_slot_and_its_time_moves() {
    let cluster = RedisCluster::builder().stopped_clock().start();
    for key in ["a", "b", "c", "{tag}:d"] {
        let node = &cluster.nodes()[cluster.node_of(key)];
        let _: () = node.connection().pset_ex(key, "value", 1000).unwrap();
    }
    let keys = |cluster: &RedisCluster| -> Vec<u64> {
        let size = |node: &RedisServer| redis::cmd("DBSIZE").query(&mut node.connection());
        cluster
            .nodes()
            .iter()
            .map(|node| size(node).unwrap())
            .collect()
    };
    assert_eq!(keys(&cluster).iter().sum::<u64>(), 4);
    cluster.advance(Duration::from_millis(1000));
    let missing = |key: &str| {
        let node = &cluster.nodes()[cluster.node_of(key)];
        !node.connection().exists::<_, bool>(key).unwrap()
    };
    assert!(!missing("a"));
    cluster.advance(Duration::from_millis(1));
    assert!(missing("a") && missing("b") && missing("c"));
}

#[tokio::test]
async fn a_proxy_severs_stalls_and_restores() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let client = redis::Client::open(proxy.url()).unwrap();
    let ping = async || {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING")
            .query_async::<String>(&mut connection)
            .await
    };
    assert_eq!(ping().await.unwrap(), "PONG");
    proxy.sever();
    assert!(ping().await.is_err());
    proxy.stall();
    assert!(ping().await.unwrap_err().is_timeout());
    proxy.restore();
    assert_eq!(ping().await.unwrap(), "PONG");
}

#[tokio::test]
async fn a_write_runs_though_its_reply_is_lost() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let client = redis::Client::open(proxy.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    proxy.drop_replies();
    let written = redis::cmd("SET")
        .arg("key")
        .arg(1)
        .exec_async(&mut connection)
        .await;
    assert!(written.unwrap_err().is_timeout());
    assert_eq!(server.connection().get::<_, i64>("key").unwrap(), 1);
}
