//! What an end user does with his own sessions.

use serde_json::{Value, json};

use crate::support::{BackEnd, SERVICE_KEY, on_every_back_end, start};

on_every_back_end!(
    logout_ends_the_session_that_is_asking,
    logout_all_ends_every_session,
    logout_all_can_leave_the_current_one,
    logout_all_of_one_keeps_the_documented_wording,
    active_devices_are_counted_under_both_names,
    update_activity_answers_the_session,
    a_service_key_has_no_sessions_of_its_own,
);

async fn logout_ends_the_session_that_is_asking<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let (login, other) = (server.log_in(74).await, server.log_in(74).await);
    let logout = server.delete("/sessions/logout").bearer(&login.token);
    let done = json!({"success": true, "message": "Current session closed successfully"});
    assert_eq!(logout.send().await.expect(200), done);
    assert!(!server.is_alive(&login).await);
    assert!(server.is_alive(&other).await);
    logout.send().await.problem(401);
}

async fn logout_all_ends_every_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let stranger = server.log_in(75).await;
    server.log_in(74).await;
    server.log_in(74).await;
    let login = server.log_in(74).await;
    let logout = server.delete("/sessions/logout-all").bearer(&login.token);
    let done = json!({
        "success": true,
        "message": "3 sessions deleted successfully",
        "logged_out_count": 3,
    });
    assert_eq!(logout.send().await.expect(200), done);
    assert!(!server.is_alive(&login).await);
    assert!(server.is_alive(&stranger).await);
}

async fn logout_all_can_leave_the_current_one<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let other = server.log_in(74).await;
    server.log_in(74).await;
    let login = server.log_in(74).await;
    let path = "/sessions/logout-all?exclude_current=TRUE";
    let done = server.delete(path).bearer(&login.token).send().await;
    assert_eq!(done.expect(200)["logged_out_count"], 2);
    assert!(server.is_alive(&login).await);
    assert!(!server.is_alive(&other).await);
}

async fn logout_all_of_one_keeps_the_documented_wording<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let logout = server.delete("/sessions/logout-all?exclude_current=0");
    let done = logout.bearer(&login.token).send().await.expect(200);
    assert_eq!(done["message"], "1 sessions deleted successfully");
}

async fn active_devices_are_counted_under_both_names<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    server.log_in(74).await;
    let login = server.log_in(74).await;
    let count = server.get("/sessions/active-devices-count");
    let count = count.bearer(&login.token).send().await.expect(200);
    assert_eq!(count, json!({"active_devices": 2, "count": 2}));
}

async fn update_activity_answers_the_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let update = server.post("/sessions/update-activity");
    let session = update.bearer(&login.token).send().await.expect(200);
    assert_eq!(session["id"], login.id.as_str());
    assert_eq!(session["current"], true);
    let time = |session: &Value| session["last_activity"].as_str().unwrap().to_owned();
    assert!(time(&session) >= time(&login.body));
}

async fn a_service_key_has_no_sessions_of_its_own<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    for (method, path) in [
        ("GET", "/sessions/my-sessions"),
        ("DELETE", "/sessions/logout"),
        ("DELETE", "/sessions/logout-all"),
        ("GET", "/sessions/active-devices-count"),
        ("POST", "/sessions/update-activity"),
        ("GET", "/sessions/verify"),
    ] {
        let response = server.request(method, path).bearer(SERVICE_KEY).send();
        let detail = response.await.problem(403);
        assert!(detail.starts_with("A service key has no session"), "{path}");
    }
}
