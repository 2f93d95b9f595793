//! `POST /sessions/create`: mints a session for a backend, fills in the device for an end user.

use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use session_store::{Device, Error, NewSession, Session, SessionStore, Update, Updated};

use crate::auth::Caller;
use crate::body;
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
    let identity = match caller.as_session() {
        None => Identity::InBody,
        Some(session) => Identity::Of(&session.user_id),
    };
    let fingerprint_required = app.settings.require_device_fingerprint;
    let mut body = CreateBody::parse(&call.body, identity, fingerprint_required)?;
    // The client's own look-up failed, so it is the address that is seen here.
    let address = body.device.ip_address.take();
    body.device.ip_address = address.or_else(|| Some(call.client.to_string()));
    match caller.as_session() {
        None => mint(app, &caller, body).await,
        Some(session) => fill_in(app, &caller, session, body).await,
    }
}

async fn mint<S: SessionStore>(app: &App<S>, caller: &Caller, body: CreateBody) -> Outcome {
    let mut new = NewSession::new(body.user_id);
    new.username = body.username;
    new.role = body.role;
    new.device = body.device;
    new.fingerprint = body.fingerprint;
    new.data = body.data;
    new.absolute_timeout = body.ttl;
    let lasting = body.ttl.unwrap_or(app.store.config().absolute_timeout);
    let created = app.store.create(new).await?;
    let object = CreateObject::created(&created, caller);
    let mut response = body::json(StatusCode::CREATED, &object);
    let location = format!("/sessions/session/{}", created.session.id);
    let location = HeaderValue::try_from(location).expect("ids are visible ASCII");
    response.headers_mut().insert(LOCATION, location);
    if let Some(cookie) = &app.settings.browsers.cookie {
        let cookie = cookie.set(&created.token, lasting);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
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
) -> Result<Option<Updated>, Error> {
    for _ in 1..MAX_ATTEMPTS {
        match app.store.update(&session, fill(&session, body)).await {
            Err(Error::Conflict { .. }) => match app.store.get(session.id).await? {
                Some(fresh) => session = fresh,
                None => return Ok(None),
            },
            outcome => return outcome,
        }
    }
    app.store.update(&session, fill(&session, body)).await
}

/// What the client says, and what was there where it says nothing.
fn fill(session: &Session, body: &CreateBody) -> Update {
    let was = session.device.clone();
    let says = body.device.clone();
    Update {
        device: Some(Device {
            name: says.name.or(was.name),
            device_type: says.device_type.or(was.device_type),
            browser: says.browser.or(was.browser),
            ip_address: says.ip_address.or(was.ip_address),
        }),
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
