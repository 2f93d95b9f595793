//! A store that fails: told as what it is, and never as a logout.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use serde_json::json;
use session_store::{MemoryStore, NewSession, SessionStore as _};

use crate::support::{Fault, FaultyStore, SERVICE_KEY, TestServer, device};

fn memory() -> MemoryStore {
    MemoryStore::new(TestServer::config(&[])).unwrap()
}

async fn server_that(
    faults: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static,
    flags: &[&str],
) -> TestServer {
    TestServer::start(FaultyStore::new(memory(), faults), flags).await
}

#[tokio::test]
async fn an_outage_logs_nobody_out() {
    for fault in [
        Fault::Unavailable,
        Fault::Timeout,
        Fault::Refused,
        Fault::Full,
    ] {
        let server = server_that(move |_| Some(fault), &[]).await;
        let token = "A".repeat(61);
        for (method, path, credential) in [
            ("GET", "/sessions/my-sessions", token.as_str()),
            ("DELETE", "/sessions/logout", &token),
            ("GET", "/sessions/verify", &token),
            ("GET", "/sessions/user/74", SERVICE_KEY),
            ("DELETE", "/sessions/user/74", SERVICE_KEY),
            ("GET", "/sessions/session/AAAAAAAAAAAAAAAAAA", SERVICE_KEY),
            (
                "DELETE",
                "/sessions/session/AAAAAAAAAAAAAAAAAA",
                SERVICE_KEY,
            ),
            ("GET", "/readyz", SERVICE_KEY),
        ] {
            let response = server.request(method, path).bearer(credential).send();
            let response = response.await;
            let detail = response.problem(503);
            assert!(!detail.contains("redis.internal"), "{detail}");
            assert_eq!(response.header("Retry-After"), Some("1"));
        }
        let mut body = device();
        body["user_id"] = json!(74);
        server.create(&body).send().await.problem(503);
        server.get("/healthz").send().await.expect(200);
    }
}

#[tokio::test]
async fn a_record_that_nobody_can_read_is_the_servers_failure() {
    let server = server_that(|_| Some(Fault::Record), &[]).await;
    let token = "A".repeat(61);
    let list = server.get("/sessions/my-sessions").bearer(&token);
    list.send().await.problem(500);
}

#[tokio::test]
async fn a_record_that_nobody_can_read_can_be_deleted_by_an_admin() {
    let unreadable = |method: &str| matches!(method, "get" | "revoke").then_some(Fault::Record);
    let server = server_that(unreadable, &[]).await;
    let path = "/sessions/session/AAAAAAAAAAAAAAAAAA";
    server
        .delete(path)
        .bearer(SERVICE_KEY)
        .send()
        .await
        .expect(200);
    let login = server.log_in(74).await;
    server
        .delete(path)
        .bearer(&login.token)
        .send()
        .await
        .problem(500);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    let server = server_that(|method| (method == "count").then_some(Fault::Panic), &[]).await;
    let login = server.log_in(74).await;
    let count = server
        .get("/sessions/active-devices-count")
        .bearer(&login.token);
    let response = count.send().await;
    let detail = response.problem(500);
    assert!(!detail.contains("a test asked for"), "{detail}");
    assert!(response.header("X-Request-Id").is_some());
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    assert!(server.is_alive(&login).await);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_503() {
    let flags = ["--request-timeout-seconds=0.05"];
    let server = server_that(|method| (method == "ping").then_some(Fault::Stall), &flags).await;
    let response = server.get("/readyz").send().await;
    response.problem(503);
    assert_eq!(response.header("Retry-After"), Some("1"));
    assert!(response.header("X-Request-Id").is_some());
}

#[tokio::test]
async fn a_fill_in_that_others_get_in_the_way_of_is_tried_again() {
    let calls = AtomicU32::new(0);
    let twice = move |method: &str| {
        let conflicts = method == "update" && calls.fetch_add(1, Ordering::Relaxed) < 2;
        conflicts.then_some(Fault::Conflict)
    };
    let server = server_that(twice, &[]).await;
    let login = server.log_in(74).await;
    let create = server.post("/sessions/create").bearer(&login.token);
    create.json(&device()).send().await.expect(200);
}

#[tokio::test]
async fn a_fill_in_gives_up_in_the_end() {
    let always = |method: &str| (method == "update").then_some(Fault::Conflict);
    let server = server_that(always, &[]).await;
    let login = server.log_in(74).await;
    let create = server.post("/sessions/create").bearer(&login.token);
    create.json(&device()).send().await.problem(409);
}

/// Between the look at the credential and the logout, a backend gives the session another token.
#[tokio::test]
async fn a_rotation_does_not_rescue_a_session_from_its_logout() {
    let store = memory();
    let login = store.create(NewSession::new(74.into())).await.unwrap();
    let (rotating, token) = (store.clone(), login.token.clone());
    let rotate = move |method: &str| {
        if method.starts_with("revoke") {
            // The embedded store never waits.
            let mut context = Context::from_waker(Waker::noop());
            let rotated = pin!(rotating.rotate(&token)).poll(&mut context);
            assert!(matches!(rotated, Poll::Ready(Ok(Some(_)))));
        }
        None
    };
    let server = TestServer::start(FaultyStore::new(store.clone(), rotate), &[]).await;
    let logout = server.request("DELETE", "/sessions/logout");
    let response = logout.bearer(&login.token.expose()).send().await;
    response.expect(200);
    assert!(store.get(login.session.id).await.unwrap().is_none());
}
