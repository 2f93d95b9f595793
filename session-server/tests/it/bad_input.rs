//! Bodies that are wrong.

use serde_json::{Value, json};

use crate::support::{Memory, SERVICE_KEY, TestServer, device, start};

/// The answer to a create with one field set to something else.
async fn with_field(server: &TestServer, field: &str, value: Value) -> Vec<String> {
    let mut body = device();
    body["user_id"] = json!(74);
    body[field] = value;
    server.create(&body).send().await.bad_fields()
}

#[tokio::test]
async fn every_field_has_a_type_and_a_bound() {
    let (server, _b) = start::<Memory>(&[]).await;
    let bounds = [
        ("device_fingerprint", 255),
        ("device_name", 255),
        ("device_type", 20),
        ("browser", 100),
        ("ip_address", 45),
        ("user_id", 255),
        ("username", 255),
        ("role", 255),
        ("user_agent", 512),
    ];
    for (field, max) in bounds {
        for value in [json!(true), json!([]), json!({}), json!(1.5)] {
            assert_eq!(with_field(&server, field, value).await, [field]);
        }
        let too_long = json!("ü".repeat(max + 1));
        assert_eq!(with_field(&server, field, too_long).await, [field]);
        let character = if field == "device_type" { "x" } else { "ü" };
        let mut body = device();
        body["user_id"] = json!(74);
        body[field] = json!(character.repeat(max));
        server.create(&body).send().await.expect(201);
    }
    for field in ["data", "ttl_seconds"] {
        for value in [json!(true), json!([]), json!("x"), json!(1.5)] {
            assert_eq!(with_field(&server, field, value).await, [field]);
        }
    }
}

#[tokio::test]
async fn some_fields_want_more() {
    let (server, _b) = start::<Memory>(&[]).await;
    for (field, value) in [
        ("user_id", json!("")),
        ("user_id", Value::Null),
        ("user_id", json!("a\nb")),
        ("user_id", json!(1e300)),
        ("user_id", json!(74.0)),
        ("device_fingerprint", json!("")),
        ("device_fingerprint", Value::Null),
        ("device_type", json!("Web")),
        ("device_type", json!("web app")),
        ("ttl_seconds", json!(0)),
        ("ttl_seconds", json!(-1)),
        ("ttl_seconds", json!(u64::MAX)),
        ("ttl_seconds", json!(60.5)),
        ("data", json!({"x": "y".repeat(16 * 1024)})),
    ] {
        assert_eq!(with_field(&server, field, value).await, [field]);
    }
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once() {
    let (server, _b) = start::<Memory>(&[]).await;
    let body = json!({"device_name": 1, "browser": [], "ttl_seconds": "x"});
    let response = server.create(&body).send().await;
    let mut fields = response.bad_fields();
    fields.sort();
    let all = [
        "browser",
        "device_fingerprint",
        "device_name",
        "ttl_seconds",
        "user_id",
    ];
    assert_eq!(fields, all);
    assert!(response.problem(422).contains("browser: must be a string"));
    let message = response.json()["errors"][0]["message"].clone();
    assert_eq!(message, "is required");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused() {
    let (server, _b) = start::<Memory>(&[]).await;
    for body in ["[]", "null", "1", "\"x\"", "true"] {
        let create = server.post("/sessions/create").bearer(SERVICE_KEY);
        let create = create.header("Content-Type", "application/json").body(body);
        assert_eq!(create.send().await.bad_fields(), ["body"]);
    }
}

#[tokio::test]
async fn broken_json_is_refused_with_its_position() {
    let (server, _b) = start::<Memory>(&[]).await;
    let deep_arrays = "[".repeat(30_000);
    let deep_objects = "{\"data\":".repeat(8_000);
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"user_id\": 74,}",
        b"{'user_id': 74}",
        b"{\"user_id\": 1e999}",
        b"{\"browser\": \"\\ud800\"}",
        b"{\"browser\": \"\xff\"}",
        deep_arrays.as_bytes(),
        deep_objects.as_bytes(),
    ];
    for body in bodies {
        let create = server.post("/sessions/create").bearer(SERVICE_KEY);
        let create = create.header("Content-Type", "application/json").body(body);
        let detail = create.send().await.problem(400);
        assert!(detail.contains("line 1 column"), "{detail}");
    }
    server.log_in(74).await;
}

#[tokio::test]
async fn a_body_says_that_it_is_json() {
    let (server, _b) = start::<Memory>(&[]).await;
    let mut body = device();
    body["user_id"] = json!(74);
    let create = |media_type: &str| {
        let create = server.post("/sessions/create").bearer(SERVICE_KEY);
        create
            .header("Content-Type", media_type)
            .body(body.to_string())
    };
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.api+json",
    ] {
        create(good).send().await.expect(201);
    }
    for bad in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "application/jsonx",
    ] {
        create(bad).send().await.problem(415);
    }
    let create = server.post("/sessions/create").bearer(SERVICE_KEY);
    create.body(body.to_string()).send().await.problem(415);
}

#[tokio::test]
async fn a_huge_body_is_refused_by_every_endpoint() {
    let (server, _b) = start::<Memory>(&[]).await;
    let token = server.log_in(74).await.token;
    let huge = vec![b' '; 3_000_000];
    for (method, path) in [
        ("POST", "/sessions/create"),
        ("GET", "/sessions/my-sessions"),
        ("GET", "/sessions/session/x"),
        ("DELETE", "/sessions/session/x"),
        ("DELETE", "/sessions/logout"),
        ("DELETE", "/sessions/logout-all"),
        ("GET", "/sessions/active-devices-count"),
        ("POST", "/sessions/update-activity"),
        ("GET", "/sessions/user/74"),
        ("DELETE", "/sessions/user/74"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    ] {
        let request = server.request(method, path).bearer(&token);
        request.clone().body(huge.clone()).send().await.problem(413);
        request.chunked(&huge).send().await.problem(413);
    }
    for (method, path, status) in [("PUT", "/healthz", 405), ("POST", "/nowhere", 404)] {
        let request = server.request(method, path).body(huge.clone());
        request.send().await.problem(status);
    }
    // Nothing of all that was done.
    assert_eq!(server.ids("/sessions/my-sessions", &token).await.len(), 1);
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_is_refused_unseen() {
    let (server, _b) = start::<Memory>(&[]).await;
    let create = server.post("/sessions/create").bearer(SERVICE_KEY);
    let create = create.header("Expect", "100-continue");
    let create = create.header("Content-Length", "3000000");
    create.send().await.problem(413);
}
