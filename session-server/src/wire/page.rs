//! Lists, and how many sessions ended.

use form_urlencoded::Serializer;
use http::header::LINK;
use http::{HeaderValue, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use session_store::{Cursor, List, Page, UserId};

use super::SessionObject;
use crate::auth::Caller;
use crate::body::{self, Body};
use crate::exchange::Exchange;

/// A page of sessions as a bare array, newest first, with a link to the next one.
pub(crate) fn page(
    path: &str,
    list: List,
    page: &Page,
    caller: &Caller,
    exchange: &Exchange<'_>,
) -> Response<Body> {
    for unreadable in &page.unreadable {
        exchange.log_unreadable(unreadable);
    }
    let live = page.sessions.iter();
    let live = live.map(|session| SessionObject::live(session, caller));
    let ended = page.ended.iter().map(SessionObject::ended);
    let mut objects: Vec<_> = live.chain(ended).collect();
    objects.sort_by_key(SessionObject::age);
    let mut response = body::json(StatusCode::OK, &objects);
    if let Some(next) = page.next {
        let link = next_link(path, list, next);
        response.headers_mut().insert(LINK, link);
    }
    response
}

fn next_link(path: &str, list: List, next: Cursor) -> HeaderValue {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &list.limit.to_string());
    query.append_pair("cursor", &next.to_string());
    if list.include_ended {
        query.append_pair("include_inactive", "true");
    }
    let link = format!("<{path}?{}>; rel=\"next\"", query.finish());
    HeaderValue::try_from(link).expect("path and query are percent-encoded")
}

/// The path of a user's sessions.
pub(crate) fn user_path(user: &UserId) -> String {
    let user = utf8_percent_encode(user.as_str(), NON_ALPHANUMERIC);
    format!("/sessions/user/{user}")
}

/// What ending several sessions answers.
pub(crate) fn logged_out(count: u64) -> Response<Body> {
    let message = format!("{count} sessions deleted successfully");
    let done = json!({"success": true, "message": message, "logged_out_count": count});
    body::json(StatusCode::OK, &done)
}
