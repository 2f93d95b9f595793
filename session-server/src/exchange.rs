//! One request and its answer, as the log tells them.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use session_store::{SessionId, Token, Unreadable};
use tracing::{Span, field};

use crate::config::{Credentials, ServiceKey};
use crate::metrics::Requests;
use crate::problem::Problem;
use crate::request_id;

/// What is known of a request while it is answered. Nothing is formatted before a line is written.
///
/// Its fields are those of the event itself and not of a span: a span is put together for every
/// request, whether or not a line is written, and costs several times what the rest of this takes.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    begun: Instant,
    /// Where the request comes from.
    client: IpAddr,
    request: &'a Parts,
    id: HeaderValue,
    /// Known once the credential has been looked at.
    caller: OnceLock<CallerName>,
    /// The path that the table has; empty where it has none.
    endpoint: OnceLock<&'static str>,
    credentials: &'a Credentials,
}

/// Who is asking, as far as the log tells.
#[derive(Debug)]
pub(crate) enum CallerName {
    /// A trusted backend, by the name of its key.
    Service(String),
    /// An end user's client, by its session.
    Session(SessionId),
    /// An end user's client, by an access token, and the session that it has.
    AccessToken(Option<SessionId>),
}

impl<'a> Exchange<'a> {
    pub(crate) fn begin(request: &'a Parts, client: IpAddr, credentials: &'a Credentials) -> Self {
        Self {
            begun: Instant::now(),
            client,
            request,
            id: request_id::of(&request.headers),
            caller: OnceLock::new(),
            endpoint: OnceLock::new(),
            credentials,
        }
    }

    /// What the answer and the log call this request.
    pub(crate) fn id(&self) -> &HeaderValue {
        &self.id
    }

    pub(crate) fn set_caller(&self, caller: CallerName) {
        // A request has one caller, so nothing is there yet.
        let _ = self.caller.set(caller);
    }

    pub(crate) fn set_endpoint(&self, endpoint: &'static str) {
        // As with the caller.
        let _ = self.endpoint.set(endpoint);
    }

    /// Counts the answer.
    pub(crate) fn count_answer(&self, status: StatusCode, requests: &Requests) {
        let endpoint = self.endpoint.get().copied().unwrap_or_default();
        requests.answered(endpoint, &self.request.method, status, self.begun.elapsed());
    }

    /// The one line that each request leaves in the log.
    pub(crate) fn log_answer(&self, status: StatusCode) {
        tracing::info!(
            method = %self.request.method,
            path = &*self.path(),
            request_id = self.id_text(),
            caller = self.caller.get().map(field::display),
            session_id = self.session_id(),
            status = status.as_u16(),
            latency_ms = (self.begun.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            "answered"
        );
    }

    /// What the log tells of an answer that is none, besides the one line: where the store failed,
    /// and where somebody may be trying to get in.
    pub(crate) fn log_problem(&self, problem: &Problem) {
        let reason = problem.cause().unwrap_or_else(|| problem.detail());
        match problem.status() {
            status if status.is_server_error() && problem.cause().is_some() => {
                self.log_failure(reason);
            }
            StatusCode::UNAUTHORIZED => self.log_refused("credential refused", reason),
            _ if self.endpoint.get() == Some(&"/sessions/create") => {
                self.log_refused("session not created", reason);
            }
            _ => {}
        }
    }

    fn log_refused(&self, what: &'static str, reason: &str) {
        tracing::info!(
            client = %self.client,
            method = %self.request.method,
            path = &*self.path(),
            request_id = self.id_text(),
            caller = self.caller.get().map(field::display),
            session_id = self.session_id(),
            reason,
            "{what}"
        );
    }

    /// Why the store didn't do what this request asked of it.
    fn log_failure(&self, cause: &str) {
        tracing::warn!(
            method = %self.request.method,
            path = &*self.path(),
            request_id = self.id_text(),
            caller = self.caller.get().map(field::display),
            session_id = self.session_id(),
            error = cause,
            "the store failed"
        );
    }

    /// A list leaves out a session whose record nobody can read.
    pub(crate) fn log_unreadable(&self, session: &Unreadable) {
        tracing::warn!(
            request_id = self.id_text(),
            id = %session.id,
            error = %session.error,
            "a record can't be read"
        );
    }

    /// For whatever others log while they work on this request, where that much is wanted.
    pub(crate) fn span(&self) -> Span {
        tracing::debug_span!(
            "request",
            method = %self.request.method,
            path = &*self.path(),
            request_id = self.id_text(),
        )
    }

    fn id_text(&self) -> Option<&str> {
        self.id.to_str().ok()
    }

    fn session_id(&self) -> Option<&str> {
        match self.caller.get()? {
            CallerName::Session(id) | CallerName::AccessToken(Some(id)) => Some(id.as_str()),
            CallerName::Service(_) | CallerName::AccessToken(None) => None,
        }
    }

    fn path(&self) -> Cow<'_, str> {
        loggable(self.request.uri.path(), self.credentials)
    }
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Session(_) => f.write_str("session"),
            Self::AccessToken(_) => f.write_str("access token"),
        }
    }
}

const MAX_PATH_CHARS: usize = 300;

/// The path, but for what somebody may have put there by mistake: a credential in place of an id.
fn loggable<'a>(path: &'a str, credentials: &Credentials) -> Cow<'a, str> {
    if path.len() <= MAX_PATH_CHARS && !path.split('/').any(may_hold_secret) {
        return path.into();
    }
    let segments = path.split('/').map(|segment| {
        let decoded = percent_decode_str(segment).decode_utf8_lossy();
        match decoded.split(' ').any(|word| is_secret(word, credentials)) {
            true => "(a credential)",
            false => segment,
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    path.chars().take(MAX_PATH_CHARS).collect::<String>().into()
}

/// Whether a segment is worth decoding and hashing; most aren't.
fn may_hold_secret(segment: &str) -> bool {
    segment.len() >= ServiceKey::MIN_CHARS
        || segment.starts_with(JWT_START)
        || segment.contains('%')
}

/// How every access token begins: `{"` in base64.
const JWT_START: &str = "eyJ";

fn is_secret(word: &str, credentials: &Credentials) -> bool {
    word.starts_with(JWT_START)
        || Token::parse(word).is_ok()
        || credentials.service_key(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_the_path_stays_out_of_the_log() {
        let (token, key) = ("A".repeat(61), "k".repeat(32));
        let key_of_service = ServiceKey::parse(&format!("web:{key}")).expect("it is good");
        let credentials = Credentials {
            service_keys: vec![key_of_service],
            admin_roles: Vec::new(),
        };
        for secret in [
            token.clone(),
            key,
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln".to_owned(),
            "eyJ".to_owned(),
            token.replace('A', "%41"),
            "%65yJ".to_owned(),
            format!("Bearer%20{token}"),
        ] {
            let path = format!("/sessions/session/{secret}");
            let path = loggable(&path, &credentials);
            assert_eq!(path, "/sessions/session/(a credential)");
        }
        for path in [
            "/sessions/user/u%2074",
            "/sessions/session/62qY8mkRrWhXNWCI6n",
        ] {
            assert_eq!(loggable(path, &credentials), path);
        }
        let long = format!("/{}", "x".repeat(400));
        assert_eq!(loggable(&long, &credentials), &long[..MAX_PATH_CHARS]);
    }
}
