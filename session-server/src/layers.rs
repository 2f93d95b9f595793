//! What every request passes through on its way to the router and back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Bytes, Incoming};
use percent_encoding::percent_decode_str;
use session_store::{SessionStore, Token};
use tower::{BoxError, Service, ServiceBuilder, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use crate::config::Credentials;
use crate::problem;
use crate::router::Router;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_CHARS: usize = 128;

/// The router behind its middleware, outermost first: whatever an inner layer answers, a timeout or
/// a panic included, leaves with a request id and is never cached.
pub(crate) fn wrap<S: SessionStore>(
    router: Arc<Router<S>>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<impl Body<Data = Bytes, Error = BoxError> + Send + 'static>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let settings = &router.app.settings;
    let request_timeout = settings.limits.request_timeout;
    let credentials = settings.credentials.clone();
    let no_store = HeaderValue::from_static("no-store");
    ServiceBuilder::new()
        .map_request(drop_odd_request_id)
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, no_store))
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(move |request: &Request<_>| request_span(request, &credentials))
                .on_request(())
                .on_response(log_response)
                .on_body_chunk(())
                .on_eos(())
                .on_failure(()),
        )
        .layer(CatchPanicLayer::custom(problem::panicked))
        .map_response(problem::explain_timeout)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            request_timeout,
        ))
        .service(service_fn(move |request| {
            let router = Arc::clone(&router);
            async move { Ok(router.answer(request).await) }
        }))
}

/// Takes over a caller's own request id only where it is fit for a log line and a header.
fn drop_odd_request_id<B>(mut request: Request<B>) -> Request<B> {
    let mut ids = request.headers().get_all(X_REQUEST_ID).iter();
    let sane = match (ids.next(), ids.next()) {
        (Some(id), None) => is_sane(id.as_bytes()),
        _ => false,
    };
    if !sane {
        request.headers_mut().remove(X_REQUEST_ID);
    }
    request
}

fn is_sane(id: &[u8]) -> bool {
    (1..=MAX_REQUEST_ID_CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// The fields of the one line that each request leaves in the log. An error's span, so that no log
/// level leaves a warning without them.
fn request_span<B>(request: &Request<B>, credentials: &Credentials) -> Span {
    let id = request.headers().get(X_REQUEST_ID);
    tracing::error_span!(
        "request",
        method = %request.method(),
        path = loggable(request.uri().path(), credentials),
        request_id = id.and_then(|id| id.to_str().ok()),
        caller = field::Empty,
        session_id = field::Empty,
    )
}

/// The path, but for what somebody may have put there by mistake: a credential in place of an id.
fn loggable(path: &str, credentials: &Credentials) -> String {
    const MAX_CHARS: usize = 300;
    let segments = path.split('/').map(|segment| {
        let decoded = percent_decode_str(segment).decode_utf8_lossy();
        match decoded.split(' ').any(|word| is_secret(word, credentials)) {
            true => "(a credential)",
            false => segment,
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    path.chars().take(MAX_CHARS).collect()
}

fn is_secret(word: &str, credentials: &Credentials) -> bool {
    // How every access token begins: `{"` in base64.
    word.starts_with("eyJ") || Token::parse(word).is_ok() || credentials.service_key(word).is_some()
}

fn log_response<B>(response: &Response<B>, latency: Duration, _: &Span) {
    tracing::info!(
        status = response.status().as_u16(),
        latency_ms = (latency.as_secs_f64() * 1e6).round() / 1e3,
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServiceKey;

    #[test]
    fn a_credential_in_the_path_stays_out_of_the_log() {
        let (token, key) = ("A".repeat(61), "k".repeat(32));
        let credentials = Credentials {
            service_keys: vec![ServiceKey::parse(&format!("web:{key}")).expect("it is good")],
            admin_roles: Vec::new(),
        };
        for secret in [
            token.clone(),
            key,
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln".to_owned(),
            token.replace('A', "%41"),
            format!("Bearer%20{token}"),
        ] {
            let path = loggable(&format!("/sessions/session/{secret}"), &credentials);
            assert_eq!(path, "/sessions/session/(a credential)");
        }
        let path = "/sessions/user/u%2074";
        assert_eq!(loggable(path, &credentials), path);
    }

    #[test]
    fn a_request_id_is_short_and_visible() {
        assert!(is_sane(b"req-1"));
        assert!(!is_sane(b""));
        assert!(!is_sane(b"a b"));
        assert!(!is_sane(&[b'a'; MAX_REQUEST_ID_CHARS + 1]));
    }
}
