use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Metrics;
use crate::body::Body;
use crate::problem::Problem;
use crate::server::accept;

/// For a scrape's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than any operator has scrapers.
const MAX_CONNECTIONS: usize = 64;

/// Serves the figures on an address of their own. Never ends by itself.
pub(crate) async fn listen(listener: TcpListener, metrics: Arc<Metrics>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _, permit) = accept(&listener, &permits).await;
        while connections.try_join_next().is_some() {}
        let metrics = Arc::clone(&metrics);
        let service = service_fn(move |request| {
            let answer = answer(&metrics, &request);
            async { Ok::<_, Infallible>(answer) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection for metrics ended early");
            }
            drop(permit);
        });
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
