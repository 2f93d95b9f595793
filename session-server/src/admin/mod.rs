//! The admin page: looks a user up, shows the user's sessions, and ends them. It is a client of the
//! HTTP API like any other, so nothing is served for it but this one page.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use hyper::body::Bytes;
use session_store::SessionStore;
use sha2::{Digest as _, Sha256};

use crate::body;
use crate::router::{App, Call, Outcome};

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// One script: what a file declares, those after it use.
const SCRIPT: &str = concat!(
    include_str!("script/words.js"),
    include_str!("script/api.js"),
    include_str!("script/events.js"),
    include_str!("script/row.js"),
    include_str!("script/dialog.js"),
    include_str!("script/ending.js"),
    include_str!("script/look_up.js"),
    include_str!("script/page.js"),
);

/// Where style and script go.
const STYLE_SLOT: &str = "{style}";
const SCRIPT_SLOT: &str = "{script}";

/// The page, put together when it is first asked for.
static PAGE: LazyLock<Page> = LazyLock::new(Page::assemble);

struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    fn assemble() -> Self {
        let html = HTML
            .replacen(STYLE_SLOT, STYLE, 1)
            .replacen(SCRIPT_SLOT, SCRIPT, 1);
        let policy = HeaderValue::try_from(policy()).expect("a policy is ASCII");
        Self {
            html: html.into(),
            policy,
        }
    }
}

/// What the page may do: run its own script, have its own style, and ask this server. Hashes are
/// taken of what is sent, so they can't be out of date. An icon is allowed in the page alone: without
/// one, browsers ask for `/favicon.ico`, and complain that they may not.
fn policy() -> String {
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    [
        "default-src 'none'",
        &format!("style-src '{style}'"),
        &format!("script-src '{script}'"),
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        // The script never makes markup of text; this has the browser refuse it.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    .join("; ")
}

fn hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source)))
}

/// `GET /admin`. The page holds nothing that is secret: whoever opens it has a credential to show.
pub(crate) async fn page<S: SessionStore>(_: &App<S>, _: Call<'_>) -> Outcome {
    let mut response = body::whole(PAGE.html.clone());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, PAGE.policy.clone());
    let fixed: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_one_place_and_stays_in_it() {
        for slot in [STYLE_SLOT, SCRIPT_SLOT] {
            assert_eq!(HTML.matches(slot).count(), 1, "{slot}");
        }
        // Where a browser would take the source for ended.
        assert!(!STYLE.contains("</") && !STYLE.contains(SCRIPT_SLOT));
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    }

    #[test]
    fn text_is_never_made_markup() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
        for kept in [
            "localStorage",
            "sessionStorage",
            "indexedDB",
            "document.cookie",
        ] {
            assert!(!SCRIPT.contains(kept), "{kept}");
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for source in [HTML, STYLE, SCRIPT] {
            // The name of a language, where nothing is.
            let source = source.replace("http://www.w3.org/2000/svg", "");
            assert!(!source.contains("http") && !source.contains("@import"));
        }
    }
}
