//! Cross-origin resource sharing: which web pages may call from a browser, and read the answer.
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>
//!
//! `tower-http`'s layer isn't used: it answers every `OPTIONS` with a 200 before it gets here, and so
//! would let a request of that method through a proxy that asks `/sessions/verify` about it.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::body::{self, Body};
use crate::config::Cors;

/// What a page may send, and what it may read, besides what every page may.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, last-event-id, x-request-id",
    ),
    // Browsers ask again after two hours at the latest.
    (ACCESS_CONTROL_MAX_AGE, "7200"),
];
const READABLE: &str = "link, retry-after, www-authenticate, x-request-id";

/// Whether a browser asks if a page may make another request.
pub(crate) fn is_preflight(parts: &Parts) -> bool {
    let has = |name: HeaderName| parts.headers.contains_key(name);
    parts.method == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// The answer to a preflight, before [`mark`](Self::mark).
    pub(crate) fn preflight(&self, parts: &Parts) -> Response<Body> {
        let mut response = body::empty();
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allowed(&parts.headers).is_some() {
            for (name, value) in PREFLIGHT {
                let value = HeaderValue::from_static(value);
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// Who may read the answer to a request that came with these headers.
    pub(crate) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        self.allows(origin).then(|| origin.clone())
    }

    /// Lets the page of `origin` read the answer. Caches are told that the answer depends on who asks
    /// where nobody asks, too.
    pub(crate) fn mark(&self, origin: Option<HeaderValue>, answer: &mut HeaderMap) {
        if !self.is_on() {
            return;
        }
        answer.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let readable = HeaderValue::from_static(READABLE);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, readable);
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }
}
