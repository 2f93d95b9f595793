//! What happens while the page is open.

use super::{device, follow, look_up, rows, sign_in};
use crate::support::{BackEnd, Browser, SERVICE_KEY, start};

pub(super) async fn a_session_that_ends_elsewhere_goes_grey<B: BackEnd>(browser: &Browser) {
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

pub(super) async fn a_new_session_appears<B: BackEnd>(browser: &Browser) {
    let (server, _b) = start::<B>(&[]).await;
    let old = server.log_in_with(74, device("Laptop")).await;
    old.has_passed().await;
    follow(browser, &server, "74").await;
    server.log_in_with(74, device("Pixel 9")).await;
    browser.sees("#sessions li:first-child", "Pixel 9").await;
    browser.sees("#status", "New session: Pixel 9.").await;
    browser.sees("#count", "2 active sessions").await;
}

pub(super) async fn an_admin_who_is_logged_out_is_told<B: BackEnd>(browser: &Browser) {
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
