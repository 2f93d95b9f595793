//! `/sessions/session/{id}`.

use serde_json::json;

use crate::support::{BackEnd, SERVICE_KEY, on_every_back_end, start};

on_every_back_end!(
    its_owner_and_admins_see_a_session,
    others_do_not_see_a_session,
    its_owner_deletes_a_session_as_a_logout,
    an_admin_or_a_service_deletes_a_session_as_a_revocation,
    others_do_not_delete_a_session,
    an_unknown_session_is_not_found,
);

async fn its_owner_and_admins_see_a_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let (other, admin) = (server.log_in(74).await, server.log_in_admin(1).await);
    for credential in [&login.token, &other.token, &admin.token, SERVICE_KEY] {
        let session = server.get(&login.path()).bearer(credential).send().await;
        let session = session.expect(200);
        assert_eq!(session["id"], login.id.as_str());
        assert_eq!(session["current"], credential == login.token);
        assert_eq!(session.get("token"), None);
    }
}

async fn others_do_not_see_a_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let (login, stranger) = (server.log_in(74).await, server.log_in(75).await);
    let get = server.get(&login.path()).bearer(&stranger.token);
    let detail = get.send().await.problem(403);
    assert_eq!(detail, "You don't have permission to view this session");
}

async fn its_owner_deletes_a_session_as_a_logout<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let (login, gone) = (server.log_in(74).await, server.log_in(74).await);
    let delete = server.delete(&gone.path()).bearer(&login.token);
    let done = json!({"success": true, "message": "Session deleted successfully"});
    assert_eq!(delete.send().await.expect(200), done);
    assert_eq!(delete.send().await.problem(404), "Session not found");
    assert!(!server.is_alive(&gone).await);
    assert_eq!(end_reason(&server, &gone.id).await, "logout");
}

async fn an_admin_or_a_service_deletes_a_session_as_a_revocation<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin(1).await;
    for credential in [&admin.token, SERVICE_KEY] {
        let gone = server.log_in(74).await;
        let delete = server.delete(&gone.path()).bearer(credential);
        delete.send().await.expect(200);
        assert!(!server.is_alive(&gone).await);
        assert_eq!(end_reason(&server, &gone.id).await, "revoked");
    }
}

async fn end_reason(server: &crate::support::TestServer, id: &str) -> String {
    let list = server.get("/sessions/user/74?include_inactive=1");
    let list = list.bearer(SERVICE_KEY).send().await.expect(200);
    let mut list = list.as_array().unwrap().iter();
    let session = list.find(|session| session["id"] == id).unwrap();
    session["end_reason"].as_str().unwrap().to_owned()
}

async fn others_do_not_delete_a_session<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let (login, stranger) = (server.log_in(74).await, server.log_in(75).await);
    let delete = server.delete(&login.path()).bearer(&stranger.token);
    let detail = delete.send().await.problem(403);
    assert_eq!(detail, "You don't have permission to delete this session");
    assert!(server.is_alive(&login).await);
}

async fn an_unknown_session_is_not_found<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let well_formed = "A".repeat(18);
    for id in [
        well_formed.as_str(),
        "74",
        "%00",
        "%ff",
        "..",
        &"x".repeat(5000),
    ] {
        for method in ["GET", "DELETE"] {
            let request = server.request(method, &format!("/sessions/session/{id}"));
            let response = request.bearer(&login.token).send().await;
            assert_eq!(response.problem(404), "Session not found", "{id}");
        }
    }
}
