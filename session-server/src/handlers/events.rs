//! Live notice of what happens to a user's sessions.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response};
use session_store::SessionStore;
use tokio::time::Instant;

use super::users;
use crate::auth::Caller;
use crate::live::{Entitled, Feed, Guard, Look, NoticeId};
use crate::problem::Problem;
use crate::router::{App, Call, Outcome};
use crate::wire::Query;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Has nginx pass on what comes as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How long a client waits for the subscription that the first one makes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a client is to wait that found too many others.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// `GET /sessions/events`: server-sent events of the caller's sessions, or for an admin those of
/// `?user_id=`.
pub(crate) async fn events<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    let (user, admins) = match Query::of(&call).text("user_id") {
        None => {
            let user = caller.end_user("say whose sessions to follow with ?user_id=")?;
            (user.clone(), None)
        }
        Some(user) => {
            users::admins_only(app, &caller)?;
            let user = users::user_id(user)?;
            (user, Some(app.settings.credentials.clone()))
        }
    };
    if !app.live.ready(PATIENCE).await {
        return Err(Problem::unavailable("The store's events can't be followed"));
    }
    let mut guard = Guard {
        store: Arc::clone(&app.store),
        entitled: entitled(app, &caller),
        admins,
        staleness: app.settings.staleness,
    };
    let mut users = vec![user.clone()];
    users.extend(caller.user_id().filter(|own| **own != user).cloned());
    let last = call.parts.headers.get(LAST_EVENT_ID);
    let carry_on_from = last.and_then(|last| last.to_str().ok());
    let carry_on_from = carry_on_from.and_then(|last| last.parse::<NoticeId>().ok());
    let own = caller.user_id().cloned();
    let subscription = app.live.subscribe(users, own, carry_on_from);
    let subscription = subscription.ok_or_else(|| {
        let detail = "Too many streams of events are open: close some, or try again later";
        Problem::too_many(detail, RETRY_AFTER)
    })?;
    if guard.begin().await == Look::NotEntitled {
        return Err(Problem::invalid_credential());
    }
    let feed = Feed::new(subscription, guard, user, last.is_some());
    let mut response = Response::new(feed.into_body());
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("text/event-stream");
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// What lets this caller listen.
fn entitled<S: SessionStore>(app: &App<S>, caller: &Caller) -> Entitled {
    match caller {
        Caller::Service => Entitled::Service,
        Caller::Session(session) => Entitled::Session(session.id, None),
        Caller::AccessToken(credential, session) => {
            let left = credential
                .expires_at()
                .saturating_since(SystemTime::now().into());
            let until = Instant::now() + left;
            match session {
                Some(session) => Entitled::Session(session.id, Some(until)),
                None => {
                    let id = app.digester().session_id(credential);
                    Entitled::AccessToken(credential.clone(), id, until)
                }
            }
        }
    }
}
