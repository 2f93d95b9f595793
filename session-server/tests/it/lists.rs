//! `GET /sessions/my-sessions`.

use serde_json::{Value, json};

use crate::support::{BackEnd, on_every_back_end, start};

on_every_back_end!(
    my_sessions_are_the_callers_newest_first,
    ended_sessions_are_listed_on_demand,
    without_a_history_ended_sessions_are_gone,
    absent_fields_are_null,
);

async fn my_sessions_are_the_callers_newest_first<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    server.log_in(75).await;
    let first = server.log_in(74).await;
    first.has_passed().await;
    let second = server.log_in(74).await;
    let list = server.get("/sessions/my-sessions").bearer(&first.token);
    let list = list.send().await.expect(200);
    let list = list.as_array().unwrap();
    let ids: Vec<_> = list.iter().map(|session| &session["id"]).collect();
    assert_eq!(ids, [second.id.as_str(), first.id.as_str()]);
    let current: Vec<_> = list.iter().map(|session| &session["current"]).collect();
    assert_eq!(current, [false, true]);
}

async fn ended_sessions_are_listed_on_demand<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let gone = server.log_in(74).await;
    server
        .delete("/sessions/logout")
        .bearer(&gone.token)
        .send()
        .await;
    let login = server.log_in(74).await;
    assert_eq!(
        server
            .ids("/sessions/my-sessions", &login.token)
            .await
            .len(),
        1
    );
    let list = server.get("/sessions/my-sessions?include_inactive=true");
    let list = list.bearer(&login.token).send().await.expect(200);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let ended = list
        .iter()
        .find(|session| session["id"] == gone.id.as_str());
    let ended = ended.unwrap();
    assert_eq!(ended["is_active"], false);
    assert_eq!(ended["end_reason"], "logout");
    assert!(ended["ended_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(ended["current"], false);
    assert_eq!(ended["device_name"], "Chrome on Windows 10");
}

async fn without_a_history_ended_sessions_are_gone<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--history-retention-days=0"]).await;
    let gone = server.log_in(74).await;
    server
        .delete("/sessions/logout")
        .bearer(&gone.token)
        .send()
        .await;
    let login = server.log_in(74).await;
    let path = "/sessions/my-sessions?include_inactive=true";
    assert_eq!(server.ids(path, &login.token).await, [login.id]);
}

async fn absent_fields_are_null<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--require-device-fingerprint=false"]).await;
    let created = server
        .create(&json!({"user_id": "u"}))
        .send()
        .await
        .expect(201);
    let list = server.get("/sessions/my-sessions");
    let list = list.bearer(created["token"].as_str().unwrap()).send().await;
    let session = &list.expect(200)[0];
    for field in [
        "username",
        "role",
        "device_name",
        "device_type",
        "browser",
        "data",
    ] {
        assert_eq!(session.get(field), Some(&Value::Null), "{field}");
    }
}
