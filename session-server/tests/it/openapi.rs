//! The server's description of itself. That every other test's answers are as described is looked at
//! where they are received (`support/description.rs`).

use serde_json::json;

use crate::support::{Description, Memory, Request, Response, start};

#[tokio::test]
async fn anyone_may_read_it() {
    let (server, _b) = start::<Memory>(&["--cors-origins", "*"]).await;
    let get = server
        .get("/openapi.json")
        .header("Origin", "https://docs.example.com");
    let response = get.send().await;
    let document = response.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    let origin = response.header("Access-Control-Allow-Origin");
    assert_eq!(origin, Some("https://docs.example.com"));
}

/// Holds an answer that no server gives against the description.
async fn check(method: &str, path: &str, answer: &str, body: &str) {
    let head = "cache-control: no-store\r\nx-request-id: a\r\n";
    let answer = format!("HTTP/1.1 {answer}\r\n{head}\r\n{body}");
    let request = Request::new(([127, 0, 0, 1], 1).into(), method, path);
    let description = Description::get().await;
    description.check(&request, &Response::parse(answer.as_bytes()));
}

const JSON: &str = "200 OK\r\ncontent-type: application/json";

#[tokio::test]
async fn an_answer_as_described_passes() {
    check("GET", "/healthz", JSON, r#"{"status":"ok"}"#).await;
    check("HEAD", "/healthz", JSON, "").await;
}

#[tokio::test]
#[should_panic(expected = "there is no such status")]
async fn another_status_is_noticed() {
    check("GET", "/healthz", "202 Accepted", "").await;
}

#[tokio::test]
#[should_panic(expected = "there is no such media type")]
async fn another_media_type_is_noticed() {
    let answer = "200 OK\r\ncontent-type: text/plain";
    check("GET", "/healthz", answer, "ok").await;
}

#[tokio::test]
#[should_panic(expected = "extra")]
async fn a_field_too_many_is_noticed() {
    let body = r#"{"active_devices":1,"count":1,"extra":1}"#;
    check("GET", "/sessions/active-devices-count", JSON, body).await;
}

#[tokio::test]
#[should_panic(expected = "Retry-After is missing")]
async fn a_missing_header_is_noticed() {
    let answer = "503 Service Unavailable\r\ncontent-type: application/problem+json";
    check("GET", "/readyz", answer, "{}").await;
}

#[tokio::test]
#[should_panic(expected = "nothing is said of x-extra")]
async fn a_header_too_many_is_noticed() {
    let answer = format!("{JSON}\r\nx-extra: 1");
    check("GET", "/healthz", &answer, r#"{"status":"ok"}"#).await;
}

#[tokio::test]
#[should_panic(expected = "are what there is")]
async fn an_answer_where_nothing_is_described_is_noticed() {
    check("GET", "/nowhere", JSON, "{}").await;
}

#[tokio::test]
#[should_panic(expected = "not as described")]
async fn an_event_with_another_field_is_noticed() {
    let description = Description::get().await;
    description.check_event("ready", "0-0", &json!({"extra": 1}));
}
