//! A session token in a cookie.

use serde_json::json;

use crate::support::{BackEnd, Request, Response, SERVICE_KEY, exchange, on_every_back_end, start};

on_every_back_end!(
    a_create_answers_with_the_cookie,
    a_cookie_is_a_credential,
    the_authorization_header_comes_first,
    only_the_one_cookie_of_this_name_counts,
    another_sites_page_changes_nothing,
    a_page_that_is_let_in_may,
    another_sites_page_passes_no_proxy,
    a_logout_takes_the_cookie_out,
    a_logout_of_what_is_over_takes_it_out_too,
    other_cookies_may_hold_any_bytes,
    a_logout_has_the_browser_forget_on_demand,
    without_the_setting_a_cookie_is_nothing,
);

const ON: &[&str] = &["--session-cookie", "true"];

fn cookie(request: Request, token: &str) -> Request {
    request.header("Cookie", &format!("__Host-session={token}"))
}

async fn a_create_answers_with_the_cookie<B: BackEnd>() {
    for (flags, body, expected) in [
        (
            &[][..],
            json!({}),
            "Max-Age=2592000; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            &[
                "--session-cookie-same-site",
                "strict",
                "--session-timeout-hours",
                "1",
            ],
            json!({}),
            "Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Strict",
        ),
        (
            &["--session-cookie-same-site", "none"],
            json!({"ttl_seconds": 60}),
            "Max-Age=60; Path=/; Secure; HttpOnly; SameSite=None",
        ),
    ] {
        let (server, _b) = start::<B>(&[ON, flags].concat()).await;
        let mut new = json!({"user_id": 74, "device_fingerprint": "a"});
        for (field, value) in body.as_object().unwrap() {
            new[field] = value.clone();
        }
        let response = server.create(&new).send().await;
        let token = response.expect(201)["token"].as_str().unwrap().to_owned();
        let set = format!("__Host-session={token}; {expected}");
        assert_eq!(response.header("Set-Cookie"), Some(set.as_str()));

        // A device that is reported has its credential already.
        let report = cookie(server.post("/sessions/create"), &token);
        let report = report
            .json(&json!({"device_fingerprint": "b"}))
            .send()
            .await;
        report.expect(200);
        assert_eq!(report.header("Set-Cookie"), None);
    }
}

async fn a_cookie_is_a_credential<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    let login = server.log_in(74).await;
    for (method, path) in [
        ("GET", "/sessions/my-sessions"),
        ("GET", "/sessions/verify"),
        ("POST", "/sessions/update-activity"),
        ("DELETE", "/sessions/logout"),
    ] {
        let request = cookie(server.request(method, path), &login.token);
        assert_eq!(request.send().await.status, 200, "{path}");
    }
    let mine = cookie(server.get("/sessions/my-sessions"), &login.token);
    mine.send().await.problem(401);
    // A service's key is no browser's business.
    let create = cookie(server.post("/sessions/create"), SERVICE_KEY);
    create
        .json(&json!({"user_id": 1}))
        .send()
        .await
        .problem(401);
}

async fn the_authorization_header_comes_first<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    let (header, other) = (server.log_in("header").await, server.log_in("cookie").await);
    let verify = || cookie(server.get("/sessions/verify"), &other.token);
    let response = verify().bearer(&header.token).send().await;
    assert_eq!(response.header("X-Session-User"), Some("header"));
    verify().bearer("nonsense").send().await.problem(401);
}

async fn only_the_one_cookie_of_this_name_counts<B: BackEnd>() {
    let flags = [ON, &["--session-cookie-name", "sid"]].concat();
    let (server, _b) = start::<B>(&flags).await;
    let token = server.log_in(74).await.token;
    for (cookies, status) in [
        (vec![format!("sid={token}")], 200),
        (vec![format!("theme=dark; sid={token}; x=y=z; bare")], 200),
        (vec!["theme=dark".into(), format!("sid={token}")], 200),
        (vec![format!("SID={token}")], 401),
        (vec![format!("xsid={token}")], 401),
        (vec![format!("sid=\"{token}\"")], 401),
        (vec!["sid=".into()], 401),
        (vec![format!("sid=x; sid={token}")], 401),
        (vec![format!("sid={token}"), format!("sid={token}")], 401),
    ] {
        let mut verify = server.get("/sessions/verify");
        for cookie in &cookies {
            verify = verify.header("Cookie", cookie);
        }
        assert_eq!(verify.send().await.status, status, "{cookies:?}");
    }
}

async fn another_sites_page_changes_nothing<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    let login = server.log_in(74).await;
    let here = format!("http://{}", server.address);
    for (headers, passes) in [
        (&[][..], true),
        (&[("Sec-Fetch-Site", "same-origin")], true),
        (&[("Sec-Fetch-Site", "none")], true),
        (&[("Origin", here.as_str())], true),
        (
            &[
                ("Sec-Fetch-Site", "same-origin"),
                ("Origin", "https://evil.com"),
            ],
            true,
        ),
        (&[("Sec-Fetch-Site", "same-site")], false),
        (&[("Sec-Fetch-Site", "cross-site")], false),
        (&[("Sec-Fetch-Site", "")], false),
        (
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", here.as_str())],
            false,
        ),
        (&[("Origin", "https://evil.com")], false),
        (&[("Origin", "null")], false),
        (&[("Origin", "")], false),
    ] {
        let with = |mut request: Request| {
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request
        };
        let touch = with(server.post("/sessions/update-activity"));
        let touched = cookie(touch.clone(), &login.token).send().await;
        assert_eq!(
            touched.status,
            if passes { 200 } else { 403 },
            "{headers:?}"
        );
        // A page can't set this header with what it doesn't know, so it is no forgery.
        let touched = touch.bearer(&login.token).send().await;
        assert_eq!(touched.status, 200, "{headers:?}");
        // Reading changes nothing.
        let read = with(server.get("/sessions/my-sessions"));
        let read = cookie(read, &login.token).send().await;
        assert_eq!(read.status, 200, "{headers:?}");
    }
    let delete = cookie(server.delete("/sessions/logout"), &login.token);
    let delete = delete.header("Sec-Fetch-Site", "cross-site").send().await;
    delete.problem(403);
    server
        .get(&login.path())
        .bearer(&login.token)
        .send()
        .await
        .expect(200);
}

async fn a_page_that_is_let_in_may<B: BackEnd>() {
    let origins = ["--cors-origins", "https://app.example.com"];
    for (credentials, status) in [("true", 200), ("false", 403)] {
        let flags = [ON, &origins, &["--cors-credentials", credentials]].concat();
        let (server, _b) = start::<B>(&flags).await;
        let login = server.log_in(74).await;
        let touch = cookie(server.post("/sessions/update-activity"), &login.token);
        let touch = touch
            .header("Origin", "https://app.example.com")
            .header("Sec-Fetch-Site", "cross-site");
        assert_eq!(touch.send().await.status, status);
    }
}

/// Most proxies ask with `GET`, whatever the request is that they ask about.
async fn another_sites_page_passes_no_proxy<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    let login = server.log_in(74).await;
    let verify = |method| cookie(server.request(method, "/sessions/verify"), &login.token);
    let own = ("Origin", "https://app.example.com");
    for (method, headers, status) in [
        ("GET", &[("Sec-Fetch-Site", "cross-site")][..], 200),
        ("POST", &[("Sec-Fetch-Site", "cross-site")], 403),
        ("POST", &[("Sec-Fetch-Site", "same-origin")], 200),
        (
            "GET",
            &[
                ("Sec-Fetch-Site", "cross-site"),
                ("X-Forwarded-Method", "POST"),
            ],
            403,
        ),
        (
            "GET",
            &[
                ("Sec-Fetch-Site", "cross-site"),
                ("X-Forwarded-Method", "HEAD"),
            ],
            200,
        ),
        ("GET", &[own, ("X-Forwarded-Method", "DELETE")], 403),
        (
            "GET",
            &[
                own,
                ("X-Forwarded-Method", "DELETE"),
                ("X-Forwarded-Host", "app.example.com"),
            ],
            200,
        ),
    ] {
        let mut request = verify(method);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.status, status, "{method} {headers:?}");
        let by_header = request.bearer(&login.token);
        assert_eq!(by_header.send().await.status, 200, "{method} {headers:?}");
    }
}

const OVER: &str = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";

async fn a_logout_takes_the_cookie_out<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    for (path, over) in [
        ("/sessions/logout-all?exclude_current=true", None),
        ("/sessions/logout-all", Some(OVER)),
        ("/sessions/logout", Some(OVER)),
        ("/sessions/session/{own}", Some(OVER)),
        ("/sessions/session/{other}", None),
    ] {
        let (login, other) = (server.log_in(74).await, server.log_in(74).await);
        let path = path
            .replace("{own}", &login.id)
            .replace("{other}", &other.id);
        let response = cookie(server.delete(&path), &login.token).send().await;
        response.expect(200);
        assert_eq!(response.header("Set-Cookie"), over, "{path}");
        assert_eq!(response.header("Clear-Site-Data"), None);
    }
}

async fn a_logout_of_what_is_over_takes_it_out_too<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    let login = server.log_in(74).await;
    let revoke = server.delete("/sessions/user/74").bearer(SERVICE_KEY);
    revoke.send().await.expect(200);
    for path in ["/sessions/logout", "/sessions/logout-all"] {
        let logout = cookie(server.delete(path), &login.token);
        let response = logout.clone().send().await;
        response.problem(401);
        assert_eq!(response.header("Set-Cookie"), Some(OVER), "{path}");
        // Who is sent here by another site keeps it.
        let forged = logout.header("Sec-Fetch-Site", "cross-site").send().await;
        forged.problem(403);
        assert_eq!(forged.header("Set-Cookie"), None, "{path}");
        let without = server.delete(path).send().await;
        without.problem(401);
        assert_eq!(without.header("Set-Cookie"), None, "{path}");
    }
}

async fn other_cookies_may_hold_any_bytes<B: BackEnd>() {
    let (server, _b) = start::<B>(ON).await;
    let token = server.log_in(74).await.token;
    let verify = |cookies: &[u8]| {
        let verify = server.get("/sessions/verify").header("Cookie", "{cookies}");
        let mut bytes = verify.bytes();
        let place = b"{cookies}";
        let at = bytes
            .windows(place.len())
            .position(|it| it == place)
            .unwrap();
        bytes.splice(at..at + place.len(), cookies.iter().copied());
        let address = server.address;
        async move { exchange(address, &bytes).await }
    };
    let own = format!("__Host-session={token}");
    let own = own.as_bytes();
    for (cookies, status) in [
        ([b"theme=\xff; ", own].concat(), 200),
        ([own, b"; \x80\xe4=1"].concat(), 200),
        ([own, b"; __Host-session=\xff"].concat(), 401),
        (b"__Host-session=\xff".to_vec(), 401),
    ] {
        let response = Response::parse(&verify(&cookies).await);
        assert_eq!(response.status, status, "{cookies:?}");
    }
}

async fn a_logout_has_the_browser_forget_on_demand<B: BackEnd>() {
    let (server, _b) = start::<B>(&["--clear-site-data", "true"]).await;
    let login = server.log_in(74).await;
    let logout = server.delete("/sessions/logout").bearer(&login.token);
    let response = logout.send().await;
    let forgotten = response.header("Clear-Site-Data");
    assert_eq!(forgotten, Some(r#""cache", "cookies", "storage""#));
    assert_eq!(response.header("Set-Cookie"), None);
}

async fn without_the_setting_a_cookie_is_nothing<B: BackEnd>() {
    let (server, _b) = start::<B>(&[]).await;
    let login = server.log_in(74).await;
    let response = server.create(&json!({"user_id": 1, "device_fingerprint": "a"}));
    assert_eq!(response.send().await.header("Set-Cookie"), None);
    let mine = cookie(server.get("/sessions/my-sessions"), &login.token);
    mine.send().await.problem(401);
}
