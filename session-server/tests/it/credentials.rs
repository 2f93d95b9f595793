//! Who gets in.

use crate::support::{BackEnd, Memory, SERVICE_KEY, on_every_back_end, start};

/// Every endpoint that wants a credential.
const ENDPOINTS: [(&str, &str); 11] = [
    ("POST", "/sessions/create"),
    ("GET", "/sessions/my-sessions"),
    ("GET", "/sessions/session/AAAAAAAAAAAAAAAAAA"),
    ("DELETE", "/sessions/session/AAAAAAAAAAAAAAAAAA"),
    ("DELETE", "/sessions/logout"),
    ("DELETE", "/sessions/logout-all"),
    ("GET", "/sessions/active-devices-count"),
    ("POST", "/sessions/update-activity"),
    ("GET", "/sessions/user/74"),
    ("DELETE", "/sessions/user/74"),
    ("GET", "/sessions/verify"),
];

on_every_back_end!(
    every_endpoint_wants_a_credential,
    a_token_is_dead_once_its_session_is
);

async fn every_endpoint_wants_a_credential<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let unknown = "A".repeat(61);
    for (method, path) in ENDPOINTS {
        let response = server.request(method, path).send().await;
        response.problem(401);
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));
        let response = server.request(method, path).bearer(&unknown).send().await;
        response.problem(401);
        let challenge = response.header("WWW-Authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
    }
}

async fn a_token_is_dead_once_its_session_is<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    server
        .delete(&login.path())
        .bearer(SERVICE_KEY)
        .send()
        .await;
    for (method, path) in ENDPOINTS {
        let response = server.request(method, path).bearer(&login.token).send();
        response.await.problem(401);
    }
}

#[tokio::test]
async fn odd_authorization_headers_are_refused() {
    let (server, _b) = start::<Memory>(&[]).await;
    let login = server.log_in(74).await;
    let token = &login.token;
    for odd in [
        String::new(),
        "Bearer".to_owned(),
        format!("Basic {token}"),
        format!("Token {token}"),
        token.clone(),
        format!("Bearer {token} x"),
        format!("Bearer {token},{token}"),
        format!("Bearer {}", &token[..60]),
        format!("Bearer {token}A"),
        format!("Bearer {}", "x".repeat(8000)),
        format!("Bearer {}ü", &token[..59]),
        format!("Bearer {}", &SERVICE_KEY[..33]),
        format!("Bearer {SERVICE_KEY}x"),
        format!("Bearer tests:{SERVICE_KEY}"),
    ] {
        let request = server.get("/sessions/my-sessions");
        let response = request.header("Authorization", &odd).send().await;
        response.problem(401);
    }
}

#[tokio::test]
async fn the_scheme_may_be_written_in_any_case() {
    let (server, _b) = start::<Memory>(&[]).await;
    let login = server.log_in(74).await;
    let request = server.get("/sessions/my-sessions");
    let request = request.header("authorization", &format!("bEaReR {}", login.token));
    request.send().await.expect(200);
}

#[tokio::test]
async fn two_credentials_are_none() {
    let (server, _b) = start::<Memory>(&[]).await;
    let login = server.log_in(74).await;
    let request = server.get("/sessions/my-sessions").bearer(&login.token);
    request.bearer(&login.token).send().await.problem(401);
}

#[tokio::test]
async fn a_credential_in_the_url_or_a_cookie_is_none() {
    let (server, _b) = start::<Memory>(&[]).await;
    let token = server.log_in(74).await.token;
    for query in [format!("access_token={token}"), format!("token={token}")] {
        let request = server.get(&format!("/sessions/my-sessions?{query}"));
        let request = request.header("Cookie", &query);
        request.send().await.problem(401);
    }
}

#[tokio::test]
async fn health_needs_no_credential() {
    let (server, _b) = start::<Memory>(&[]).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).send().await.expect(200)["status"], "ok");
    }
}
