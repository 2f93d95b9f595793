//! The session object, on its way out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use serde_json::Value;
use session_store::{
    Created, Device, EndReason, EndedSession, Session, SessionId, Timestamp, Updated, UserId,
};

use crate::auth::Caller;

/// A session as the contract shows it, live or ended. The token and the fingerprint have no field
/// here.
#[derive(Debug, Serialize)]
pub(crate) struct SessionObject<'a> {
    id: SessionId,
    user_id: &'a UserId,
    username: Option<&'a str>,
    role: Option<&'a str>,
    device_name: Option<&'a str>,
    device_type: Option<&'a str>,
    browser: Option<&'a str>,
    ip_address: Option<&'a str>,
    /// Whether the user's device was new when the session came onto it.
    new_device: Option<bool>,
    /// Whether the session has moved from one device to another.
    device_changed: Option<bool>,
    #[serde(serialize_with = "rfc3339")]
    pub(super) created_at: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    last_activity: Timestamp,
    #[serde(serialize_with = "rfc3339_or_null")]
    expires_at: Option<Timestamp>,
    is_active: bool,
    current: bool,
    /// What the service keeps with the session: its owner's business and the service's.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(flatten)]
    end: Option<End>,
}

#[derive(Debug, Serialize)]
struct End {
    #[serde(serialize_with = "rfc3339")]
    ended_at: Timestamp,
    #[serde(serialize_with = "word")]
    end_reason: EndReason,
}

impl<'a> SessionObject<'a> {
    /// A live session, as `caller` may see it.
    pub(crate) fn live(session: &'a Session, caller: &Caller) -> Self {
        let is_owner = caller.user_id() == Some(&session.user_id);
        let shows_data = is_owner || caller.is_service();
        let asking = caller.as_session().map(|session| session.id);
        Self {
            username: session.username.as_deref(),
            role: session.role.as_deref(),
            created_at: session.created_at,
            last_activity: session.last_activity,
            expires_at: Some(session.expires_at),
            new_device: session.new_device,
            device_changed: Some(session.device_changed),
            is_active: true,
            current: asking == Some(session.id),
            data: shows_data.then(|| data(session)),
            ..Self::of_device(session.id, &session.user_id, &session.device)
        }
    }

    /// A session that has ended.
    pub(crate) fn ended(session: &'a EndedSession) -> Self {
        Self {
            username: session.username.as_deref(),
            role: session.role.as_deref(),
            created_at: session.created_at,
            last_activity: session.last_activity,
            end: Some(End {
                ended_at: session.ended_at,
                end_reason: session.reason,
            }),
            ..Self::of_device(session.id, &session.user_id, &session.device)
        }
    }

    fn of_device(id: SessionId, user_id: &'a UserId, device: &'a Device) -> Self {
        Self {
            id,
            user_id,
            username: None,
            role: None,
            device_name: device.name.as_deref(),
            device_type: device.device_type.as_deref(),
            browser: device.browser.as_deref(),
            ip_address: device.ip_address.as_deref(),
            new_device: None,
            device_changed: None,
            created_at: Timestamp::default(),
            last_activity: Timestamp::default(),
            expires_at: None,
            is_active: false,
            current: false,
            data: None,
            end: None,
        }
    }

    /// By what lists are sorted, newest first.
    pub(super) fn age(&self) -> impl Ord + use<> {
        std::cmp::Reverse((self.created_at, self.id))
    }
}

/// Bytes that a service of another make keeps there, in a format of its own, are shown to nobody.
fn data(session: &Session) -> Value {
    session.data.decode().ok().flatten().unwrap_or_default()
}

/// The answer of `POST /sessions/create`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateObject<'a> {
    #[serde(flatten)]
    session: SessionObject<'a>,
    /// The only time that anyone sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    evicted: Vec<SessionObject<'a>>,
}

impl<'a> CreateObject<'a> {
    /// A session with a token of its own.
    pub(crate) fn minted(created: &'a Created, caller: &Caller) -> Self {
        let token = Some(created.token.expose());
        Self {
            token,
            ..Self::begun(created, caller)
        }
    }

    /// A session of a client that has its credential already.
    pub(crate) fn begun(created: &'a Created, caller: &Caller) -> Self {
        Self {
            session: SessionObject::live(&created.session, caller),
            token: None,
            evicted: created.ended.iter().map(SessionObject::ended).collect(),
        }
    }

    pub(crate) fn updated(updated: &'a Updated, caller: &Caller) -> Self {
        Self {
            session: SessionObject::live(&updated.session, caller),
            token: None,
            evicted: updated.ended.iter().map(SessionObject::ended).collect(),
        }
    }
}

pub(super) fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    // The format's years have four digits.
    const LAST_MILLI_OF_9999: u64 = 253_402_300_799_999;
    let millis = at.as_millis().min(LAST_MILLI_OF_9999);
    let at: SystemTime = UNIX_EPOCH + Duration::from_millis(millis);
    serializer.collect_str(&humantime::format_rfc3339_millis(at))
}

fn rfc3339_or_null<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

pub(super) fn word<S: Serializer>(reason: &EndReason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(millis: u64) -> String {
        let mut text = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut text);
        rfc3339(&Timestamp::from_millis(millis), &mut serializer).expect("a string serialises");
        String::from_utf8(text).expect("JSON is UTF-8")
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(written(1_739_010_600_007), r#""2025-02-08T10:30:00.007Z""#);
        assert_eq!(written(u64::MAX), r#""9999-12-31T23:59:59.999Z""#);
    }
}
