//! Numbers for the operator.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use session_store::{NearCache, NearCacheOptions, RedisOptions, RedisStore};
use session_test::RedisServer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{
    BackEnd, Fault, FaultyStore, Memory, Request, SERVICE_KEY, ServerProcess, TestServer,
    on_every_back_end, start,
};

/// Longer than anything here takes unless it hangs.
const HANG: Duration = Duration::from_secs(60);

on_every_back_end!(
    requests_are_counted_by_endpoint_method_and_status,
    operations_and_sessions_are_counted,
    what_is_open_is_counted_while_it_is,
    no_label_holds_a_secret_or_a_user,
    streams_of_events_are_counted_while_they_are_open,
);

/// The figures: a line's name and labels, and its value.
async fn figures(server: &TestServer) -> BTreeMap<String, f64> {
    read(server.get("/metrics")).await
}

async fn read(request: Request) -> BTreeMap<String, f64> {
    let response = request.send().await;
    assert_eq!(response.status, 200);
    let media_type = response.header("Content-Type").unwrap();
    assert!(
        media_type.starts_with("application/openmetrics-text"),
        "{media_type}"
    );
    let text = String::from_utf8(response.body).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let figure = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(figure).collect()
}

async fn requests_are_counted_by_endpoint_method_and_status<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    for _ in 0..2 {
        server
            .get(&login.path())
            .bearer(&login.token)
            .send()
            .await
            .expect(200);
    }
    server.get("/sessions/session/x").send().await.problem(401);
    server.get("/nowhere/74").send().await.problem(404);
    server
        .request("BREW", "/sessions/create")
        .send()
        .await
        .problem(405);
    let figures = figures(&server).await;
    for (labels, expected) in [
        (
            r#"endpoint="/sessions/create",method="POST",status="201""#,
            1.0,
        ),
        (
            r#"endpoint="/sessions/session/{id}",method="GET",status="200""#,
            2.0,
        ),
        (
            r#"endpoint="/sessions/session/{id}",method="GET",status="401""#,
            1.0,
        ),
        (r#"endpoint="",method="GET",status="404""#, 1.0),
        (r#"endpoint="",method="other",status="405""#, 1.0),
    ] {
        let name = format!("session_server_requests_total{{{labels}}}");
        assert_eq!(figures.get(&name), Some(&expected), "{name}: {figures:#?}");
    }
    let duration = "session_server_request_duration_seconds";
    let endpoint = r#"endpoint="/sessions/session/{id}""#;
    assert_eq!(figures[&format!("{duration}_count{{{endpoint}}}")], 3.0);
    assert_eq!(
        figures[&format!("{duration}_bucket{{le=\"+Inf\",{endpoint}}}")],
        3.0
    );
}

async fn operations_and_sessions_are_counted<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--max-sessions-per-user", "2"]).await;
    let first = server.log_in(74).await;
    for _ in 0..3 {
        first.has_passed().await;
        server.log_in(74).await;
    }
    // Two were evicted; one goes now, and one with all.
    let last = server.log_in(75).await;
    let logout = server.delete("/sessions/logout").bearer(&last.token);
    logout.send().await.expect(200);
    let all = server.delete("/sessions/user/74").bearer(SERVICE_KEY);
    all.send().await.expect(200);
    let gone = server.get("/sessions/verify").bearer(&last.token);
    gone.send().await.problem(401);
    let figures = figures(&server).await;
    for (name, expected) in [
        ("sessions_begun_total", 5.0),
        (r#"sessions_ended_total{reason="evicted"}"#, 2.0),
        (r#"sessions_ended_total{reason="logout"}"#, 1.0),
        (r#"sessions_ended_total{reason="revoked"}"#, 2.0),
        (
            r#"store_operation_duration_seconds_count{operation="create",outcome="ok"}"#,
            5.0,
        ),
        (
            r#"store_operation_duration_seconds_count{operation="validate",outcome="ok"}"#,
            1.0,
        ),
        (
            r#"store_operation_duration_seconds_count{operation="validate",outcome="absent"}"#,
            1.0,
        ),
    ] {
        let name = format!("session_server_{name}");
        assert_eq!(figures.get(&name), Some(&expected), "{name}: {figures:#?}");
    }
}

async fn what_is_open_is_counted_while_it_is<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let open = |figures: &BTreeMap<String, f64>| figures["session_server_connections"];
    let before = figures(&server).await;
    assert_eq!(before["session_server_requests_in_flight"], 1.0);
    let held = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let count = async |expected| {
        loop {
            let figures = figures(&server).await;
            if open(&figures) == expected {
                return figures;
            }
        }
    };
    let with_it = timeout(HANG, count(2.0)).await.unwrap();
    // The connection has asked for nothing.
    assert_eq!(with_it["session_server_requests_in_flight"], 1.0);
    drop(held);
    timeout(HANG, count(1.0)).await.unwrap();
}

async fn streams_of_events_are_counted_while_they_are_open<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let streams = async |expected| {
        while figures(&server).await["session_server_event_streams"] != expected {}
    };
    timeout(HANG, streams(0.0)).await.unwrap();
    let login = server.log_in(74).await;
    let events = server.get("/sessions/events").bearer(&login.token);
    let mut stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    stream.write_all(&events.bytes()).await.unwrap();
    timeout(HANG, streams(1.0)).await.unwrap();
    drop(stream);
    // Noticed when something is written: the user's own end is.
    let logout = server.delete("/sessions/logout").bearer(&login.token);
    logout.send().await.expect(200);
    timeout(HANG, streams(0.0)).await.unwrap();
}

/// What nobody counts is looked at when it is asked for.
#[tokio::test]
async fn the_store_and_its_near_cache_say_how_they_fare() {
    let redis = RedisServer::start();
    let config = TestServer::config(&[]);
    let store = RedisStore::connect(&redis.url(), config, RedisOptions::default()).await;
    let near = NearCache::new(store.unwrap(), NearCacheOptions::default()).await;
    let server = TestServer::start(near.unwrap(), &[]).await;
    let login = server.log_in(74).await;
    let name = |name: &str| format!("session_server_{name}");
    let at_hand = async {
        loop {
            assert!(server.is_alive(&login).await);
            let figures = figures(&server).await;
            if figures[&name("near_cache_hits_total")] > 0.0 {
                return figures;
            }
        }
    };
    let figures = timeout(HANG, at_hand).await.unwrap();
    assert!(figures[&name("near_cache_misses_total")] >= 1.0);
    assert_eq!(figures[&name("near_cache_entries")], 1.0);
    assert!(figures[&name("near_cache_size_bytes")] > 0.0);
    assert_eq!(figures[&name("store_connections{state=\"up\"}")], 1.0);
    assert_eq!(figures[&name("store_connections{state=\"down\"}")], 0.0);
    let told =
        async { while self::figures(&server).await[&name("near_cache_age_seconds")].is_nan() {} };
    timeout(HANG, told).await.unwrap();

    drop(redis);
    let down = async {
        while self::figures(&server).await[&name("store_connections{state=\"down\"}")] != 1.0 {}
        while !self::figures(&server).await[&name("near_cache_age_seconds")].is_nan() {}
    };
    timeout(HANG, down).await.unwrap();
}

async fn no_label_holds_a_secret_or_a_user<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in("user-of-the-test").await;
    for path in [
        login.path(),
        "/sessions/user/user-of-the-test".into(),
        format!("/{}", login.token),
    ] {
        server.get(&path).bearer(&login.token).send().await;
        server.get(&path).bearer(SERVICE_KEY).send().await;
    }
    let figures = format!("{:?}", figures(&server).await);
    for secret in ["user-of-the-test", &login.id, &login.token, SERVICE_KEY] {
        assert!(!figures.contains(secret), "{secret}: {figures}");
    }
}

#[tokio::test]
async fn an_outage_shows() {
    let config = TestServer::config(&[]);
    let (_memory, store) = Memory::start(config).await;
    let fails = |method: &str| (method == "validate").then_some(Fault::Unavailable);
    let server = TestServer::start(FaultyStore::new(store, fails), &[]).await;
    let login = server.log_in(74).await;
    let verify = server.get("/sessions/verify").bearer(&login.token);
    verify.send().await.problem(503);
    let name = "session_server_store_operation_duration_seconds_count\
                {operation=\"validate\",outcome=\"unavailable\"}";
    assert_eq!(figures(&server).await.get(name), Some(&1.0));
}

#[tokio::test]
async fn they_may_have_an_address_of_their_own() {
    // Ports are looked for on 127.0.0.1 by everyone else.
    let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
    let metrics = listener.local_addr().unwrap();
    drop(listener);
    let mut command: Command = ServerProcess::command();
    command.env("METRICS_ADDR", metrics.to_string());
    let mut process = ServerProcess::start(&mut command);
    let main = process.address().await;
    Request::new(main, "GET", "/metrics")
        .send()
        .await
        .problem(404);
    Request::new(main, "GET", "/healthz")
        .send()
        .await
        .expect(200);
    let figures = read(Request::new(metrics, "GET", "/metrics").undescribed()).await;
    let health = "session_server_requests_total\
                  {endpoint=\"/healthz\",method=\"GET\",status=\"200\"}";
    assert_eq!(figures.get(health), Some(&1.0));
    Request::new(metrics, "GET", "/healthz")
        .undescribed()
        .send()
        .await
        .problem(404);
    let post = Request::new(metrics, "POST", "/metrics").json(&json!({}));
    post.undescribed().send().await.problem(405);
}
