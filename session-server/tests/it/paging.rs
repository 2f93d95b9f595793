//! `limit`, `cursor`, and the way to the next page.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{BackEnd, SERVICE_KEY, TestServer, on_every_back_end, start};

on_every_back_end!(
    pages_lead_through_all_sessions,
    pages_lead_on_to_ended_sessions,
    a_page_that_holds_all_has_no_next,
    bad_parameters_are_named,
    unknown_parameters_are_ignored,
);

/// The ids of all pages from this path on, and how many pages there were.
async fn follow(server: &TestServer, path: &str, credential: &str) -> (BTreeSet<String>, usize) {
    let (mut ids, mut pages) = (BTreeSet::new(), 0);
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        pages += 1;
        let response = server.get(&path).bearer(credential).send().await;
        for session in response.expect(200).as_array().unwrap() {
            ids.insert(session["id"].as_str().unwrap().to_owned());
        }
        next = response.header("Link").map(|link| {
            let path = link.strip_prefix('<').unwrap();
            path.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
    }
    (ids, pages)
}

async fn pages_lead_through_all_sessions<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--max-sessions-per-user=0"]).await;
    let mut ids = BTreeSet::new();
    for _ in 0..4 {
        ids.insert(server.log_in("a/b ü").await.id);
    }
    let login = server.log_in("a/b ü").await;
    ids.insert(login.id);
    let mine = follow(&server, "/sessions/my-sessions?limit=2", &login.token).await;
    assert_eq!(mine, (ids.clone(), 3));
    let path = "/sessions/user/a%2Fb%20%C3%BC?limit=2";
    assert_eq!(follow(&server, path, SERVICE_KEY).await, (ids, 3));
}

async fn pages_lead_on_to_ended_sessions<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--max-sessions-per-user=0"]).await;
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let gone = server.log_in(74).await;
        server.delete(&gone.path()).bearer(&gone.token).send().await;
        ids.insert(gone.id);
    }
    ids.insert(server.log_in(74).await.id);
    let path = "/sessions/user/74?limit=1&include_inactive=true";
    assert_eq!(follow(&server, path, SERVICE_KEY).await.0, ids);
}

async fn a_page_that_holds_all_has_no_next<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    for query in ["", "?limit=1", "?limit=1000"] {
        let list = server.get(&format!("/sessions/my-sessions{query}"));
        let response = list.bearer(&login.token).send().await;
        assert_eq!(response.header("Link"), None, "{query}");
    }
}

async fn bad_parameters_are_named<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    for path in ["/sessions/my-sessions", "/sessions/user/74"] {
        let credential = if path.contains("user") {
            SERVICE_KEY
        } else {
            &login.token
        };
        for (query, fields) in [
            ("limit=0", vec!["limit"]),
            ("limit=1001", vec!["limit"]),
            ("limit=-1", vec!["limit"]),
            ("limit=", vec!["limit"]),
            ("limit=99999999999999999999", vec!["limit"]),
            ("cursor=x", vec!["cursor"]),
            ("cursor=", vec!["cursor"]),
            ("cursor=%ff%00", vec!["cursor"]),
            ("include_inactive=yes", vec!["include_inactive"]),
            ("include_inactive", vec!["include_inactive"]),
            (
                "limit=a&cursor=b&include_inactive=c",
                vec!["limit", "cursor", "include_inactive"],
            ),
        ] {
            let list = server.get(&format!("{path}?{query}")).bearer(credential);
            assert_eq!(list.send().await.bad_fields(), fields, "{query}");
        }
    }
    let logout = server.delete("/sessions/logout-all?exclude_current=maybe");
    let logout = logout.bearer(&login.token).send().await;
    assert_eq!(logout.bad_fields(), ["exclude_current"]);
    assert!(server.is_alive(&login).await);
}

async fn unknown_parameters_are_ignored<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let list = server.get("/sessions/my-sessions?_=1699&&%ff=%00&token=x");
    let list: Value = list.bearer(&login.token).send().await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}
