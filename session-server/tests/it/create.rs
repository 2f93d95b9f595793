//! `POST /sessions/create`.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{BackEnd, device, on_every_back_end, start};

on_every_back_end!(
    a_service_key_mints_a_session,
    the_address_that_is_seen_stands_in_for_an_unknown_one,
    user_ids_keep_their_json_type,
    a_known_device_replaces_its_session,
    the_one_over_the_limit_ends_the_oldest,
    a_limit_can_refuse_instead,
    without_a_limit_nothing_is_evicted,
    a_ttl_shortens_the_session,
    data_comes_back_to_its_owner_and_the_service_only,
    a_session_token_fills_in_its_device,
    a_fill_in_takes_over_the_device_of_another_session,
    fill_ins_that_race_all_come_through,
    a_session_that_changes_its_device_is_flagged,
    a_session_may_be_kept_on_its_device,
    a_fill_in_keeps_what_it_does_not_say,
    a_session_token_may_not_change_its_identity,
    unknown_fields_are_ignored,
    the_fingerprint_may_be_optional,
);

async fn a_service_key_mints_a_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let mut body = device();
    body["user_id"] = json!(74);
    body["username"] = json!("ada");
    body["role"] = json!("editor");
    let response = server.create(&body).send().await;
    let session = response.expect(201);

    let location = format!("/sessions/session/{}", session["id"].as_str().unwrap());
    assert_eq!(response.header("Location"), Some(location.as_str()));
    assert_eq!(session["user_id"], 74);
    assert_eq!(session["username"], "ada");
    assert_eq!(session["role"], "editor");
    assert_eq!(session["device_name"], "Chrome on Windows 10");
    assert_eq!(session["device_type"], "web");
    assert_eq!(session["browser"], "Chrome");
    assert_eq!(session["ip_address"], "192.168.1.1");
    assert_eq!(session["is_active"], true);
    assert_eq!(session["new_device"], true);
    assert_eq!(session["evicted"], json!([]));
    assert_eq!(session["data"], Value::Null);
    for time in ["created_at", "last_activity", "expires_at"] {
        assert!(session[time].as_str().unwrap().ends_with('Z'), "{session}");
    }
    assert!(session["token"].is_string());
    assert!(!session.to_string().contains("fingerprint"), "{session}");
}

async fn the_address_that_is_seen_stands_in_for_an_unknown_one<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    for unknown in [json!("unknown"), json!(""), Value::Null] {
        let login = server.log_in_with(74, json!({"ip_address": unknown})).await;
        assert_eq!(login.body["ip_address"], "127.0.0.1");
    }
}

async fn user_ids_keep_their_json_type<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    for id in [json!(74), json!("u-74"), json!(-1), json!(u64::MAX)] {
        assert_eq!(server.log_in(id.clone()).await.body["user_id"], id);
    }
    assert_eq!(server.log_in("74").await.body["user_id"], "74");
    let both = server.ids("/sessions/user/74", crate::support::SERVICE_KEY);
    assert_eq!(both.await.len(), 2);
}

async fn a_known_device_replaces_its_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let laptop = json!({"device_fingerprint": "laptop"});
    let first = server.log_in_with(74, laptop.clone()).await;
    let second = server.log_in_with(74, laptop).await;
    assert_eq!(second.body["new_device"], false);
    assert_eq!(second.body["evicted"][0]["id"], first.id.as_str());
    assert_eq!(second.body["evicted"][0]["end_reason"], "replaced");
    assert_eq!(second.body["evicted"][0]["is_active"], false);
    assert!(!server.is_alive(&first).await);
    assert!(server.is_alive(&second).await);
}

async fn the_one_over_the_limit_ends_the_oldest<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let first = server.log_in(74).await;
    first.has_passed().await;
    server.log_in(74).await;
    server.log_in(74).await;
    let fourth = server.log_in(74).await;
    let evicted = fourth.body["evicted"].as_array().unwrap();
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0]["id"], first.id.as_str());
    assert_eq!(evicted[0]["end_reason"], "evicted");
    assert!(!server.is_alive(&first).await);
}

async fn a_limit_can_refuse_instead<B: BackEnd>() {
    let flags = ["--max-sessions-per-user=1", "--limit-policy=reject"];
    let (server, _b) = start::<B>(&flags).await;
    let first = server.log_in(74).await;
    let mut body = device();
    body["user_id"] = json!(74);
    server.create(&body).send().await.problem(409);
    assert!(server.is_alive(&first).await);
}

async fn without_a_limit_nothing_is_evicted<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--max-sessions-per-user=0"]).await;
    for _ in 0..5 {
        assert_eq!(server.log_in(74).await.body["evicted"], json!([]));
    }
}

async fn a_ttl_shortens_the_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in_with(74, json!({"ttl_seconds": 60})).await;
    let at = |field: &str| {
        let text = login.body[field].as_str().unwrap();
        humantime::parse_rfc3339(text).unwrap()
    };
    let lives = at("expires_at").duration_since(at("created_at")).unwrap();
    assert_eq!(lives.as_secs(), 60);
}

async fn data_comes_back_to_its_owner_and_the_service_only<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let data = json!({"cart": [1, 2, {"x": null}], "name": "ü"});
    let login = server.log_in_with(74, json!({"data": data})).await;
    assert_eq!(login.body["data"], data);
    let admin = server.log_in_admin(1).await;
    let seen_by = async |credential: &str| {
        let session = server.get(&login.path()).bearer(credential).send().await;
        session.expect(200).get("data").cloned()
    };
    assert_eq!(seen_by(&login.token).await, Some(data.clone()));
    assert_eq!(seen_by(crate::support::SERVICE_KEY).await, Some(data));
    assert_eq!(seen_by(&admin.token).await, None);
}

async fn a_session_token_fills_in_its_device<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in_with(74, json!({"role": "editor"})).await;
    let body = json!({
        "device_fingerprint": "a-phone",
        "device_name": "Pixel 9",
        "device_type": "mobile",
        "browser": "Firefox",
        "ip_address": "unknown",
    });
    let create = server.post("/sessions/create").bearer(&login.token);
    let session = create.json(&body).send().await.expect(200);
    assert_eq!(session["id"], login.id.as_str());
    assert_eq!(session["device_name"], "Pixel 9");
    assert_eq!(session["device_type"], "mobile");
    assert_eq!(session["browser"], "Firefox");
    assert_eq!(session["ip_address"], "127.0.0.1");
    assert_eq!(session["role"], "editor");
    assert_eq!(session["current"], true);
    assert_eq!(session["evicted"], json!([]));
    assert_eq!(session.get("token"), None);
    assert!(server.is_alive(&login).await);
}

async fn a_fill_in_takes_over_the_device_of_another_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let body = json!({"device_fingerprint": "laptop"});
    let old = server.log_in_with(74, body.clone()).await;
    let new = server.log_in(74).await;
    let create = server.post("/sessions/create").bearer(&new.token);
    let session = create.json(&body).send().await.expect(200);
    assert_eq!(session["evicted"][0]["id"], old.id.as_str());
    assert_eq!(session["evicted"][0]["end_reason"], "replaced");
    assert!(!server.is_alive(&old).await);
}

/// A session that is carried to another device is flagged, for as long as it lives.
async fn a_session_that_changes_its_device_is_flagged<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    assert_eq!(login.body["device_changed"], false);
    let create = server.post("/sessions/create").bearer(&login.token);
    let session = create.json(&device()).send().await.expect(200);
    assert_eq!(
        (&session["device_changed"], &session["new_device"]),
        (&json!(true), &json!(true))
    );
    let list = server.get("/sessions/my-sessions").bearer(&login.token);
    let list = list.send().await.expect(200);
    assert_eq!(list[0]["device_changed"], true);
}

async fn a_session_may_be_kept_on_its_device<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--fingerprint-change", "refuse"]).await;
    let body = json!({"device_fingerprint": "laptop"});
    let login = server.log_in_with(74, body.clone()).await;
    let create = || server.post("/sessions/create").bearer(&login.token);
    create().json(&body).send().await.expect(200);
    let refused = create().json(&device()).send().await;
    assert_eq!(
        refused.problem(403),
        "This session belongs to another device: log in anew"
    );
    let session = server
        .get(&login.path())
        .bearer(&login.token)
        .send()
        .await
        .expect(200);
    assert_eq!(session["device_changed"], false);
    assert!(server.is_alive(&login).await);
}

async fn a_fill_in_keeps_what_it_does_not_say<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let body = json!({"device_fingerprint": "laptop", "browser": "Lynx", "device_name": null});
    let create = server.post("/sessions/create").bearer(&login.token);
    let session = create.json(&body).send().await.expect(200);
    assert_eq!(session["browser"], "Lynx");
    assert_eq!(session["device_name"], "Chrome on Windows 10");
}

async fn a_session_token_may_not_change_its_identity<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let mut body = device();
    for field in ["user_id", "username", "role", "data", "ttl_seconds"] {
        body[field] = json!("admin");
    }
    let create = server.post("/sessions/create").bearer(&login.token);
    let fields = create.json(&body).send().await.bad_fields();
    assert_eq!(
        fields,
        ["user_id", "username", "role", "data", "ttl_seconds"]
    );
}

async fn unknown_fields_are_ignored<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server
        .log_in_with(74, json!({"screen": {"width": 1}}))
        .await;
    assert!(server.is_alive(&login).await);
}

async fn the_fingerprint_may_be_optional<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--require-device-fingerprint=false"]).await;
    let session = server.create(&json!({"user_id": 74})).send().await;
    let session = session.expect(201);
    assert_eq!(session["new_device"], Value::Null);
    assert_eq!(session["device_name"], Value::Null);
    for fingerprint in [json!(""), Value::Null] {
        let body = json!({"user_id": 74, "device_fingerprint": fingerprint});
        server.create(&body).send().await.expect(201);
    }
}

async fn fill_ins_that_race_all_come_through<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let create = server.post("/sessions/create").bearer(&login.token);
    let mut racing = JoinSet::new();
    for _ in 0..20 {
        racing.spawn(create.clone().json(&device()).send());
    }
    while let Some(response) = racing.join_next().await {
        let filled_in = response.unwrap().expect(200);
        assert_eq!(filled_in["id"], *login.id);
    }
    assert!(server.is_alive(&login).await);
}
