//! The device of a session: what the client says, and what its `User-Agent` tells where it says nothing.

use http::HeaderValue;
use http::header::USER_AGENT;
use session_store::Device;

use crate::auth::Caller;
use crate::router::Call;
use crate::user_agent;
use crate::wire::CreateBody;

/// What the browser's `User-Agent` tells, where neither the body nor the caller's session says all of it.
pub(super) async fn seen(caller: &Caller, call: &Call<'_>, body: &CreateBody) -> Device {
    let was = caller.as_session().map(|session| session.device.clone());
    let said = or(body.device.clone(), was.unwrap_or_default());
    let is_complete = said.name.is_some() && said.device_type.is_some() && said.browser.is_some();
    match agent(caller, call, body) {
        Some(agent) if !is_complete => user_agent::device(agent).await,
        _ => Device::default(),
    }
}

fn agent<'a>(caller: &Caller, call: &'a Call<'_>, body: &'a CreateBody) -> Option<&'a [u8]> {
    match caller {
        // The request's own is the backend's, which may pass on what the browser has sent.
        Caller::Service => body.user_agent.as_deref().map(str::as_bytes),
        Caller::Session(_) | Caller::AccessToken(..) => {
            let header = call.parts.headers.get(USER_AGENT);
            header.map(HeaderValue::as_bytes)
        }
    }
}

/// The one, and what the other has where it has nothing.
pub(super) fn or(device: Device, other: Device) -> Device {
    Device {
        name: device.name.or(other.name),
        device_type: device.device_type.or(other.device_type),
        browser: device.browser.or(other.browser),
        ip_address: device.ip_address.or(other.ip_address),
    }
}
