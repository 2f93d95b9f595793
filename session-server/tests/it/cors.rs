//! Browsers: which pages may call, and read the answer.

use crate::support::{BackEnd, Response, on_every_back_end, start};

on_every_back_end!(
    a_page_of_a_configured_origin_may_call,
    a_page_of_another_origin_may_not,
    errors_can_be_read_too,
    every_page_may_call_where_the_operator_says_so,
    credentials_are_allowed_on_demand,
    a_preflight_never_verifies,
    without_origins_there_is_no_sharing,
);

const APP: &str = "https://app.example.com";
const ORIGINS: &[&str] = &[
    "--cors-origins",
    "https://app.example.com,http://localhost:3000",
];

/// What a response allows a page: the headers that begin with `Access-Control-`.
fn allowed(response: &Response) -> Vec<String> {
    let fields = response.head.lines().map(str::to_ascii_lowercase);
    let mut allowed: Vec<_> = fields
        .filter(|field| field.starts_with("access-control-"))
        .collect();
    allowed.sort();
    allowed
}

const READABLE: &str =
    "access-control-expose-headers: link, retry-after, www-authenticate, x-request-id";

async fn a_page_of_a_configured_origin_may_call<B: BackEnd>() {
    let (server, _b) = start::<B>(ORIGINS).await;
    for origin in [APP, "http://localhost:3000"] {
        for path in ["/sessions/create", "/sessions/session/x", "/nowhere"] {
            let preflight = server
                .request("OPTIONS", path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization");
            let response = preflight.send().await;
            assert_eq!(response.status, 204, "{path}");
            assert_eq!(
                allowed(&response),
                [
                    "access-control-allow-headers: authorization, content-type, last-event-id, x-request-id",
                    "access-control-allow-methods: get, post, delete",
                    &format!("access-control-allow-origin: {origin}"),
                    READABLE,
                    "access-control-max-age: 7200",
                ]
            );
            assert_eq!(response.header("Vary"), Some("origin"));
            assert!(response.header("X-Request-Id").is_some());
        }
        let login = server.log_in(74).await;
        let mine = server.get("/sessions/my-sessions").bearer(&login.token);
        let response = mine.header("Origin", origin).send().await;
        response.expect(200);
        let origin = format!("access-control-allow-origin: {origin}");
        assert_eq!(allowed(&response), [origin.as_str(), READABLE]);
        assert_eq!(response.header("Vary"), Some("origin"));
    }
}

async fn a_page_of_another_origin_may_not<B: BackEnd>() {
    let (server, _b) = start::<B>(ORIGINS).await;
    for origin in [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.com",
        "null",
        "*",
    ] {
        for method in ["OPTIONS", "GET"] {
            let request = server.request(method, "/sessions/my-sessions");
            let request = request
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "GET");
            let response = request.send().await;
            assert!(allowed(&response).is_empty(), "{origin}: {response:?}");
            assert_eq!(response.header("Vary"), Some("origin"));
        }
    }
}

async fn errors_can_be_read_too<B: BackEnd>() {
    let (server, _b) = start::<B>(ORIGINS).await;
    for (method, path, status) in [
        ("GET", "/sessions/my-sessions", 401),
        ("GET", "/nowhere", 404),
        ("PUT", "/sessions/create", 405),
    ] {
        let request = server.request(method, path).header("Origin", APP);
        let response = request.send().await;
        response.problem(status);
        assert_eq!(allowed(&response).len(), 2, "{path}");
    }
}

async fn every_page_may_call_where_the_operator_says_so<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--cors-origins", "*"]).await;
    let health = server.get("/healthz").header("Origin", APP).send().await;
    let origin = format!("access-control-allow-origin: {APP}");
    assert_eq!(allowed(&health), [origin.as_str(), READABLE]);
}

async fn credentials_are_allowed_on_demand<B: BackEnd>() {
    let flags = [ORIGINS, &["--cors-credentials", "true"]].concat();
    let (server, _b) = start::<B>(&flags).await;
    let preflight = server
        .request("OPTIONS", "/sessions/logout")
        .header("Origin", APP)
        .header("Access-Control-Request-Method", "DELETE");
    for request in [preflight, server.get("/healthz").header("Origin", APP)] {
        let response = request.send().await;
        let credentials = response.header("Access-Control-Allow-Credentials");
        assert_eq!(credentials, Some("true"));
    }
    let stranger = server.get("/healthz").header("Origin", "https://evil.com");
    assert!(allowed(&stranger.send().await).is_empty());
}

/// A proxy that asks about a request of method `OPTIONS` must not take the answer to a preflight for
/// "may pass".
async fn a_preflight_never_verifies<B: BackEnd>() {
    let (server, _b) = start::<B>(ORIGINS).await;
    let verify = server
        .request("OPTIONS", "/sessions/verify")
        .header("Origin", APP)
        .header("Access-Control-Request-Method", "GET");
    verify.send().await.problem(401);
}

async fn without_origins_there_is_no_sharing<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let preflight = server
        .request("OPTIONS", "/sessions/create")
        .header("Origin", APP)
        .header("Access-Control-Request-Method", "POST");
    let response = preflight.send().await;
    response.problem(405);
    assert!(allowed(&response).is_empty());
    assert_eq!(response.header("Vary"), None);
}
