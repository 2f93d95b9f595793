//! What every request passes through on its way to the router and back.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, Entry};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use session_store::SessionStore;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::body::Body;
use crate::client_address::client_address;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::request_id::X_REQUEST_ID;
use crate::router::Router;

/// Answers one request that came from `peer`. Whatever it is, a timeout and a panic included, the
/// answer has a request id, is never cached, and leaves a line in the log.
///
/// This is what `tower-http` has layers for, as one function: the layers together cost more than
/// hyper takes to read the request (a span, a copy of the whole stack, boxes for extensions and
/// bodies), and what they do is little.
pub(crate) async fn answer<S: SessionStore>(
    router: Arc<Router<S>>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let settings = &router.app.settings;
    let requests = &router.app.metrics.requests;
    let _in_flight = requests.begin();
    let (mut parts, body) = request.into_parts();
    hide_credentials(&mut parts.headers);
    let client = client_address(peer, &parts.headers, &settings.proxies);
    let exchange = Exchange::begin(&parts, client, &settings.credentials);
    let origin = settings.cors.allowed(&parts.headers);
    // Pinned here, so that what is wrapped around it moves a pointer and not the whole future.
    let answer = pin!(router.answer(&parts, body, client, &exchange));
    // Nothing is used again that a panic could have left half done.
    let answer = AssertUnwindSafe(answer.instrument(exchange.span())).catch_unwind();
    let mut response = match timeout(settings.limits.request_timeout, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => Problem::panicked().into_response(),
        Err(_elapsed) => Problem::timed_out().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    settings.cors.mark(origin, headers);
    headers.insert(X_REQUEST_ID, exchange.id().clone());
    exchange.log_answer(response.status());
    exchange.count_answer(response.status(), requests);
    Ok(response)
}

/// Keeps credentials out of whatever prints a request's headers.
fn hide_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE] {
        if let Entry::Occupied(mut entry) = headers.entry(name) {
            entry.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}
