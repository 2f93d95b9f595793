//! What a client hears as it happens.

use std::net::IpAddr;

use serde::Serialize;
use session_store::{EndReason, Event, EventKind, SessionId, Timestamp, UserId};

use super::session::{rfc3339, word};

/// An event as clients hear it. Which one it is, is its name.
#[derive(Debug, Serialize)]
pub(crate) struct EventObject<'a> {
    session_id: SessionId,
    user_id: &'a UserId,
    #[serde(serialize_with = "rfc3339")]
    at: Timestamp,
    /// Whether it is the session that is listening.
    current: bool,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum What {
    Created {
        new_device: Option<bool>,
    },
    NewAddress {
        ip_address: IpAddr,
    },
    DeviceChanged {
        new_device: bool,
    },
    Ended {
        #[serde(serialize_with = "word")]
        end_reason: EndReason,
    },
    Rotated {},
}

impl<'a> EventObject<'a> {
    pub(crate) fn new(event: &'a Event, current: bool) -> Self {
        let what = match event.kind {
            EventKind::Created { new_device } => What::Created { new_device },
            EventKind::NewAddress { address } => What::NewAddress {
                ip_address: address,
            },
            EventKind::DeviceChanged { new_device } => What::DeviceChanged { new_device },
            EventKind::Ended { reason } => What::Ended { end_reason: reason },
            // Whatever a later store tells besides.
            _ => What::Rotated {},
        };
        Self {
            session_id: event.session_id,
            user_id: &event.user_id,
            at: event.at,
            current,
            what,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.what {
            What::Created { .. } => "created",
            What::NewAddress { .. } => "new-address",
            What::DeviceChanged { .. } => "device-changed",
            What::Ended { .. } => "ended",
            What::Rotated {} => "rotated",
        }
    }

    pub(crate) fn is_end(&self) -> bool {
        matches!(self.what, What::Ended { .. })
    }
}
