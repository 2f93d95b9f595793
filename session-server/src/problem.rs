//! Every error that a client can meet, as a response. Which one to use when:
//!
//! | status | constructor | when |
//! |---|---|---|
//! | 400 | [`Problem::bad_request`] | the request can't be read at all (broken JSON), or asks for the wrong endpoint |
//! | 401 | [`Problem::unauthenticated`], [`Problem::invalid_credential`] | no credential; one that isn't (any more) good |
//! | 403 | [`Problem::forbidden`] | a good credential that may not do this |
//! | 404 | [`Problem::not_found`] | no such path, session, user |
//! | 405 | [`Problem::method_not_allowed`] | the path exists, with other methods |
//! | 408 | [`Problem::slow_body`] | the client takes too long to send the body |
//! | 400, 414, 431 | [`Problem::unreadable`] | what hyper can't read as a request |
//! | 413, 414, 431 | [`Problem::too_large`], [`Problem::uri_too_long`], [`Problem::too_many_headers`] | more than the server takes |
//! | 415 | [`Problem::unsupported_media_type`] | a body that doesn't say it is JSON |
//! | 422 | [`Problem::invalid`] | the request can be read, but fields or parameters are wrong: names all of them |
//! | 429 | [`Problem::too_many`] | more than one caller may take |
//! | 409, 422, 500, 503 | `?` on the store's error | see the `From` below |
//!
//! The store being out of reach is always a 503, never a 401: an outage logs nobody out.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::body::{self, Body};
use crate::chain;

/// A response that tells what went wrong: `application/problem+json` (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What the log is told and the client isn't: it may name hosts.
    cause: Option<String>,
}

/// The body of the response.
#[derive(Serialize)]
struct Wire<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// One field of the body, or one parameter, that is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct FieldError {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { field, message }
    }
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// The same, with these headers.
    pub(crate) fn with_all(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "Authentication required: send `Authorization: Bearer <credential>`";
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(crate) fn invalid_credential() -> Self {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        let detail = "The credential is malformed, unknown, expired or revoked";
        Self::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, challenge)
    }

    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn not_found(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn method_not_allowed(allow: HeaderValue) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed").with(ALLOW, allow)
    }

    pub(crate) fn slow_body() -> Self {
        let detail = "The request's body took too long to arrive";
        Self::new(StatusCode::REQUEST_TIMEOUT, detail).closing()
    }

    pub(crate) fn too_large(max_bytes: usize) -> Self {
        let detail = format!("The request's body must be at most {max_bytes} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail).closing()
    }

    pub(crate) fn uri_too_long(max_bytes: usize) -> Self {
        let detail = format!("The request's path and query must be at most {max_bytes} bytes");
        Self::new(StatusCode::URI_TOO_LONG, detail)
    }

    pub(crate) fn too_many_headers(max_fields: usize, max_bytes: usize) -> Self {
        let detail =
            format!("The request's headers must be at most {max_fields} fields, {max_bytes} bytes");
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
    }

    pub(crate) fn too_many(detail: &'static str, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs_f64().ceil() as u64;
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn unreadable(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::URI_TOO_LONG => "The request's path and query are too long",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request's head is too large",
            _ => "The request can't be read as HTTP",
        };
        Self::new(status, detail)
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "The request's body must be JSON: send `Content-Type: application/json`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let lines: Vec<_> = errors
            .iter()
            .map(|error| format!("{}: {}", error.field, error.message))
            .collect();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, lines.join("; "));
        problem.errors = errors;
        problem
    }

    pub(crate) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// For a request that took longer than any may.
    pub(crate) fn timed_out() -> Self {
        Self::unavailable("The request took too long")
    }

    /// What is left of a request whose handler panicked. The panic hook has told the log where.
    pub(crate) fn panicked() -> Self {
        let detail = "The server failed to answer this request";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// The rest of the body is still on its way, so the connection is of no use any more.
    fn closing(self) -> Self {
        self.with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// The same, with a reason for the log.
    pub(crate) fn because(mut self, reason: impl fmt::Display) -> Self {
        self.cause = Some(reason.to_string());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers that go with it, those about its body aside.
    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What only the log is told: why the store failed, why a credential isn't good.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = body::json(self.status, &self.wire());
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, media_type);
        headers.extend(self.headers);
        response
    }

    /// The body alone, for where there is no response to put it into.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        body::to_json(&self.wire())
    }

    fn wire(&self) -> Wire<'_> {
        Wire {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        }
    }
}

impl From<session_store::Error> for Problem {
    fn from(error: session_store::Error) -> Self {
        use session_store::Error;
        match &error {
            Error::Invalid(invalid) => {
                // The store's word for what the contract calls otherwise.
                let field = match invalid.field {
                    "absolute_timeout" => "ttl_seconds",
                    field => field,
                };
                return Self::invalid(vec![FieldError::new(field, &invalid.reason)]);
            }
            Error::Conflict { .. } | Error::LimitReached { .. } => {
                return Self::new(StatusCode::CONFLICT, error.to_string());
            }
            _ => {}
        }
        let mut problem = match error {
            Error::Unavailable(_)
            | Error::Timeout { .. }
            | Error::Refused(_)
            | Error::Full { .. } => Self::unavailable(error.to_string()),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        problem.cause = Some(chain(&error));
        problem
    }
}
