//! The admin page, in a real browser. The steps of a test share a browser, and each has a server of
//! its own.

mod elsewhere;
mod ending;
mod looks;
mod outage;
mod signing_in;

use std::net::SocketAddr;

use serde_json::{Value, json};

use elsewhere::{
    a_new_session_appears, a_session_that_ends_elsewhere_goes_grey,
    an_admin_who_is_logged_out_is_told,
};
use ending::{
    a_long_list_is_read_on, all_sessions_are_ended, an_admins_own_sessions_are_no_exception,
    ended_sessions_are_shown_on_demand, one_session_is_ended,
};
use looks::{a_keyboard_is_enough, the_page_fits_everywhere};
use outage::{
    a_list_that_may_be_out_of_date_is_read_anew, a_server_out_of_reach_is_told,
    a_store_out_of_reach_is_asked_again, a_stream_that_breaks_is_carried_on,
};
use signing_in::{
    any_user_id_can_be_looked_up, hostile_text_is_text, only_an_admins_credential_signs_in,
    the_credential_stays_in_memory, who_is_unknown_or_not_signed_in_is_told,
};

use crate::support::{BackEnd, Browser, Memory, SERVICE_KEY, TestServer, on_every_back_end, start};

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
