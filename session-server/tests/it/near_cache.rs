//! Servers with a near cache: what one of them ends, the others refuse.

use std::time::Duration;

use serde_json::json;
use session_store::{Config, NearCache, NearCacheOptions, RedisOptions, RedisStore};
use session_test::RedisServer;
use tokio::time::timeout;

use crate::support::{BackEnd as _, Redis, Request, ServerProcess, TestServer, device};

const KEY: &str = "a-key-of-the-near-cache-tests-0123456";

/// Longer than anything here takes unless it hangs.
const HANG: Duration = Duration::from_secs(60);

/// A server of its own, with a cache of its own, on the same Redis as others.
async fn serve(store: RedisStore) -> TestServer {
    let near = NearCache::new(store, NearCacheOptions::default()).await;
    TestServer::start(near.unwrap(), &[]).await
}

fn config() -> Config {
    TestServer::config(&[])
}

/// How many records have been read from Redis.
fn reads(redis: &RedisServer) -> u64 {
    redis.command_calls().get("get").copied().unwrap_or(0)
}

#[tokio::test]
async fn what_one_server_ends_another_one_refuses() {
    let (redis, store) = Redis::start(config()).await;
    let (one, other) = (serve(store).await, serve(redis.store(config()).await).await);
    for _ in 0..20 {
        let login = one.log_in(74).await;
        assert!(other.is_alive(&login).await);
        let logout = one.delete("/sessions/logout").bearer(&login.token);
        logout.send().await.expect(200);
        assert!(!one.is_alive(&login).await, "at once, where it was ended");
        let refused = async { while other.is_alive(&login).await {} };
        timeout(HANG, refused).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_whose_session_is_at_hand_reads_nothing_from_redis() {
    let redis = RedisServer::start();
    let options = RedisOptions::default();
    let store = RedisStore::connect(&redis.url(), config(), options).await;
    let server = serve(store.unwrap()).await;
    let login = server.log_in(74).await;
    // A busy machine may hold up the proof that the cache hears of changes: then it doesn't answer.
    let at_hand = async {
        loop {
            let before = reads(&redis);
            for _ in 0..50 {
                assert!(server.is_alive(&login).await);
            }
            if reads(&redis) == before {
                break;
            }
        }
    };
    timeout(HANG, at_hand).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_a_503_and_not_an_answer_from_memory() {
    let mut redis = RedisServer::builder().append_only().start();
    let options = RedisOptions::default();
    let store = RedisStore::connect(&redis.url(), config(), options).await;
    let server = serve(store.unwrap()).await;
    let login = server.log_in(74).await;
    let verify = server.get("/sessions/verify").bearer(&login.token);
    until_status(&verify, 200).await;
    redis.kill();
    until_status(&verify, 503).await;
    for _ in 0..20 {
        verify.send().await.problem(503);
    }
    redis.restart();
    until_status(&verify, 200).await;
}

/// A server process that stands still for longer than the bound says nothing, so neither does this.
#[tokio::test]
async fn a_redis_that_hangs_is_a_503_once_the_bound_has_passed() {
    let redis = RedisServer::start();
    let options = RedisOptions::default();
    let store = RedisStore::connect(&redis.url(), config(), options).await;
    let server = serve(store.unwrap()).await;
    let login = server.log_in(74).await;
    let verify = server.get("/sessions/verify").bearer(&login.token);
    until_status(&verify, 200).await;
    redis.pause();
    until_status(&verify, 503).await;
    verify.send().await.problem(503);
    redis.resume();
    until_status(&verify, 200).await;
}

/// Asks until the answer is this one; until then it is a 200 or a 503.
async fn until_status(request: &Request, status: u16) {
    let answered = async {
        loop {
            let response = request.send().await;
            if response.status == status {
                break;
            }
            assert!(matches!(response.status, 200 | 503), "{}", response.status);
        }
    };
    timeout(HANG, answered).await.unwrap();
}

fn command(url: &str) -> tokio::process::Command {
    let mut command = ServerProcess::command();
    command
        .env("SERVICE_KEYS", format!("tests:{KEY}"))
        .env("REDIS_URL", url)
        .env("NEAR_CACHE_MEGABYTES", "16");
    command
}

#[tokio::test]
async fn the_binary_puts_a_cache_in_front_of_redis() {
    let redis = RedisServer::start();
    let mut server = ServerProcess::start(&mut command(&redis.url()));
    let address = server.address().await;
    let mut body = device();
    body["user_id"] = json!(74);
    let create = Request::new(address, "POST", "/sessions/create").bearer(KEY);
    let created = create.json(&body).send().await.expect(201);
    let token = created["token"].as_str().unwrap();
    let verify = Request::new(address, "GET", "/sessions/verify").bearer(token);
    until_status(&verify, 200).await;
    let clients: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query(&mut redis.connection())
        .unwrap();
    let is_told = |field: &str| field.starts_with("flags=") && field.contains('B');
    assert!(clients.split(' ').any(is_told), "{clients}");
}

#[tokio::test]
async fn a_right_that_the_cache_takes_is_named() {
    let redis = RedisServer::start();
    let rights = "reset on >secret ~sess:* &sess:* +@all -client|tracking";
    redis::cmd("ACL")
        .arg(&["SETUSER", "app"])
        .arg(rights.split(' ').collect::<Vec<_>>())
        .exec(&mut redis.connection())
        .unwrap();
    let url = redis.url().replace("redis://", "redis://app:secret@");
    let mut command = command(&url);
    let output = command.env("LISTEN_ADDR", "127.0.0.1:0").output();
    let output = timeout(HANG, output).await.unwrap().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for hint in ["NEAR_CACHE_MEGABYTES", "+client|tracking"] {
        assert!(stderr.contains(hint), "{hint}: {stderr}");
    }
}

#[tokio::test]
async fn a_bound_that_is_too_long_is_refused() {
    let redis = RedisServer::start();
    let mut command = command(&redis.url());
    command
        .env("LISTEN_ADDR", "127.0.0.1:0")
        .env("NEAR_CACHE_STALENESS_MS", "60001");
    let output = timeout(HANG, command.output()).await.unwrap().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("NEAR_CACHE_STALENESS_MS"), "{stderr}");
}
