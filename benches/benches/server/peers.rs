//! What the server is held against: each runs in a process of its own, as this program with other
//! arguments.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use redis::{AsyncCommands as _, RedisError};
use tokio::net::TcpListener;

use session_benches::Outcome;

/// Runs the peer that the arguments after `--peer` name, for ever.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments {
        [name] if name == "hyper" => runtime.block_on(bare_hyper(false)),
        [name] if name == "hyper-gathering" => runtime.block_on(bare_hyper(true)),
        [name, redis] if name == "hyper-reading" => runtime.block_on(reading_hyper(redis)),
        #[cfg(feature = "peers")]
        [name, redis] if name == "tower-sessions" => runtime.block_on(tower_sessions::serve(redis)),
        other => Err(format!("there is no peer {other:?}").into()),
    }
}

/// Says on standard output where it listens, as the server does.
async fn listen() -> Outcome<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let mut output = std::io::stdout();
    writeln!(output, "listening on http://{}", listener.local_addr()?)?;
    Ok(listener)
}

/// hyper with the server's bounds.
fn http(is_gathering: bool) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .max_buf_size(48 * 1024)
        .pipeline_flush(is_gathering)
        .max_headers(200);
    http
}

/// 300 bytes that are there already.
fn padding() -> Bytes {
    format!(r#"{{"padding":"{}"}}"#, "x".repeat(286)).into()
}

fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// What HTTP costs at least. It may gather the answers to requests that came together.
async fn bare_hyper(is_gathering: bool) -> Outcome {
    let body = padding();
    let answer = service_fn(move |_| {
        let response = json(body.clone());
        async { Ok::<_, Infallible>(response) }
    });
    serve(&http(is_gathering), answer).await
}

/// The same, which reads 300 bytes from Redis for each request, over one connection: what a server
/// costs at least that asks Redis.
async fn reading_hyper(redis: &str) -> Outcome {
    const KEY: &str = "read-by-bare-hyper";
    let client = redis::Client::open(redis)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let () = connection.set(KEY, &padding()[..]).await?;
    let answer = service_fn(move |_| {
        let mut connection = connection.clone();
        async move {
            let read: Vec<u8> = connection.get(KEY).await?;
            Ok::<_, RedisError>(json(read.into()))
        }
    });
    serve(&http(false), answer).await
}

async fn serve<S>(http: &http1::Builder, answer: S) -> Outcome
where
    S: HttpService<Incoming, ResBody = Full<Bytes>, Future: Send> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http.serve_connection(TokioIo::new(stream), answer.clone()));
    }
}

#[cfg(feature = "peers")]
mod tower_sessions {
    use axum::extract::Json;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use serde::{Deserialize, Serialize};
    use session_benches::Outcome;
    use tower_sessions::{Session, SessionManagerLayer};
    use tower_sessions_redis_store::RedisStore;
    use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

    /// What a session holds, and what is answered: as much as the server's session object.
    #[derive(Debug, Deserialize, Serialize)]
    struct Login {
        user_id: u64,
        username: String,
        role: String,
        device_name: String,
        device_type: String,
        browser: String,
        ip_address: String,
    }

    /// axum, the session out of Redis by the cookie, and JSON: what a service with a session middleware
    /// does.
    pub(super) async fn serve(redis: &str) -> Outcome {
        let pool = Pool::new(Config::from_url(redis)?, None, None, None, 6)?;
        pool.connect();
        pool.wait_for_connect().await?;
        let sessions = SessionManagerLayer::new(RedisStore::new(pool)).with_secure(false);
        let app = axum::Router::new()
            .route("/login", post(log_in))
            .route("/me", get(me))
            .layer(sessions);
        axum::serve(super::listen().await?, app).await?;
        Ok(())
    }

    async fn log_in(session: Session, Json(login): Json<Login>) -> Result<StatusCode, StatusCode> {
        let inserted = session.insert("login", login).await;
        inserted.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(StatusCode::CREATED)
    }

    async fn me(session: Session) -> Result<Json<Login>, StatusCode> {
        let login = session.get("login").await;
        let login = login.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        login.map(Json).ok_or(StatusCode::UNAUTHORIZED)
    }
}
