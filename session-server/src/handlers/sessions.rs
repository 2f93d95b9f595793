//! A user's own sessions, and single ones by their id.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;
use session_store::{Error, RevokeReason, Session, SessionId, SessionStore};

use crate::auth::Caller;
use crate::body::{self, Body};
use crate::problem::Problem;
use crate::router::{App, Call, Outcome};
use crate::wire::{self, Query, SessionObject};

pub(crate) use super::create::create;

const BY_USER: &str = "use /sessions/user/{user_id}";
const BY_ID: &str = "use /sessions/session/{id}";

/// `GET /sessions/my-sessions`
pub(crate) async fn mine<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    let user = caller.end_user(BY_USER)?;
    let list = Query::of(&call).list()?;
    let page = app.store.list(user, list).await?;
    Ok(wire::page(
        "/sessions/my-sessions",
        list,
        &page,
        &caller,
        call.exchange,
    ))
}

/// `GET /sessions/session/{id}`
pub(crate) async fn get<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    let session = app.store.get(session_id(&call)?).await?;
    let session = session.ok_or_else(session_not_found)?;
    if !owns(&caller, &session) && !caller.is_admin(app) {
        let detail = "You don't have permission to view this session";
        return Err(Problem::forbidden(detail));
    }
    let object = SessionObject::live(&session, &caller);
    Ok(body::json(StatusCode::OK, &object))
}

/// `DELETE /sessions/session/{id}`
pub(crate) async fn delete<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    let id = session_id(&call)?;
    let reason = match app.store.get(id).await {
        Ok(None) => return Err(session_not_found()),
        Ok(Some(session)) if owns(&caller, &session) => RevokeReason::Logout,
        // An admin may end a session whose record nobody can read.
        Ok(Some(_)) | Err(Error::Record { .. }) if caller.is_admin(app) => RevokeReason::Revoked,
        Ok(Some(_)) => {
            let detail = "You don't have permission to delete this session";
            return Err(Problem::forbidden(detail));
        }
        Err(error) => return Err(error.into()),
    };
    match app.store.revoke(id, reason).await {
        Ok(None) => Err(session_not_found()),
        // It has ended all the same.
        Ok(Some(_)) | Err(Error::Record { .. }) => {
            let done = done("Session deleted successfully");
            let is_own = caller.as_session().is_some_and(|session| session.id == id);
            Ok(if is_own { forgotten(app, done) } else { done })
        }
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /sessions/logout`
pub(crate) async fn logout<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let outcome = end_own(app, &call).await;
    outcome.map_err(|problem| over(app, &call, problem))
}

async fn end_own<S: SessionStore>(app: &App<S>, call: &Call<'_>) -> Outcome {
    let caller = Caller::of(app, call).await?;
    let session = caller.own_session(BY_ID)?;
    // By the id, which outlives the token: a rotation in flight can't rescue the session.
    let ended = app.store.revoke(session.id, RevokeReason::Logout).await?;
    match ended {
        Some(_) => Ok(forgotten(app, done("Current session closed successfully"))),
        None => Err(Problem::not_found("No active session found")),
    }
}

/// `DELETE /sessions/logout-all`
pub(crate) async fn logout_all<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let outcome = end_all_own(app, &call).await;
    outcome.map_err(|problem| over(app, &call, problem))
}

async fn end_all_own<S: SessionStore>(app: &App<S>, call: &Call<'_>) -> Outcome {
    let caller = Caller::of(app, call).await?;
    let user = caller.end_user(BY_USER)?;
    let keeps_current = Query::of(call).flag("exclude_current")?;
    if keeps_current {
        let id = caller
            .session_id(app)
            .ok_or_else(Problem::invalid_credential)?;
        match app.store.revoke_others(id, RevokeReason::Logout).await? {
            Some(count) => return Ok(wire::logged_out(count)),
            None if caller.as_session().is_some() => return Err(Problem::invalid_credential()),
            // An access token may have no session: then all are others.
            None => {}
        }
    }
    let all = app.store.revoke_all(user, RevokeReason::Logout).await?;
    let answer = wire::logged_out(all.count);
    Ok(if keeps_current {
        answer
    } else {
        forgotten(app, answer)
    })
}

/// `GET /sessions/active-devices-count`
pub(crate) async fn count<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    let user = caller.end_user(BY_USER)?;
    let count = app.store.count(user).await?;
    // Two documents name the field differently.
    let both = json!({"active_devices": count, "count": count});
    Ok(body::json(StatusCode::OK, &both))
}

/// `POST /sessions/update-activity`
pub(crate) async fn update_activity<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    let current = caller.own_session(BY_ID)?;
    let touched = app.store.touch(current.id, Some(call.client)).await?;
    // It has ended since the credential was looked at.
    let session = touched.ok_or_else(Problem::invalid_credential)?;
    let object = SessionObject::live(&session, &caller);
    Ok(body::json(StatusCode::OK, &object))
}

fn session_id(call: &Call<'_>) -> Result<SessionId, Problem> {
    let id = call.decoded_segment().and_then(|id| id.parse().ok());
    id.ok_or_else(session_not_found)
}

fn session_not_found() -> Problem {
    Problem::not_found("Session not found")
}

fn owns(caller: &Caller, session: &Session) -> bool {
    caller.user_id() == Some(&session.user_id)
}

/// Has the browser forget a session that is over, where the operator says so.
fn forgotten<S>(app: &App<S>, mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().extend(forgetting(app));
    response
}

fn forgetting<S>(app: &App<S>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let browsers = &app.settings.browsers;
    let cookie = browsers.cookie.as_ref();
    let cookie = cookie.map(|cookie| (SET_COOKIE, cookie.clear()));
    let all = browsers.clear_site_data.then(|| {
        let all = HeaderValue::from_static(r#""cache", "cookies", "storage""#);
        (HeaderName::from_static("clear-site-data"), all)
    });
    cookie.into_iter().chain(all)
}

/// A logout with a credential that is no longer good: the browser is to forget it all the same.
fn over<S>(app: &App<S>, call: &Call<'_>, problem: Problem) -> Problem {
    let headers = &call.parts.headers;
    let came = headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE);
    match problem.status() {
        StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND if came => {
            problem.with_all(forgetting(app))
        }
        _ => problem,
    }
}

fn done(message: &str) -> Response<Body> {
    let done = json!({"success": true, "message": message});
    body::json(StatusCode::OK, &done)
}
