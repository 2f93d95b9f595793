//! From a `User-Agent` to a device, for people to recognise it in a list.
//!
//! What it doesn't tell is left out rather than guessed. A version is named where it tells something: of
//! Windows. macOS, iOS and Android state one that has stood still for years.

mod patterns;
#[cfg(test)]
mod tests;

use session_store::{Device, limits};
use ua_parser::os;

use patterns::Patterns;

/// How much of a `User-Agent` is looked at. A browser's has some 150 bytes; what is longer is an app that
/// tells about itself at its end, or somebody who wants to keep the server busy.
const MAX_BYTES: usize = 512;

/// The device that a `User-Agent` tells of. Nothing of a bot's, which is nobody's device, and nothing of
/// a program's that names no system, such as curl's.
pub(crate) async fn device(agent: &[u8]) -> Device {
    // The cut may leave half a character, and a header may be in any encoding.
    let agent = String::from_utf8_lossy(&agent[..agent.len().min(MAX_BYTES)]);
    match Patterns::get().await {
        Some(patterns) => describe(patterns, &agent),
        None => Device::default(),
    }
}

fn describe(patterns: &Patterns, agent: &str) -> Device {
    let program = patterns.program(agent);
    let program = program.as_deref().unwrap_or_default();
    if is_bot(agent, program) {
        return Device::default();
    }
    let browser = browser(agent, program);
    let system = patterns.system(agent);
    let is_browser = browser.is_some();
    let device_type = system
        .as_ref()
        .and_then(|it| device_type(&it.os, is_browser));
    Device {
        name: name(browser, system.and_then(|it| system_name(agent, it))),
        device_type: device_type.map(str::to_owned),
        browser: browser.map(str::to_owned),
        ip_address: None,
    }
}

/// Bots name themselves, or the page that tells about them; no browser does either.
fn is_bot(agent: &str, program: &str) -> bool {
    let program = program.to_ascii_lowercase();
    let words = ["bot", "spider", "crawl"];
    agent.contains("://") || words.iter().any(|word| program.contains(word))
}

/// The browser by its brand alone, the same on each system: "Chrome", not "Chrome Mobile iOS".
fn browser<'a>(agent: &str, program: &'a str) -> Option<&'a str> {
    // What else is on the web (curl, an app's HTTP library) doesn't begin as browsers do. A web view is an
    // app whose name isn't said: whoever looks for a browser among their devices wouldn't know it.
    let is_browser = agent.starts_with("Mozilla/") || agent.starts_with("Opera/");
    if !is_browser || program.ends_with("WebView") {
        return None;
    }
    let brand = program.strip_suffix(" iOS").unwrap_or(program);
    let brand = brand.strip_suffix(" Mobile").unwrap_or(brand);
    Some(brand.strip_prefix("Mobile ").unwrap_or(brand)).filter(|it| fits(it))
}

/// "Windows 10", which Windows 11 calls itself too.
fn system_name(agent: &str, system: os::ValueRef<'_>) -> Option<String> {
    let name = match (&*system.os, system.major, system.minor) {
        ("Windows", Some(major), Some(minor)) => format!("Windows {major}.{minor}"),
        ("Windows", Some(major), None) => format!("Windows {major}"),
        ("Mac OS X", ..) => "macOS".to_owned(),
        ("iOS", ..) => apple_device(agent).to_owned(),
        _ => system.os.into_owned(),
    };
    Some(name).filter(|it| fits(it))
}

fn apple_device(agent: &str) -> &'static str {
    let devices = ["iPad", "iPod", "iPhone"];
    let mut devices = devices.into_iter().filter(|it| agent.contains(it));
    devices.next().unwrap_or("iOS")
}

/// `mobile` for tablets too. Televisions, consoles and watches are neither, and so is a program on a
/// desktop that isn't a browser.
fn device_type(system: &str, is_browser: bool) -> Option<&'static str> {
    match system {
        "Android" | "iOS" | "KaiOS" | "Windows Phone" => Some("mobile"),
        "Windows" | "Mac OS X" | "Chrome OS" | "Linux" | "Ubuntu" | "Debian" | "Fedora"
        | "FreeBSD" => is_browser.then_some("web"),
        _ => None,
    }
}

/// "Chrome on Windows 10", or as much of it as is known.
fn name(browser: Option<&str>, system: Option<String>) -> Option<String> {
    match (browser, system) {
        // Android's old browser is called Android.
        (Some(browser), Some(system)) if browser != system => {
            Some(format!("{browser} on {system}"))
        }
        (browser, system) => system.or_else(|| browser.map(str::to_owned)),
    }
}

/// Whether this may stand in a session: some patterns take over whatever somebody has written. Two of
/// these are well within what a device's name may have.
fn fits(text: &str) -> bool {
    let is_short = text.chars().count() <= limits::BROWSER_CHARS;
    is_short && !text.is_empty() && !text.contains(char::is_control)
}
