//! What every response has, whatever it is about.

use crate::support::{Memory, SERVICE_KEY, exchange, start};

#[tokio::test]
async fn nothing_is_cached_and_every_response_has_a_request_id() {
    let (server, _b) = start::<Memory>(&[]).await;
    let token = server.log_in(74).await.token;
    for request in [
        server.get("/healthz"),
        server.get("/nowhere"),
        server.get("/sessions/create"),
        server.get("/sessions/my-sessions"),
        server.get("/sessions/my-sessions").bearer(&token),
        server.get("/sessions/verify").bearer(&token),
        server.post("/sessions/create").body(vec![b'x'; 70_000]),
    ] {
        let response = request.send().await;
        assert_eq!(response.header("Cache-Control"), Some("no-store"));
        let id = response.header("X-Request-Id").unwrap();
        assert_eq!(id.len(), 36, "{id}");
    }
}

#[tokio::test]
async fn a_sane_request_id_is_taken_over() {
    let (server, _b) = start::<Memory>(&[]).await;
    let request = server.get("/healthz").header("X-Request-Id", "req-7/a");
    let response = request.send().await;
    assert_eq!(response.header("X-Request-Id"), Some("req-7/a"));
    for odd in ["a b", "ü", "", &"x".repeat(129)] {
        let request = server.get("/healthz").header("X-Request-Id", odd);
        let response = request.send().await;
        assert_eq!(response.header("X-Request-Id").unwrap().len(), 36);
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let (server, _b) = start::<Memory>(&[]).await;
    let long = format!("/{}", "x".repeat(4000));
    for path in [
        "/",
        "//",
        "/sessions",
        "/sessions/",
        "//sessions/my-sessions",
        "/sessions//my-sessions",
        "/sessions/my-sessions/",
        "/Sessions/My-Sessions",
        "/sessions/session/",
        "/sessions/session/a/b",
        "/sessions/user/",
        "/sessions/../healthz",
        "/sessions/%00",
        "/%ff%fe",
        "/sessions/my%2dsessions",
        "/healthz/x",
        &long,
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let request = server.request(method, path).bearer(SERVICE_KEY);
            let response = request.send().await;
            assert_eq!(response.problem(404), "Not Found", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn another_method_is_told_which_ones_there_are() {
    let (server, _b) = start::<Memory>(&[]).await;
    for (method, path, allow) in [
        ("GET", "/sessions/create", "POST"),
        ("POST", "/sessions/my-sessions", "GET, HEAD"),
        ("PUT", "/sessions/session/x", "GET, HEAD, DELETE"),
        ("HEAD", "/sessions/logout", "DELETE"),
        ("GET", "/sessions/logout-all", "DELETE"),
        ("BREW", "/sessions/user/1", "GET, HEAD, DELETE"),
        ("OPTIONS", "/sessions/update-activity", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
    ] {
        let response = server.request(method, path).send().await;
        assert_eq!(response.status, 405, "{method} {path}");
        assert_eq!(response.header("Allow"), Some(allow), "{method} {path}");
        if method != "HEAD" {
            response.problem(405);
        }
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let (server, _b) = start::<Memory>(&[]).await;
    let token = server.log_in(74).await.token;
    for path in ["/healthz", "/sessions/my-sessions"] {
        let get = server.get(path).bearer(&token).send().await;
        let head = server.request("HEAD", path).bearer(&token).send().await;
        assert_eq!((head.status, head.body.as_slice()), (200, &b""[..]));
        let length = head.header("Content-Length").unwrap();
        assert_eq!(length, get.body.len().to_string());
    }
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let (server, _b) = start::<Memory>(&[]).await;
    let address = server.address;
    let get = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let last = server.get("/healthz").bytes();
    let answers = exchange(address, &[get.as_bytes(), get.as_bytes(), &last].concat()).await;
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3);
}
