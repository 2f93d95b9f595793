use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Metrics;
use crate::body::Body;
use crate::problem::Problem;

/// For a scrape's head, and where the operating system has no more file descriptors.
const PATIENCE: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// More than any operator has scrapers.
const MAX_CONNECTIONS: usize = 64;

/// Serves the figures on an address of their own. Never ends by itself.
pub(crate) async fn listen(listener: TcpListener, metrics: Arc<Metrics>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "can't accept connections for metrics");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        if connections.len() >= MAX_CONNECTIONS {
            let _ = connections.join_next().await;
        }
        let metrics = Arc::clone(&metrics);
        let service = service_fn(move |request| {
            let answer = answer(&metrics, &request);
            async { Ok::<_, Infallible>(answer) }
        });
        connections.spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(metrics: &Metrics, request: &Request<Incoming>) -> Response<Body> {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/metrics" if is_get => metrics.page(),
        "/metrics" => {
            let allow = http::HeaderValue::from_static("GET, HEAD");
            Problem::method_not_allowed(allow).into_response()
        }
        _ => Problem::not_found("Not Found").into_response(),
    }
}
