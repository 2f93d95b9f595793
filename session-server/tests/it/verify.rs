//! `/sessions/verify`, for reverse proxies.

use serde_json::json;

use crate::support::{BackEnd, on_every_back_end, start};

on_every_back_end!(
    it_names_the_caller_in_headers_whatever_the_method,
    values_are_made_safe_for_headers,
    an_absent_role_is_an_empty_header,
    what_is_no_session_is_refused,
    it_demands_a_role,
    a_body_that_never_comes_is_not_waited_for,
);

async fn it_names_the_caller_in_headers_whatever_the_method<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in_with("u-74", json!({"role": "editor"})).await;
    for method in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND",
    ] {
        let verify = server.request(method, "/sessions/verify");
        let response = verify.bearer(&login.token).send().await;
        assert_eq!(response.status, 200, "{method}");
        assert_eq!(response.header("X-Session-User"), Some("u-74"));
        assert_eq!(response.header("X-Session-Id"), Some(login.id.as_str()));
        assert_eq!(response.header("X-Session-Role"), Some("editor"));
        assert_eq!(response.body, b"");
    }
}

async fn values_are_made_safe_for_headers<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let role = json!({"role": "a\r\nX-Session-User: 1"});
    let login = server.log_in_with("ü 7%", role).await;
    let response = server.get("/sessions/verify").bearer(&login.token).send();
    let response = response.await;
    assert_eq!(response.header("X-Session-User"), Some("%C3%BC%207%25"));
    let role = response.header("X-Session-Role");
    assert_eq!(role, Some("a%0D%0AX-Session-User:%201"));
}

async fn an_absent_role_is_an_empty_header<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let response = server.get("/sessions/verify").bearer(&login.token).send();
    assert_eq!(response.await.header("X-Session-Role"), Some(""));
}

async fn what_is_no_session_is_refused<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    server.get("/sessions/verify").send().await.problem(401);
    let login = server.log_in(74).await;
    server
        .delete(&login.path())
        .bearer(&login.token)
        .send()
        .await;
    let verify = server.get("/sessions/verify").bearer(&login.token);
    let response = verify.send().await;
    response.problem(401);
    assert_eq!(response.header("X-Session-User"), None);
}

async fn it_demands_a_role<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let editor = server.log_in_with("u-74", json!({"role": "editor"})).await;
    let nobody = server.log_in("u-75").await;
    for (query, editors, nobodys) in [
        ("", 200, 200),
        ("?role=editor", 200, 403),
        ("?role=admin&role=editor", 200, 403),
        ("?role=%65ditor", 200, 403),
        ("?role=admin", 403, 403),
        ("?role=Editor", 403, 403),
        ("?role=", 403, 403),
    ] {
        let path = format!("/sessions/verify{query}");
        for (login, expected) in [(&editor, editors), (&nobody, nobodys)] {
            let response = server.get(&path).bearer(&login.token).send().await;
            assert_eq!(response.status, expected, "{path}");
            let named = response.header("X-Session-User").is_some();
            assert_eq!(named, expected == 200, "{path}");
        }
        server.get(&path).send().await.problem(401);
    }
}

/// A proxy may forward the length of a body that it keeps to itself.
async fn a_body_that_never_comes_is_not_waited_for<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let verify = server.post("/sessions/verify").bearer(&login.token);
    let verify = verify.header("Content-Length", "3000000");
    assert_eq!(verify.send().await.status, 200);
}
