//! What the answers of both sides are turned into, to be compared.

use std::net::IpAddr;

use session_store::{Device, EndReason, Fingerprint, SessionId};

/// A session as both sides see it: named by the order of creation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) name: usize,
    pub(super) user: (String, bool),
    pub(super) username: Option<String>,
    pub(super) role: Option<String>,
    pub(super) device: Device,
    pub(super) fingerprint: Option<String>,
    pub(super) new_device: Option<bool>,
    pub(super) device_changed: bool,
    pub(super) data: Vec<u8>,
    pub(super) created_at: u64,
    pub(super) last_activity: u64,
    pub(super) expires_at: u64,
    pub(super) revision: u32,
}

/// An ended session as both sides see it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EndedView {
    pub(super) name: usize,
    pub(super) user: (String, bool),
    pub(super) username: Option<String>,
    pub(super) role: Option<String>,
    pub(super) device: Device,
    pub(super) created_at: u64,
    pub(super) last_activity: u64,
    pub(super) ended_at: u64,
    pub(super) reason: EndReason,
}

/// An event as both sides see it: when, whose, which session, what.
pub(super) type Told = (u64, (String, bool), usize, What);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Created(Option<bool>),
    NewAddress(IpAddr),
    DeviceChanged(bool),
    Rotated,
    Ended(EndReason),
}

/// What a create or an update answers besides the session.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entered {
    pub(super) view: View,
    pub(super) ended: Vec<EndedView>,
    pub(super) new_device: Option<bool>,
}

/// What only the store can know of a session; it orders what ties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minted {
    pub(super) id: SessionId,
    pub(super) fingerprint: Option<Fingerprint>,
}

impl Minted {
    /// Where there is no session; what is compared is only that there is none.
    pub(super) fn nothing() -> Self {
        Self {
            id: "A".repeat(18).parse().expect("an id"),
            fingerprint: None,
        }
    }
}
