//! By keyboard, and on small and dark screens.

use fantoccini::key::Key;
use serde_json::json;

use super::{device, end_button, look_up, nothing_is_amiss, sign_in};
use crate::support::{Browser, Memory, SERVICE_KEY, start};

/// From the form to a session's end without a mouse.
pub(super) async fn a_keyboard_is_enough(browser: &Browser) {
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

pub(super) async fn the_page_fits_everywhere(browser: &Browser) {
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
