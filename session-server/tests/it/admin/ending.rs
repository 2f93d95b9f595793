//! The list, and how what is in it ends.

use serde_json::json;

use super::{device, end_button, follow, look_up, nothing_is_amiss, rows, sign_in};
use crate::support::{BackEnd, Browser, start};

pub(super) async fn one_session_is_ended<B: BackEnd>(browser: &Browser) {
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

pub(super) async fn all_sessions_are_ended<B: BackEnd>(browser: &Browser) {
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

pub(super) async fn ended_sessions_are_shown_on_demand<B: BackEnd>(browser: &Browser) {
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

pub(super) async fn a_long_list_is_read_on<B: BackEnd>(browser: &Browser) {
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

pub(super) async fn an_admins_own_sessions_are_no_exception<B: BackEnd>(browser: &Browser) {
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
