//! A session token in a cookie: out of a request, into a browser and out of it again.

use std::time::Duration;

use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, HeaderValue};
use session_store::Token;

use crate::config::{Cookie, Cors};
use crate::problem::Problem;

impl Cookie {
    /// What the one cookie of this name holds. A second one is refused: whoever set it may be another
    /// site of the same domain, and which of them is first is the browser's whim.
    pub(crate) fn find<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Problem> {
        let mut found = None;
        for header in headers.get_all(COOKIE) {
            for pair in header.as_bytes().split(|byte| *byte == b';') {
                if let Some(value) = self.value_in(pair)
                    && found.replace(value).is_some()
                {
                    return Err(Problem::invalid_credential());
                }
            }
        }
        let text = found.map(|value| str::from_utf8(value));
        text.transpose().map_err(|_| Problem::invalid_credential())
    }

    /// The value of a pair that has this name. Bytes, since the host's other cookies may hold any.
    fn value_in<'a>(&self, pair: &'a [u8]) -> Option<&'a [u8]> {
        let at = memchr::memchr(b'=', pair)?;
        let (name, value) = (&pair[..at], &pair[at + 1..]);
        (name.trim_ascii() == self.name.as_bytes()).then(|| value.trim_ascii())
    }

    /// The header that puts a token into the browser.
    pub(crate) fn set(&self, token: &Token, lasting: Duration) -> HeaderValue {
        let mut header = self.header(&token.expose(), lasting.as_secs());
        header.set_sensitive(true);
        header
    }

    /// The header that takes it out again.
    pub(crate) fn clear(&self) -> HeaderValue {
        self.header("", 0)
    }

    fn header(&self, value: &str, max_age: u64) -> HeaderValue {
        let (name, same_site) = (&self.name, self.same_site.word());
        let header = format!(
            "{name}={value}; Max-Age={max_age}; Path=/; Secure; HttpOnly; SameSite={same_site}"
        );
        HeaderValue::try_from(header).expect("names and tokens are visible ASCII")
    }
}

/// Refuses a request of this method that another site's page has made: browsers add the cookie whoever
/// asks. As Go's `CrossOriginProtection` does, by what a page can't set itself: `Sec-Fetch-Site`, or
/// where a browser is too old for that, `Origin`. What no browser sends has neither. Pages that
/// `CORS_ORIGINS` lets in with credentials may.
pub(crate) fn refuse_cross_site(
    method: &[u8],
    headers: &HeaderMap,
    cors: &Cors,
) -> Result<(), Problem> {
    if matches!(method, b"GET" | b"HEAD") {
        return Ok(());
    }
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    let origin = headers.get(ORIGIN);
    // A page can't set the first of them either without being asked what it is about to do.
    let host = || header("x-forwarded-host").or_else(|| header("host"));
    let is_same = match header("sec-fetch-site") {
        Some(site) => matches!(site, b"same-origin" | b"none"),
        None => origin.is_none_or(|origin| is_origin_of(origin, host())),
    };
    let is_let_in = || cors.credentials && origin.is_some_and(|origin| cors.allows(origin));
    if is_same || is_let_in() {
        return Ok(());
    }
    let detail = "A page of another site can't do this with this site's cookie";
    Err(Problem::forbidden(detail))
}

/// Whether the origin's host and port are those that were asked.
fn is_origin_of(origin: &HeaderValue, host: Option<&[u8]>) -> bool {
    let origin = origin.to_str().ok();
    let authority = origin.and_then(|origin| origin.split_once("://"));
    let Some(((_, authority), host)) = authority.zip(host) else {
        return false;
    };
    authority.as_bytes().eq_ignore_ascii_case(host)
}
