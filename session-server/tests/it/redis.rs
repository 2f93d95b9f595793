//! The server on a real Redis: started on one, sharing one, and losing one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use session_store::{RedisOptions, RedisStore};
use session_test::{Certificate, RedisCluster, RedisServer};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::{BackEnd as _, Redis, Request, ServerProcess, TestServer, device};

const KEY: &str = "a-key-of-the-redis-tests-01234567890";

/// Longer than anything here takes unless it hangs.
const HANG: Duration = Duration::from_secs(60);

async fn serve(redis: &RedisServer, flags: &[&str]) -> TestServer {
    let config = TestServer::config(flags);
    let store = RedisStore::connect(&redis.url(), config, RedisOptions::default()).await;
    TestServer::start(store.unwrap(), flags).await
}

/// Asks until the answer is a 200; until then it is a 503 that says when to try again.
async fn until_ok(request: &Request) {
    let ok = async {
        loop {
            let response = request.send().await;
            if response.status == 200 {
                break;
            }
            response.problem(503);
            assert!(response.header("Retry-After").is_some());
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(HANG, ok).await.unwrap();
}

#[derive(Clone, Copy, Default)]
struct Tally {
    served: u64,
    failed: u64,
}

/// Sends the request over and over. Whatever happens to Redis, the answer is a 200 or a 503.
async fn keep_asking(request: Request, tally: watch::Sender<Tally>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let response = timeout(HANG, request.send()).await.unwrap();
        match response.status {
            200 => tally.send_modify(|tally| tally.served += 1),
            _ => {
                response.problem(503);
                assert!(response.header("Retry-After").is_some());
                tally.send_modify(|tally| tally.failed += 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_redis_is_missed_and_nobody_is_logged_out() {
    let mut redis = RedisServer::builder().append_only().start();
    let server = serve(&redis, &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (mut clients, mut tallies) = (JoinSet::new(), Vec::new());
    for user in 0..8 {
        let login = server.log_in(user).await;
        for request in [
            server.get("/sessions/my-sessions"),
            server.post("/sessions/update-activity"),
            server.post("/sessions/create").json(&device()),
            server.get("/sessions/verify"),
        ] {
            let (tally, told) = watch::channel(Tally::default());
            tallies.push(told);
            clients.spawn(keep_asking(
                request.bearer(&login.token),
                tally,
                stop.clone(),
            ));
        }
    }
    // Waits until every client has heard one more such answer.
    let mut each = async |count: fn(&Tally) -> u64| {
        for tally in &mut tallies {
            let before = count(&tally.borrow_and_update());
            let more = tally.wait_for(|tally| count(tally) > before);
            timeout(HANG, more).await.unwrap().unwrap();
        }
    };
    for _ in 0..2 {
        each(|tally| tally.served).await;
        redis.kill();
        each(|tally| tally.failed).await;
        redis.restart();
        each(|tally| tally.served).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readyz_tells_whether_redis_is_there() {
    let mut redis = RedisServer::start();
    let server = serve(&redis, &[]).await;
    let ready = server.get("/readyz");
    ready.send().await.expect(200);
    redis.kill();
    let response = ready.send().await;
    response.problem(503);
    assert!(response.header("Retry-After").is_some());
    server.get("/healthz").send().await.expect(200);
    redis.restart();
    until_ok(&ready).await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_a_503_within_the_deadline() {
    let redis = RedisServer::start();
    let server = serve(&redis, &[]).await;
    let login = server.log_in(74).await;
    let mine = server.get("/sessions/my-sessions").bearer(&login.token);
    redis.pause();
    let response = timeout(HANG, mine.send()).await.unwrap();
    redis.resume();
    response.problem(503);
    until_ok(&mine).await;
}

#[tokio::test]
async fn what_one_server_revokes_another_one_refuses_at_the_next_request() {
    let config = || TestServer::config(&[]);
    let (redis, store) = Redis::start(config()).await;
    let one = TestServer::start(store, &[]).await;
    let other = TestServer::start(redis.store(config()).await, &[]).await;
    for _ in 0..20 {
        let login = one.log_in(74).await;
        assert!(other.is_alive(&login).await);
        let logout = one.delete("/sessions/logout").bearer(&login.token);
        logout.send().await.expect(200);
        assert!(!other.is_alive(&login).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_that_race_leave_exactly_as_many_sessions_as_allowed() {
    let (server, _redis) = crate::support::start::<Redis>(&[]).await;
    let server = Arc::new(server);
    let mut logins = JoinSet::new();
    for _ in 0..50 {
        let server = server.clone();
        logins.spawn(async move { server.log_in(74).await });
    }
    let logins = logins.join_all().await;
    let path = "/sessions/user/74";
    let listed = server.ids(path, crate::support::SERVICE_KEY).await;
    assert_eq!(listed.len(), 3);
    let mut alive = BTreeSet::new();
    for login in logins {
        if server.is_alive(&login).await {
            alive.insert(login.id);
        }
    }
    assert_eq!(alive, listed.into_iter().collect());
}

fn command(url: &str) -> Command {
    let mut command = ServerProcess::command();
    command.env("SERVICE_KEYS", format!("tests:{KEY}"));
    command.env("REDIS_URL", url);
    command
}

#[tokio::test]
async fn the_binary_serves_a_redis_and_finds_its_sessions_again() {
    let redis = RedisServer::start();
    for url in [redis.url(), redis.unix_url()] {
        finds_its_sessions_again(|| command(&url)).await;
    }
}

#[tokio::test]
async fn the_binary_serves_a_cluster_and_finds_its_sessions_again() {
    let cluster = RedisCluster::builder().stopped_clock().start();
    finds_its_sessions_again(|| command(&cluster.url())).await;

    let certificate = Certificate::new();
    let cluster = RedisCluster::builder()
        .stopped_clock()
        .encrypted(&certificate)
        .start();
    finds_its_sessions_again(|| {
        let mut command = command(&cluster.url());
        command.env("SSL_CERT_FILE", certificate.file());
        command
    })
    .await;
}

async fn finds_its_sessions_again(command: impl Fn() -> Command) {
    // On whichever node they are.
    for user in [74, 75, 76] {
        let mut body = device();
        body["user_id"] = json!(user);
        let mut server = ServerProcess::start(&mut command());
        let address = server.address().await;
        let create = Request::new(address, "POST", "/sessions/create").bearer(KEY);
        let created = create.json(&body).send().await.expect(201);
        server.signal("TERM").await;
        let (code, rest) = server.end().await;
        assert_eq!(code, Some(0), "{rest}");
        assert!(!rest.contains(KEY), "{rest}");

        let mut server = ServerProcess::start(&mut command());
        let address = server.address().await;
        let token = created["token"].as_str().unwrap();
        let mine = Request::new(address, "GET", "/sessions/my-sessions").bearer(token);
        let mine = mine.send().await.expect(200);
        assert_eq!(mine[0]["id"], created["id"]);
    }
}

#[tokio::test]
async fn a_redis_that_cannot_be_used_is_said_in_one_line() {
    let locked = RedisServer::builder()
        .argument("--requirepass", "right-password")
        .start();
    let port = locked.port();
    let cluster = RedisCluster::builder().stopped_clock().start();
    for (url, hints) in [
        (cluster.nodes()[0].url(), ["redis-cluster://"]),
        (
            format!("redis-cluster://:top-secret@127.0.0.1:{port}"),
            ["127.0.0.1"],
        ),
        (
            "redis-cluster://:top-secret@127.0.0.1:1,127.0.0.1:2".to_owned(),
            ["127.0.0.1"],
        ),
        ("http://:top-secret@localhost:6379".to_owned(), ["redis://"]),
        ("redis://:top-secret@local host".to_owned(), ["redis://"]),
        ("nonsense-top-secret".to_owned(), ["redis://"]),
        (
            "redis://:top-secret@127.0.0.1:1".to_owned(),
            ["127.0.0.1:1"],
        ),
        (
            "unix:///nowhere/redis.sock?pass=top-secret".to_owned(),
            ["/nowhere/redis.sock"],
        ),
        (
            format!("redis://:top-secret@127.0.0.1:{port}"),
            ["127.0.0.1"],
        ),
        (format!("redis://127.0.0.1:{port}"), ["127.0.0.1"]),
        (
            format!("rediss://:top-secret@127.0.0.1:{port}"),
            ["127.0.0.1"],
        ),
    ] {
        let mut command = command(&url);
        let output = command.env("LISTEN_ADDR", "127.0.0.1:0").output();
        let output = timeout(HANG, output).await.unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}: {stderr}");
        assert_eq!(output.stdout, b"", "nothing listens, so nothing says so");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
        for hint in hints.iter().chain(&["REDIS_URL"]) {
            assert!(stderr.contains(hint), "{hint}: {stderr}");
        }
        assert!(!stderr.contains("top-secret"), "{stderr}");
    }
}
