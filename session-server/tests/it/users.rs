//! `/sessions/user/{user_id}`.

use serde_json::json;

use crate::support::{BackEnd, SERVICE_KEY, on_every_back_end, start};

const OWN_ID: &str = "Use /my-sessions endpoint for your own sessions";
const NOT_ADMIN: &str = "Only admins can view other users' sessions";

on_every_back_end!(
    an_admin_lists_another_users_sessions,
    only_admins_get_there,
    an_admin_is_sent_to_his_own_endpoint,
    an_unknown_user_is_not_found,
    a_known_user_without_a_session_has_an_empty_list,
    ended_sessions_are_listed_to_admins_on_demand,
    an_admin_ends_all_sessions_of_a_user,
    ending_ones_own_sessions_here_ends_nothing,
    admin_roles_are_a_setting,
    user_ids_are_percent_decoded,
);

async fn an_admin_lists_another_users_sessions<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin(1).await;
    server.log_in(74).await;
    server.log_in(74).await;
    server.log_in(75).await;
    for credential in [&admin.token, SERVICE_KEY] {
        let list = server.get("/sessions/user/74").bearer(credential);
        let list = list.send().await.expect(200);
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 2);
        assert!(list.iter().all(|session| session["user_id"] == 74));
        assert!(list.iter().all(|session| session["is_active"] == true));
    }
}

async fn only_admins_get_there<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    // Being no admin comes before everything else that may be wrong.
    for user in ["74", "75", "nobody", "%00"] {
        for method in ["GET", "DELETE"] {
            let request = server.request(method, &format!("/sessions/user/{user}"));
            let response = request.bearer(&login.token).send().await;
            assert_eq!(response.problem(403), NOT_ADMIN, "{method} {user}");
        }
    }
}

async fn an_admin_is_sent_to_his_own_endpoint<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin("1").await;
    let list = server.get("/sessions/user/1").bearer(&admin.token);
    assert_eq!(list.send().await.problem(400), OWN_ID);
}

async fn an_unknown_user_is_not_found<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin(1).await;
    for credential in [&admin.token, SERVICE_KEY] {
        for method in ["GET", "DELETE"] {
            let request = server.request(method, "/sessions/user/99999");
            let response = request.bearer(credential).send().await;
            assert_eq!(response.problem(404), "User not found");
        }
    }
}

async fn a_known_user_without_a_session_has_an_empty_list<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let gone = server.log_in(74).await;
    server
        .delete("/sessions/logout")
        .bearer(&gone.token)
        .send()
        .await;
    let list = server.get("/sessions/user/74").bearer(SERVICE_KEY);
    assert_eq!(list.send().await.expect(200), json!([]));
    let delete = server.delete("/sessions/user/74").bearer(SERVICE_KEY);
    assert_eq!(delete.send().await.expect(200)["logged_out_count"], 0);
}

async fn ended_sessions_are_listed_to_admins_on_demand<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let gone = server.log_in(74).await;
    server
        .delete("/sessions/logout")
        .bearer(&gone.token)
        .send()
        .await;
    let ids = server.ids("/sessions/user/74?include_inactive=true", SERVICE_KEY);
    assert_eq!(ids.await, [gone.id]);
}

async fn an_admin_ends_all_sessions_of_a_user<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin(1).await;
    let (first, second) = (server.log_in(74).await, server.log_in(74).await);
    let stranger = server.log_in(75).await;
    let delete = server.delete("/sessions/user/74").bearer(&admin.token);
    let done = json!({
        "success": true,
        "message": "2 sessions deleted successfully",
        "logged_out_count": 2,
    });
    assert_eq!(delete.send().await.expect(200), done);
    assert!(!server.is_alive(&first).await);
    assert!(!server.is_alive(&second).await);
    assert!(server.is_alive(&stranger).await);
}

async fn ending_ones_own_sessions_here_ends_nothing<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin(1).await;
    let delete = server.delete("/sessions/user/1").bearer(&admin.token);
    assert_eq!(delete.send().await.problem(400), OWN_ID);
    assert!(server.is_alive(&admin).await);
}

async fn admin_roles_are_a_setting<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--admin-roles=root, support"]).await;
    server.log_in(74).await;
    for (role, status) in [("root", 200), ("support", 200), ("admin", 403)] {
        let login = server.log_in_with("x", json!({"role": role})).await;
        let list = server.get("/sessions/user/74").bearer(&login.token);
        assert_eq!(list.send().await.status, status, "{role}");
    }
}

async fn user_ids_are_percent_decoded<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in("ü/ 7%").await;
    let ids = server.ids("/sessions/user/%C3%BC%2f%207%25", SERVICE_KEY);
    assert_eq!(ids.await, [login.id]);
    let too_long = "x".repeat(256);
    for bad in ["%00", "%ff", "a%0Ab", &too_long] {
        for method in ["GET", "DELETE"] {
            let request = server.request(method, &format!("/sessions/user/{bad}"));
            let response = request.bearer(SERVICE_KEY).send().await;
            assert_eq!(response.bad_fields(), ["user_id"], "{bad}");
        }
    }
}
