//! Sessions in a small HTTP service of one's own: log in, ask who is asking, log out.
//!
//! ```text
//! cargo run -p examples --bin embed_in_a_service
//! ```
//!
//! It listens on `LISTEN_ADDR` (127.0.0.1:8080; port 0 picks a free one).

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use examples::{Outcome, redis_options, redis_url};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::{Value, json};
use session_store::{
    Config, Device, Error, MemoryStore, NewSession, RedisStore, RevokeReason, SessionStore, Token,
    UserId,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Outcome {
    match redis_url() {
        None => serve(MemoryStore::new(Config::default())?).await,
        Some(url) => {
            serve(RedisStore::connect(&url, Config::default(), redis_options()).await?).await
        }
    }
}

async fn serve(store: impl SessionStore) -> Outcome {
    let address = std::env::var("LISTEN_ADDR").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");
    println!("try: curl {url}/login -d '{{\"user\": 74, \"device\": \"curl\"}}'");
    println!("     curl {url}/me -H 'Authorization: Bearer <the token>'");
    let store = Arc::new(store);
    loop {
        let (stream, peer) = listener.accept().await?;
        let store = store.clone();
        let service = service_fn(move |request| answer(store.clone(), peer.ip(), request));
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            let connection = http
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // It breaks when the client goes away, which is no business of the service.
            let _ = connection.await;
        });
    }
}

async fn answer<S: SessionStore>(
    store: Arc<S>,
    address: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let outcome = match (request.method(), request.uri().path()) {
        (&Method::POST, "/login") => login(&*store, address, request).await,
        (&Method::GET, "/me") => me(&*store, address, &request).await,
        (&Method::POST, "/logout") => logout(&*store, &request).await,
        (&Method::POST, "/logout-everywhere") => logout_everywhere(&*store, &request).await,
        _ => Err(StatusCode::NOT_FOUND),
    };
    Ok(match outcome {
        Ok(value) => response(StatusCode::OK, &value),
        Err(status) => response(status, &json!({ "detail": status.canonical_reason() })),
    })
}

#[derive(Deserialize)]
struct Login {
    /// A number or a string; it goes out as it came in.
    user: UserId,
    device: Option<String>,
}

/// Whether it really is that user is the service's business: here it would check a password or a
/// passkey, and only then create the session.
async fn login(store: &impl SessionStore, address: IpAddr, request: Request<Incoming>) -> Answer {
    let body = Limited::new(request.into_body(), 4096).collect().await;
    let body = body.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    let login: Login = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let mut new = NewSession::new(login.user);
    new.device = Device {
        name: login.device,
        ip_address: Some(address.to_string()),
        ..Device::default()
    };
    let created = store.create(new).await.map_err(failure)?;
    // The only time that anyone sees the token.
    Ok(json!({ "token": created.token.expose(), "session": created.session.id }))
}

async fn me(store: &impl SessionStore, address: IpAddr, request: &Request<Incoming>) -> Answer {
    let session = store.validate(&bearer(request)?, Some(address)).await;
    let session = session.map_err(failure)?.ok_or(StatusCode::UNAUTHORIZED)?;
    let (user, device) = (&session.user_id, &session.device.name);
    Ok(json!({ "user": user, "session": session.id, "device": device }))
}

async fn logout(store: &impl SessionStore, request: &Request<Incoming>) -> Answer {
    let token = bearer(request)?;
    let ended = store.revoke_token(&token, RevokeReason::Logout).await;
    let ended = ended.map_err(failure)?.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(json!({ "logged_out": ended.id }))
}

async fn logout_everywhere(store: &impl SessionStore, request: &Request<Incoming>) -> Answer {
    let session = store.peek(&bearer(request)?).await.map_err(failure)?;
    let user = session.ok_or(StatusCode::UNAUTHORIZED)?.user_id;
    let all = store.revoke_all(&user, RevokeReason::Logout).await;
    Ok(json!({ "logged_out_count": all.map_err(failure)?.count }))
}

/// What goes back, or the status that says why nothing does.
type Answer = Result<Value, StatusCode>;

/// The token of `Authorization: Bearer <token>`. What can't be one is never asked about.
fn bearer(request: &Request<Incoming>) -> Result<Token, StatusCode> {
    let header = request.headers().get(AUTHORIZATION);
    let text = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = text.and_then(|text| Token::parse(text).ok());
    token.ok_or(StatusCode::UNAUTHORIZED)
}

/// A store that fails says nothing about any session. A client that were told 401 would throw its
/// token away, and an outage would log everyone out: it is told to try again.
fn failure(error: Error) -> StatusCode {
    match error {
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn response(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}
