//! Another user's sessions, for admins. The checks come in the documented order: credential, admin,
//! user known, own id.

use session_store::{List, RevokeReason, SessionStore, UserId};

use crate::auth::Caller;
use crate::problem::{FieldError, Problem};
use crate::router::{App, Call, Outcome};
use crate::wire::{self, Query};

/// `GET /sessions/user/{user_id}`
pub(crate) async fn list<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let (caller, user) = admin_and_user(app, &call).await?;
    let list = Query::of(&call).list()?;
    let page = app.store.list(&user, list).await?;
    if !page.known_user {
        return Err(user_not_found());
    }
    refuse_own_id(&caller, &user)?;
    Ok(wire::page(
        &wire::user_path(&user),
        list,
        &page,
        &caller,
        call.exchange,
    ))
}

/// `DELETE /sessions/user/{user_id}`
pub(crate) async fn delete<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let (caller, user) = admin_and_user(app, &call).await?;
    if caller.user_id() == Some(&user) {
        let list = List {
            limit: 1,
            ..List::default()
        };
        if app.store.list(&user, list).await?.known_user {
            refuse_own_id(&caller, &user)?;
        }
        return Err(user_not_found());
    }
    let revoked = app.store.revoke_all(&user, RevokeReason::Revoked).await?;
    // Nothing can have ended then.
    if !revoked.known_user {
        return Err(user_not_found());
    }
    Ok(wire::logged_out(revoked.count))
}

async fn admin_and_user<S: SessionStore>(
    app: &App<S>,
    call: &Call<'_>,
) -> Result<(Caller, UserId), Problem> {
    let caller = Caller::of(app, call).await?;
    admins_only(app, &caller)?;
    let text = call.decoded_segment();
    let user = text.ok_or_else(|| invalid_user_id("must be UTF-8"));
    Ok((caller, user_id(user?)?))
}

pub(crate) fn admins_only<S>(app: &App<S>, caller: &Caller) -> Result<(), Problem> {
    if caller.is_admin(app) {
        return Ok(());
    }
    let detail = "Only admins can view other users' sessions";
    Err(Problem::forbidden(detail))
}

pub(crate) fn user_id(text: String) -> Result<UserId, Problem> {
    UserId::new(text).map_err(|error| invalid_user_id(error.to_string()))
}

fn invalid_user_id(message: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldError::new("user_id", message)])
}

fn refuse_own_id(caller: &Caller, user: &UserId) -> Result<(), Problem> {
    if caller.user_id() == Some(user) {
        let detail = "Use /my-sessions endpoint for your own sessions";
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

fn user_not_found() -> Problem {
    Problem::not_found("User not found")
}
