//! What every request passes through on its way to the router and back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Bytes, Incoming};
use session_store::{SessionStore, Token};
use tower::{BoxError, Service, ServiceBuilder, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use crate::problem;
use crate::router::Router;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_CHARS: usize = 128;

/// The router behind its middleware, outermost first: whatever an inner layer answers, a timeout or
/// a panic included, leaves with a request id and is never cached.
pub(crate) fn wrap<S: SessionStore>(
    router: Arc<Router<S>>,
    request_timeout: Duration,
) -> impl Service<
    Request<Incoming>,
    Response = Response<impl Body<Data = Bytes, Error = BoxError> + Send + 'static>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let no_store = HeaderValue::from_static("no-store");
    ServiceBuilder::new()
        .map_request(drop_odd_request_id)
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, no_store))
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
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
fn request_span<B>(request: &Request<B>) -> Span {
    let id = request.headers().get(X_REQUEST_ID);
    tracing::error_span!(
        "request",
        method = %request.method(),
        path = loggable(request.uri().path()),
        request_id = id.and_then(|id| id.to_str().ok()),
        caller = field::Empty,
        session_id = field::Empty,
    )
}

/// The path, but for what somebody may have put there by mistake: a token in place of an id.
fn loggable(path: &str) -> String {
    const MAX_CHARS: usize = 300;
    let segments = path.split('/').map(|segment| match Token::parse(segment) {
        Ok(_) => "(a token)",
        Err(_) => segment,
    });
    let path = segments.collect::<Vec<_>>().join("/");
    path.chars().take(MAX_CHARS).collect()
}

fn log_response<B>(response: &Response<B>, latency: Duration, _: &Span) {
    tracing::info!(
        status = response.status().as_u16(),
        latency_ms = latency.as_secs_f64() * 1000.0,
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_path_stays_out_of_the_log() {
        let token = "A".repeat(61);
        let path = loggable(&format!("/sessions/session/{token}"));
        assert_eq!(path, "/sessions/session/(a token)");
    }

    #[test]
    fn a_request_id_is_short_and_visible() {
        assert!(is_sane(b"req-1"));
        assert!(!is_sane(b""));
        assert!(!is_sane(b"a b"));
        assert!(!is_sane(&[b'a'; MAX_REQUEST_ID_CHARS + 1]));
    }
}
