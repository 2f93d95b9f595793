//! The admin page, in a real browser. The steps of a test share a browser, and each has a server of
//! its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use fantoccini::key::Key;
use serde_json::{Value, json};
use session_store::MemoryStore;
use session_test::Proxy;

use crate::support::{
    BackEnd, Browser, Fault, FaultyStore, Memory, Redis, SERVICE_KEY, TestServer,
    on_every_back_end, start,
};

on_every_back_end!(sessions_are_shown_and_ended);

async fn sessions_are_shown_and_ended<B: BackEnd>() {
    let browser = Browser::start().await;
    one_session_is_ended::<B>(&browser).await;
    all_sessions_are_ended::<B>(&browser).await;
    ended_sessions_are_shown_on_demand::<B>(&browser).await;
    a_long_list_is_read_on::<B>(&browser).await;
    an_admins_own_sessions_are_no_exception::<B>(&browser).await;
    a_session_that_ends_elsewhere_goes_grey::<B>(&browser).await;
    a_new_session_appears::<B>(&browser).await;
    an_admin_who_is_logged_out_is_told::<B>(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn an_admin_signs_in_and_looks_up() {
    let browser = Browser::start().await;
    only_an_admins_credential_signs_in(&browser).await;
    the_credential_stays_in_memory(&browser).await;
    who_is_unknown_or_not_signed_in_is_told(&browser).await;
    any_user_id_can_be_looked_up(&browser).await;
    hostile_text_is_text(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn everybody_can_use_the_page() {
    let browser = Browser::start().await;
    a_keyboard_is_enough(&browser).await;
    the_page_fits_everywhere(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn an_outage_is_told_as_one() {
    let browser = Browser::start().await;
    a_store_out_of_reach_is_asked_again(&browser).await;
    a_server_out_of_reach_is_told(&browser).await;
    a_stream_that_breaks_is_carried_on(&browser).await;
    a_list_that_may_be_out_of_date_is_read_anew(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn the_page_may_do_what_it_needs_and_no_more() {
    let (server, _b) = start::<Memory>(&[]).await;
    let page = server.get("/admin").send().await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(page.header("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(page.header("Cache-Control"), Some("no-store"));
    let policy = page.header("Content-Security-Policy").unwrap();
    let directives: Vec<_> = policy.split("; ").collect();
    for directive in [
        "default-src 'none'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(directives.contains(&directive), "{policy}");
    }
    for by_hash in ["style-src 'sha256-", "script-src 'sha256-"] {
        let of_kind = directives.iter().find(|it| it.starts_with(by_hash));
        assert_eq!(of_kind.unwrap().split(' ').count(), 2, "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
}

/// Opens the page and signs in.
async fn sign_in(browser: &Browser, server: &TestServer, credential: &str) {
    sign_in_at(browser, server.address, credential).await;
}

async fn sign_in_at(browser: &Browser, address: SocketAddr, credential: &str) {
    browser.open(address, "/admin").await;
    browser.fill("#credential", credential).await;
    browser.click("#sign-in button").await;
    browser.sees("#account", "Signed in").await;
}

async fn look_up(browser: &Browser, user: &str) {
    browser.fill("#user-id", user).await;
    browser.click("#find button").await;
}

/// Signs in with the service key and looks a user up, until what happens is followed.
async fn follow(browser: &Browser, server: &TestServer, user: &str) {
    sign_in(browser, server, SERVICE_KEY).await;
    look_up(browser, user).await;
    browser.sees("#live.on", "Live").await;
}

/// How often the list of user 74 has been read.
const READINGS: &str = "performance.getEntriesByType('resource')\
    .filter(it => it.name.includes('/sessions/user/74?')).length";

/// A session on a device with this name.
fn device(name: &str) -> Value {
    json!({"device_name": name, "username": "alice"})
}

/// The button that ends the session of the device with this name.
fn end_button(device: &str) -> String {
    format!("[aria-label='End session, {device}']")
}

/// The rows as they can be read.
async fn rows(browser: &Browser) -> Vec<String> {
    let rows = browser
        .eval("[...document.querySelectorAll('#sessions > li')].map(row => row.innerText)")
        .await;
    serde_json::from_value(rows).unwrap()
}

async fn focused(browser: &Browser) -> String {
    let id = browser
        .eval("document.activeElement.id || document.activeElement.innerText")
        .await;
    id.as_str().unwrap().to_owned()
}

/// Nothing but answers that aren't a 200, which browsers always log.
async fn nothing_is_amiss(browser: &Browser) {
    let console = browser.console().await;
    let amiss: Vec<_> = console
        .iter()
        .filter(|entry| entry["source"] != "network")
        .collect();
    assert!(amiss.is_empty(), "{amiss:#?}");
}

async fn only_an_admins_credential_signs_in(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    let user = server.log_in(74).await;
    browser.open(server.address, "/admin").await;
    for (credential, told) in [
        ("", "The credential is not accepted"),
        ("nonsense", "The credential is not accepted"),
        ("ünsendable", "The credential is not accepted"),
        (&user.token, "This is not permitted"),
    ] {
        browser.fill("#credential", credential).await;
        browser.click("#sign-in button").await;
        browser.sees("#sign-in-problem", told).await;
        assert_eq!(focused(browser).await, "credential");
    }
    browser.fill("#credential", SERVICE_KEY).await;
    browser.click("#sign-in button").await;
    browser.sees("#who", "Signed in with a service key").await;
    browser.sees_no("#sign-in").await;
    browser.click("#sign-out").await;
    browser.sees("#status", "Signed out").await;
    browser.sees_no("#account, #find, #user").await;

    let admin = server.log_in_admin("ro ot/ä").await;
    browser.fill("#credential", &admin.token).await;
    browser.click("#sign-in button").await;
    browser.sees("#who", "Signed in as ro ot/ä").await;
    nothing_is_amiss(browser).await;
}

async fn the_credential_stays_in_memory(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    let admin = server.log_in_admin("root").await;
    server.log_in(74).await;
    sign_in(browser, &server, &admin.token).await;
    look_up(browser, "74").await;
    browser.sees("#sessions", "Chrome on Windows 10").await;
    let kept = browser
        .eval(
            "JSON.stringify([location.href, history.length, {...localStorage}, {...sessionStorage}, \
             document.cookie, document.documentElement.outerHTML, \
             [...document.querySelectorAll('input')].map(input => input.value)])",
        )
        .await;
    let kept = kept.as_str().unwrap();
    assert!(kept.contains("Chrome on Windows 10"), "{kept}");
    assert!(!kept.contains(&admin.token), "{kept}");
    assert!(kept.contains(&format!("\"http://{}/admin\"", server.address)));
    // Reloaded, the page has forgotten it.
    browser.open(server.address, "/admin").await;
    browser.sees("#sign-in", "Credential").await;
    browser.sees_no("#user").await;
}

async fn who_is_unknown_or_not_signed_in_is_told(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    let login = server.log_in(74).await;
    let logout = server.delete("/sessions/logout").bearer(&login.token);
    logout.send().await.expect(200);
    sign_in(browser, &server, SERVICE_KEY).await;
    look_up(browser, "").await;
    browser.sees("#find-problem", "whose sessions").await;
    look_up(browser, "nobody").await;
    browser.sees("#notice", "No such user").await;
    browser.sees_no("#user").await;
    look_up(browser, "..").await;
    browser.sees("#notice", "This can’t be a user id").await;
    look_up(browser, "74").await;
    browser.sees("#notice", "No active sessions").await;
    browser.sees("#count", "0 active sessions").await;
    browser.sees_no("#end-all").await;
    nothing_is_amiss(browser).await;
}

async fn any_user_id_can_be_looked_up(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    sign_in(browser, &server, SERVICE_KEY).await;
    for user in ["a/b?c#d", "100% ü", "%2e", "&user_id=74", "..."] {
        server.log_in_with(user, device(user)).await;
        look_up(browser, user).await;
        browser.sees("#user-name-and-id", user).await;
        browser.sees("#sessions h3", user).await;
        // What happens is that user's, too.
        browser.sees("#live.on", "Live").await;
        server.log_in_with(user, device("Another")).await;
        browser.sees("#sessions h3", "Another").await;
    }
}

async fn hostile_text_is_text(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    let hostile = "<img src=x onerror=\"document.title='owned'\">";
    let fields = json!({
        "device_name": hostile, "username": hostile, "browser": "<b>bold</b>",
    });
    server.log_in_with(74, fields).await;
    follow(browser, &server, "74").await;
    browser.sees("#sessions h3", hostile).await;
    browser.sees("#whose", hostile).await;
    browser.sees("#sessions .kind", "Web · <b>bold</b>").await;
    browser.click("#sessions button").await;
    browser.sees("#confirm-text", hostile).await;
    let made = browser
        .eval("document.querySelectorAll('img, b').length")
        .await;
    assert_eq!(made, 0);
    assert_eq!(browser.eval("document.title").await, "User sessions");
    nothing_is_amiss(browser).await;
}

async fn one_session_is_ended<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let laptop = server.log_in_with(74, device("Laptop")).await;
    laptop.has_passed().await;
    let phone = json!({"device_name": "Pixel 9", "device_type": "mobile", "browser": null});
    let phone = server.log_in_with(74, phone).await;
    follow(browser, &server, "74").await;
    browser.sees("#whose", "Sessions of alice").await;
    browser.sees("#user-name-and-id", "User id 74").await;
    browser.sees("#count", "2 active sessions").await;
    let shown = rows(browser).await;
    assert!(shown[0].starts_with("Pixel 9"), "{shown:?}");
    for (row, part) in [
        (0, "Mobile"),
        (0, "192.168.1.1"),
        (1, "Laptop"),
        (1, "Web · Chrome"),
        (1, "just now"),
    ] {
        assert!(shown[row].contains(part), "{shown:?}");
    }
    let created = browser
        .eval("document.querySelector('li:last-child .created').dateTime")
        .await;
    assert_eq!(created, laptop.body["created_at"]);
    let exactly = browser
        .eval("document.querySelector('li:last-child .created').title")
        .await;
    assert!(exactly.as_str().unwrap().contains(':'), "{exactly}");

    browser.click(&end_button("Laptop")).await;
    browser.sees("#confirm", "End this session?").await;
    browser.sees("#confirm-text", "Laptop, 192.168.1.1").await;
    browser.click("#cancel").await;
    browser.sees_no("#confirm").await;
    assert!(server.is_alive(&laptop).await);

    browser.click(&end_button("Laptop")).await;
    browser.click("#confirmed").await;
    browser.sees("#status", "Session ended: Laptop.").await;
    browser.sees_no("#confirm").await;
    browser.sees("li.over", "Laptop").await;
    browser.sees("#count", "1 active session").await;
    browser.sees_no(&end_button("Laptop")).await;
    assert!(!server.is_alive(&laptop).await);
    assert!(server.is_alive(&phone).await);
    nothing_is_amiss(browser).await;
}

async fn all_sessions_are_ended<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let logins = [server.log_in(74).await, server.log_in(74).await];
    let stranger = server.log_in(75).await;
    follow(browser, &server, "74").await;
    browser.click("#end-all").await;
    browser.sees("#confirm", "End all sessions?").await;
    browser.click("#cancel").await;
    browser.sees_no("#confirm").await;
    assert!(server.is_alive(&logins[0]).await);
    browser.click("#end-all").await;
    browser.click("#confirmed").await;
    browser.sees("#status", "2 sessions ended.").await;
    browser.sees("#count", "0 active sessions").await;
    for login in &logins {
        assert!(!server.is_alive(login).await);
    }
    assert!(server.is_alive(&stranger).await);
}

async fn ended_sessions_are_shown_on_demand<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let laptop = server.log_in_with(74, device("Laptop")).await;
    let logout = server.delete("/sessions/logout").bearer(&laptop.token);
    logout.send().await.expect(200);
    server.log_in_with(74, device("Pixel 9")).await;
    follow(browser, &server, "74").await;
    assert_eq!(rows(browser).await.len(), 1);
    browser.click("#show-ended").await;
    browser.sees("li.over", "the user signed out").await;
    browser.sees("#count", "1 active session").await;
    browser.click("#show-ended").await;
    browser.sees_no("li.over").await;
}

async fn a_long_list_is_read_on<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&["--max-sessions-per-user", "0"]).await;
    for number in 0..55 {
        let name = format!("Device {number}");
        server.log_in_with(74, device(&name)).await;
    }
    follow(browser, &server, "74").await;
    browser.sees("#count", "50 or more").await;
    assert_eq!(rows(browser).await.len(), 50);
    browser.click("#more").await;
    browser.sees("#count", "55 active sessions").await;
    browser.sees_no("#more").await;
    assert_eq!(rows(browser).await.len(), 55);
}

async fn an_admins_own_sessions_are_no_exception<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin("root").await;
    let other = server.log_in_with("root", device("Laptop")).await;
    sign_in(browser, &server, &admin.token).await;
    look_up(browser, "root").await;
    browser.sees("#whose", "Your own sessions").await;
    browser.sees("#live.on", "Live").await;
    browser.sees(".badge.current", "This session").await;
    server.log_in_with("root", device("Pixel 9")).await;
    browser.sees("#sessions", "Pixel 9").await;
    browser.click("#end-others").await;
    browser.click("#confirmed").await;
    browser.sees("#status", "2 sessions ended.").await;
    assert!(!server.is_alive(&other).await);
    assert!(server.is_alive(&admin).await);
    browser.click("li:not(.over) button").await;
    browser
        .sees("#confirm-text", "the session that you are using")
        .await;
    browser.click("#confirmed").await;
    browser.sees("#sign-in-problem", "sign in again").await;
    browser.sees_no("#user, #account, #confirm").await;
    assert!(!server.is_alive(&admin).await);
    nothing_is_amiss(browser).await;
}

async fn a_session_that_ends_elsewhere_goes_grey<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let laptop = server.log_in_with(74, device("Laptop")).await;
    server.log_in_with(74, device("Pixel 9")).await;
    follow(browser, &server, "74").await;
    let logout = server.delete("/sessions/logout").bearer(&laptop.token);
    logout.send().await.expect(200);
    browser.sees("li.over", "the user signed out").await;
    browser.sees("#status", "Session ended, Laptop").await;
    browser.sees("li:not(.over)", "Pixel 9").await;
    browser.sees("#count", "1 active session").await;
}

async fn a_new_session_appears<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let old = server.log_in_with(74, device("Laptop")).await;
    old.has_passed().await;
    follow(browser, &server, "74").await;
    server.log_in_with(74, device("Pixel 9")).await;
    browser.sees("#sessions li:first-child", "Pixel 9").await;
    browser.sees("#status", "New session: Pixel 9.").await;
    browser.sees("#count", "2 active sessions").await;
}

async fn an_admin_who_is_logged_out_is_told<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let admin = server.log_in_admin("root").await;
    server.log_in(74).await;
    sign_in(browser, &server, &admin.token).await;
    look_up(browser, "74").await;
    browser.sees("#live.on", "Live").await;
    let revoke = server.delete("/sessions/user/root").bearer(SERVICE_KEY);
    revoke.send().await.expect(200);
    browser
        .sees("#sign-in-problem", "The credential is not accepted")
        .await;
    browser.sees_no("#user").await;
    assert!(rows(browser).await.is_empty());
}

/// From the form to a session's end without a mouse.
async fn a_keyboard_is_enough(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    let login = server.log_in_with(74, device("Laptop")).await;
    browser.open(server.address, "/admin").await;
    browser
        .until("document.activeElement.id === 'credential'")
        .await;
    browser.fill("#credential", SERVICE_KEY).await;
    browser.press(Key::Enter).await;
    browser
        .until("document.activeElement.id === 'user-id'")
        .await;
    browser.fill("#user-id", "74").await;
    browser.press(Key::Enter).await;
    // The focus goes on to what has come.
    browser.until("document.activeElement.id === 'whose'").await;
    browser.sees("#live.on", "Live").await;
    let button = format!(
        "document.activeElement.matches(\"{}\")",
        end_button("Laptop")
    );
    for _ in 0..3 {
        browser.press(Key::Tab).await;
    }
    browser.until(&button).await;
    browser.press(Key::Enter).await;
    browser
        .until("document.activeElement.id === 'cancel'")
        .await;
    browser.press(Key::Escape).await;
    browser.sees_no("#confirm").await;
    browser.until(&button).await;
    assert!(server.is_alive(&login).await);

    browser.press(Key::Enter).await;
    browser
        .until("document.activeElement.id === 'cancel'")
        .await;
    browser.press(Key::Tab).await;
    browser.press(Key::Enter).await;
    browser.sees("#status", "Session ended: Laptop.").await;
    browser
        .until("document.activeElement.matches('li.over h3')")
        .await;
    assert!(!server.is_alive(&login).await);
    let unnamed = "[...document.querySelectorAll('input')].filter(it => !it.labels.length).length";
    assert_eq!(browser.eval(unnamed).await, 0);
}

async fn the_page_fits_everywhere(browser: &Browser) {
    let (server, _b) = start::<Memory>(&["--max-sessions-per-user", "0"]).await;
    let admin = server.log_in_admin("root").await;
    let gone = server
        .log_in_with("root", device("Firefox on Ubuntu"))
        .await;
    let logout = server.delete("/sessions/logout").bearer(&gone.token);
    logout.send().await.expect(200);
    let long = json!({
        "device_name": "A-device-with-a-name-that-never-ends-".repeat(5),
        "ip_address": "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "device_type": "mobile",
    });
    server.log_in_with("root", long).await;
    for (name, width, height, scheme) in [
        ("light", 1000, 900, "light"),
        ("dark", 1000, 900, "dark"),
        ("phone", 360, 800, "light"),
        ("phone-dark", 360, 800, "dark"),
    ] {
        browser.looks(width, height, scheme).await;
        browser.open(server.address, "/admin").await;
        fits(browser, &format!("{name}-sign-in")).await;
        sign_in(browser, &server, &admin.token).await;
        look_up(browser, "nobody").await;
        browser.sees("#notice", "No such user").await;
        fits(browser, &format!("{name}-unknown")).await;
        look_up(browser, "root").await;
        browser.sees("#live.on", "Live").await;
        browser.click("#show-ended").await;
        browser.sees("li.over", "Firefox on Ubuntu").await;
        fits(browser, &format!("{name}-sessions")).await;
        browser.click("#end-all").await;
        fits(browser, &format!("{name}-confirm")).await;
    }
    browser.looks(1000, 900, "light").await;
    nothing_is_amiss(browser).await;
}

/// Nothing has to be scrolled to sideways.
async fn fits(browser: &Browser, name: &str) {
    browser.screenshot(name).await;
    let wide = browser
        .eval("[document.documentElement.scrollWidth, innerWidth]")
        .await;
    assert_eq!(wide[0], wide[1], "{name}");
}

async fn a_store_out_of_reach_is_asked_again(browser: &Browser) {
    let fault = Arc::new(Mutex::new(None));
    let now = Arc::clone(&fault);
    let inner = MemoryStore::new(TestServer::config(&[])).unwrap();
    let store = FaultyStore::new(inner, move |method| match method {
        "list" | "revoke" => *now.lock().unwrap(),
        _ => None,
    });
    let server = TestServer::start(store, &[]).await;
    let login = server.log_in_with(74, device("Laptop")).await;
    sign_in(browser, &server, SERVICE_KEY).await;

    *fault.lock().unwrap() = Some(Fault::Stall);
    look_up(browser, "74").await;
    browser.sees("#notice", "Loading…").await;

    *fault.lock().unwrap() = Some(Fault::Unavailable);
    look_up(browser, "74").await;
    browser.sees("#notice", "can’t be reached").await;
    browser.sees("#try-again", "Try again now").await;
    *fault.lock().unwrap() = None;
    // Nobody has pressed the button.
    browser.sees("#sessions", "Laptop").await;
    browser.sees_no("#notice").await;
    browser.sees("#live.on", "Live").await;

    *fault.lock().unwrap() = Some(Fault::Unavailable);
    browser.click(&end_button("Laptop")).await;
    browser.click("#confirmed").await;
    browser.sees("#confirm-problem", "can’t be reached").await;
    *fault.lock().unwrap() = None;
    assert!(server.is_alive(&login).await);
    browser.click("#confirmed").await;
    browser.sees("li.over", "Laptop").await;
    assert!(!server.is_alive(&login).await);
    nothing_is_amiss(browser).await;
}

async fn a_server_out_of_reach_is_told(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    server.log_in_with(74, device("Laptop")).await;
    follow(browser, &server, "74").await;
    server.stop().await.unwrap();
    browser.sees("#live:not(.on)", "Reconnecting").await;
    browser.click(&end_button("Laptop")).await;
    browser.click("#confirmed").await;
    browser
        .sees("#confirm-problem", "The server can’t be reached")
        .await;
    browser.click("#cancel").await;
    look_up(browser, "74").await;
    browser.sees("#notice", "The server can’t be reached").await;
    nothing_is_amiss(browser).await;
}

async fn a_stream_that_breaks_is_carried_on(browser: &Browser) {
    let (server, _b) = start::<Memory>(&[]).await;
    let proxy = Proxy::start(server.address.port()).await;
    let address = proxy.url().strip_prefix("redis://").unwrap().parse();
    server.log_in_with(74, device("Laptop")).await;
    sign_in_at(browser, address.unwrap(), SERVICE_KEY).await;
    look_up(browser, "74").await;
    browser.sees("#live.on", "Live").await;
    browser.until(&format!("{READINGS} === 2")).await;
    proxy.sever();
    browser.sees("#live:not(.on)", "Reconnecting").await;
    server.log_in_with(74, device("Pixel 9")).await;
    proxy.restore();
    browser.sees("#sessions", "Pixel 9").await;
    browser.sees("#live.on", "Live").await;
    assert_eq!(browser.eval(READINGS).await, 2);
}

async fn a_list_that_may_be_out_of_date_is_read_anew(browser: &Browser) {
    let (server, redis) = start::<Redis>(&[]).await;
    server.log_in_with(74, device("Laptop")).await;
    follow(browser, &server, "74").await;
    browser.until(&format!("{READINGS} === 2")).await;
    redis.kill_subscriptions();
    browser.until(&format!("{READINGS} === 3")).await;
    server.log_in_with(74, device("Pixel 9")).await;
    browser.sees("#sessions", "Pixel 9").await;
}
