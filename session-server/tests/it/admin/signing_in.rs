//! Signing in, and looking a user up.

use serde_json::json;

use super::{device, focused, follow, look_up, nothing_is_amiss, sign_in};
use crate::support::{Browser, Memory, SERVICE_KEY, start};

pub(super) async fn only_an_admins_credential_signs_in(browser: &Browser) {
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

pub(super) async fn the_credential_stays_in_memory(browser: &Browser) {
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

pub(super) async fn who_is_unknown_or_not_signed_in_is_told(browser: &Browser) {
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

pub(super) async fn any_user_id_can_be_looked_up(browser: &Browser) {
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

pub(super) async fn hostile_text_is_text(browser: &Browser) {
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
