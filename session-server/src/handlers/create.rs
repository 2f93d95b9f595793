//! `POST /sessions/create`: mints a session for a backend; for an end user, begins that of an access
//! token, or fills in the device.

use std::net::IpAddr;

use futures_util::future::try_join;
use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use session_store::{
    Admission, CreatedFor, Credential, Error, NewSession, Session, SessionStore, Subject, Update,
    Updated, UserId,
};

use crate::auth::Caller;
use crate::body::{self, Body};
use crate::config::{Allowance, FingerprintChange};
use crate::handlers::device;
use crate::problem::Problem;
use crate::router::{App, Call, Outcome};
use crate::wire::{CreateBody, CreateObject, Identity};

/// How often a fill-in starts anew when others update the same session meanwhile. Each time that it
/// has to, another one has come through: that many may run at once.
const MAX_ATTEMPTS: usize = 25;

/// `POST /sessions/create`
pub(crate) async fn create<S: SessionStore>(app: &App<S>, call: Call<'_>) -> Outcome {
    let caller = Caller::of(app, &call).await?;
    check_media_type(&call.parts.headers)?;
    let identity = match caller.user_id() {
        None => Identity::InBody,
        Some(user) => Identity::Of(user),
    };
    let fingerprint_required = app.settings.require_device_fingerprint;
    let mut body = CreateBody::parse(&call.body, identity, fingerprint_required)?;
    let says = body.device.ip_address.take();
    let client = match caller {
        // What a backend doesn't know of its client can't be counted.
        Caller::Service => says.as_deref().and_then(|address| address.parse().ok()),
        Caller::Session(_) | Caller::AccessToken(..) => Some(call.client),
    };
    // The client's own look-up failed, so it is the address that is seen here.
    body.device.ip_address = says.or_else(|| Some(call.client.to_string()));
    body.seen = device::seen(&caller, &call, &body).await;
    match &caller {
        Caller::Service => {
            admit(app, &body.user_id, client).await?;
            mint(app, &caller, body).await
        }
        Caller::Session(session) | Caller::AccessToken(_, Some(session)) => {
            fill_in(app, &caller, session, body).await
        }
        Caller::AccessToken(credential, None) => {
            admit(app, &credential.user_id, client).await?;
            begin(app, &caller, credential, body).await
        }
    }
}

async fn mint<S: SessionStore>(app: &App<S>, caller: &Caller, body: CreateBody) -> Outcome {
    let lasting = body.ttl.unwrap_or(app.store.config().absolute_timeout);
    let created = app.store.create(new_session(body)).await?;
    let object = CreateObject::minted(&created, caller);
    let mut response = created_at(&created.session, &object);
    if let Some(cookie) = &app.settings.browsers.cookie {
        let cookie = cookie.set(&created.token, lasting);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The session of an access token, which stays the client's credential.
async fn begin<S: SessionStore>(
    app: &App<S>,
    caller: &Caller,
    credential: &Credential,
    body: CreateBody,
) -> Outcome {
    let new = new_session(body.clone());
    let session = match app.store.create_for(credential, new).await? {
        CreatedFor::Begun(created) => {
            let caller = caller.with(created.session.clone());
            let object = CreateObject::begun(&created, &caller);
            return Ok(created_at(&created.session, &object));
        }
        // Somebody was faster: clients call this twice.
        CreatedFor::Stands(session) => session,
        CreatedFor::Over => return Err(Problem::invalid_credential()),
    };
    let caller = caller.with(session.clone());
    fill_in(app, &caller, &session, body).await
}

/// Counts a session for its user, and for where the client is.
async fn admit<S: SessionStore>(
    app: &App<S>,
    user: &UserId,
    address: Option<IpAddr>,
) -> Result<(), Problem> {
    let rates = &app.settings.rates;
    let by_user = admitted(app, Some(Subject::User(user)), rates.create_rate_per_user);
    let by_address = admitted(
        app,
        address.map(Subject::Address),
        rates.create_rate_per_address,
    );
    // Side by side: they travel together.
    let (by_user, by_address) = try_join(by_user, by_address).await?;
    match (by_user, by_address) {
        (Admission::Wait(wait), _) => Err(Problem::too_many(
            "Too many sessions are being created for this user",
            wait,
        )),
        (_, Admission::Wait(wait)) => Err(Problem::too_many(
            "Too many sessions are being created from this address",
            wait,
        )),
        _ => Ok(()),
    }
}

async fn admitted<S: SessionStore>(
    app: &App<S>,
    subject: Option<Subject<'_>>,
    allowance: Allowance,
) -> Result<Admission, Error> {
    match (subject, allowance.0) {
        (Some(subject), Some(rate)) => app.store.admit(subject, rate).await,
        _ => Ok(Admission::Admitted),
    }
}

fn new_session(body: CreateBody) -> NewSession {
    let mut new = NewSession::new(body.user_id);
    new.username = body.username;
    new.role = body.role;
    new.device = device::or(body.device, body.seen);
    new.fingerprint = body.fingerprint;
    new.data = body.data;
    new.absolute_timeout = body.ttl;
    new
}

/// The answer to a create, and where the session is from now on.
fn created_at(session: &Session, object: &CreateObject<'_>) -> Response<Body> {
    let mut response = body::json(StatusCode::CREATED, object);
    let location = format!("/sessions/session/{}", session.id);
    let location = HeaderValue::try_from(location).expect("ids are visible ASCII");
    response.headers_mut().insert(LOCATION, location);
    response
}

async fn fill_in<S: SessionStore>(
    app: &App<S>,
    caller: &Caller,
    session: &Session,
    body: CreateBody,
) -> Outcome {
    let updated = update_device(app, session.clone(), &body).await?;
    // It has ended since the credential was looked at.
    let updated = updated.ok_or_else(Problem::invalid_credential)?;
    let object = CreateObject::updated(&updated, caller);
    Ok(body::json(StatusCode::OK, &object))
}

async fn update_device<S: SessionStore>(
    app: &App<S>,
    mut session: Session,
    body: &CreateBody,
) -> Result<Option<Updated>, Problem> {
    let mut attempt = 1;
    loop {
        check_fingerprint(app, &session, body)?;
        match app.store.update(&session, fill(&session, body)).await {
            Err(Error::Conflict { .. }) if attempt < MAX_ATTEMPTS => attempt += 1,
            outcome => return Ok(outcome?),
        }
        match app.store.get(session.id).await? {
            Some(fresh) => session = fresh,
            None => return Ok(None),
        }
    }
}

/// Where a session is to stay on its device, another one isn't taken for it. The update is of the very
/// session that was looked at, or none.
fn check_fingerprint<S: SessionStore>(
    app: &App<S>,
    session: &Session,
    body: &CreateBody,
) -> Result<(), Problem> {
    let refuses = app.settings.fingerprint_change == FingerprintChange::Refuse;
    if let (true, Some(is), Some(says)) = (refuses, session.fingerprint, &body.fingerprint)
        && app.digester().fingerprint(&session.user_id, says) != is
    {
        let detail = "This session belongs to another device: log in anew";
        return Err(Problem::forbidden(detail));
    }
    Ok(())
}

/// What the client says, what was there where it says nothing, and what is seen where neither has it.
fn fill(session: &Session, body: &CreateBody) -> Update {
    let kept = device::or(body.device.clone(), session.device.clone());
    Update {
        device: Some(device::or(kept, body.seen.clone())),
        fingerprint: body.fingerprint.clone(),
        ..Update::default()
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    if is_json {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type())
    }
}
