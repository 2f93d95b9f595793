//! What can't be reached, and what may have been missed meanwhile.

use std::sync::{Arc, Mutex};

use session_store::MemoryStore;
use session_test::Proxy;

use super::{device, end_button, follow, look_up, nothing_is_amiss, sign_in, sign_in_at};
use crate::support::{Browser, Fault, FaultyStore, Memory, Redis, SERVICE_KEY, TestServer, start};

/// How often the list of user 74 has been read.
const READINGS: &str = "performance.getEntriesByType('resource')\
    .filter(it => it.name.includes('/sessions/user/74?')).length";

pub(super) async fn a_store_out_of_reach_is_asked_again(browser: &Browser) {
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

pub(super) async fn a_server_out_of_reach_is_told(browser: &Browser) {
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

pub(super) async fn a_stream_that_breaks_is_carried_on(browser: &Browser) {
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

pub(super) async fn a_list_that_may_be_out_of_date_is_read_anew(browser: &Browser) {
    let (server, redis) = start::<Redis>(&[]).await;
    server.log_in_with(74, device("Laptop")).await;
    follow(browser, &server, "74").await;
    browser.until(&format!("{READINGS} === 2")).await;
    redis.kill_subscriptions();
    browser.until(&format!("{READINGS} === 3")).await;
    server.log_in_with(74, device("Pixel 9")).await;
    browser.sees("#sessions", "Pixel 9").await;
}
