use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use session_store::SessionStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::answer::answer;
use crate::body;
use crate::config::Settings;
use crate::io::WriteDeadline;
use crate::jwt::follow_keys;
use crate::live::{Hub, follow};
use crate::metrics::{Measured, Metrics, listen};
use crate::openapi;
use crate::refusal::ExplainRefusals;
use crate::router::{App, Router};

/// Where hyper gives up on a request's head; the router's own bounds, which answer with a reason,
/// come first: all of them together are less.
const MAX_HEAD_BYTES: usize = 48 * 1024;
const MAX_HEADER_FIELDS: usize = 200;

/// How long to wait when the operating system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `store` to whoever connects to `listener`, until `shutdown` resolves.
///
/// Then no further connection is accepted, idle ones are closed, and requests in flight are
/// finished; what is still going on after
/// [`Limits::shutdown_timeout`](crate::config::Limits::shutdown_timeout) is dropped.
///
/// The operator's figures are served on `metrics_listener`; on `listener` where it is `None`.
///
/// # Cancel safety
///
/// Dropping the future drops every connection, whatever it is doing.
pub async fn serve<S: SessionStore>(
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    store: S,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) {
    let limits = settings.limits.clone();
    let live = Arc::new(Hub::new(max_listeners(limits.max_connections)));
    let has_near_cache = store.status().near_cache.is_some();
    let metrics = Arc::new(Metrics::new(has_near_cache));
    let store = Measured::new(store, Arc::clone(&metrics.operations));
    let store = Arc::new(store);
    metrics.look_at({
        let (store, live) = (Arc::clone(&store), Arc::clone(&live));
        move || (store.status(), live.listeners())
    });
    // Ends with this function.
    let mut background = JoinSet::new();
    background.spawn(follow(Arc::clone(&store), Arc::clone(&live)));
    let access_tokens = settings.access_tokens.clone();
    let description = body::to_json(&openapi::document(&settings)).into();
    let app = App {
        store,
        settings,
        live: Arc::clone(&live),
        metrics: Arc::clone(&metrics),
        metrics_elsewhere: metrics_listener.is_some(),
        description,
    };
    if let Some(tokens) = access_tokens {
        background.spawn(follow_keys(tokens));
    }
    if let Some(listener) = metrics_listener {
        background.spawn(listen(listener, Arc::clone(&metrics)));
    }
    let router = Arc::new(Router::new(app));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADER_FIELDS);

    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer, permit) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &permits) => accepted,
        };
        // On a dual-stack socket an IPv4 client shows as ::ffff:192.0.2.1.
        let peer = peer.ip().to_canonical();
        let connected = metrics.requests.connected();
        let router = Arc::clone(&router);
        let service = service_fn(move |request| answer(Arc::clone(&router), peer, request));
        let io = WriteDeadline::new(stream, limits.request_timeout);
        let io = ExplainRefusals::new(io, limits.header_timeout);
        let connection = http.serve_connection(TokioIo::new(io), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((permit, connected));
        });
    }
    drop(listener);
    // These requests would never be finished.
    live.close();
    finish(graceful, limits.shutdown_timeout).await;
}

/// How many connections may be streams of events: the others are for requests that end.
fn max_listeners(max_connections: usize) -> usize {
    max_connections - max_connections.div_ceil(4)
}

/// The next connection, once there is room for it: until then it waits in the operating system's
/// queue.
pub(crate) async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written at once as a whole: there is nothing to gather.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "can't accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn finish(graceful: GracefulShutdown, patience: Duration) {
    tracing::info!(connections = graceful.count(), "shutting down");
    if timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running when the time to shut down ran out");
    }
}
