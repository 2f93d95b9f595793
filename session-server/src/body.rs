//! Request and response bodies: bounded on the way in, JSON on the way out.

use std::convert::Infallible;
use std::time::Duration;

use http::header::{CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use serde::Serialize;
use tokio::time::timeout;

use crate::problem::Problem;

/// The body of every response: whole, or a stream.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// The most bytes of a request's body: `data` at its bound, the other fields, and JSON's escapes.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// How much of what is too large is read and thrown away. Answering while a client still
/// sends makes the operating system reset the connection, and the client never sees the answer;
/// reading on for ever would be no bound.
pub(crate) const MAX_DISCARDED_BYTES: usize = 4 * 1024 * 1024;

/// Reads the whole body of a request.
pub(crate) async fn read(
    mut body: Incoming,
    headers: &HeaderMap,
    patience: Duration,
) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // In a box of its own: most requests have no body, and shouldn't carry the room for this.
    Box::pin(async {
        let collected = timeout(patience, collect(&mut body)).await;
        match collected.map_err(|_| Problem::slow_body())? {
            Err(TooLarge) => {
                // Who asks before sending is simply told no.
                if !headers.contains_key(EXPECT) {
                    let _ = timeout(patience, discard(&mut body)).await;
                }
                Err(Problem::too_large(MAX_BYTES))
            }
            Ok(read) => read,
        }
    })
    .await
}

struct TooLarge;

async fn collect(body: &mut Incoming) -> Result<Result<Bytes, Problem>, TooLarge> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_BYTES {
        return Err(TooLarge);
    }
    let mut bytes = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let detail = "The request's body is malformed or incomplete";
            return Ok(Err(Problem::bad_request(detail)));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > MAX_BYTES {
            return Err(TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Ok(bytes.into()))
}

async fn discard(body: &mut Incoming) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DISCARDED_BYTES {
            break;
        }
    }
}

/// A response with a JSON body.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    json_text(status, to_json(value))
}

/// The same, of what is JSON already.
pub(crate) fn json_text(status: StatusCode, json: impl Into<Bytes>) -> Response<Body> {
    let mut response = whole(json);
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // A session object fits.
    let mut json = Vec::with_capacity(512);
    serde_json::to_writer(&mut json, value)
        .expect("wire types have string keys, so they serialise");
    json
}

/// A response with a whole body, of a media type that is still to be said.
pub(crate) fn whole(body: impl Into<Bytes>) -> Response<Body> {
    Response::new(Body::Left(Full::new(body.into())))
}

/// A response without a body.
pub(crate) fn empty() -> Response<Body> {
    whole(Bytes::new())
}
