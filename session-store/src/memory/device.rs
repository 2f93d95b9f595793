use std::collections::HashMap;

use crate::config::KnownDevices;
use crate::session::Fingerprint;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// The devices that a user is known to use or to have used.
#[derive(Default)]
pub(super) struct Devices(HashMap<Fingerprint, Seen>);

/// When a device was last in use.
#[derive(Clone, Copy)]
enum Seen {
    /// It is: by this session, the only one of the user with its fingerprint.
    Now(SessionId),
    /// Its last session ended or expired then.
    Until(Timestamp),
}

impl Devices {
    /// The live session of this device.
    pub(super) fn session(&self, device: Fingerprint) -> Option<SessionId> {
        match self.0.get(&device)? {
            Seen::Now(session) => Some(*session),
            Seen::Until(_) => None,
        }
    }

    pub(super) fn knows(&self, device: Fingerprint, rules: &KnownDevices, now: Timestamp) -> bool {
        self.0
            .get(&device)
            .is_some_and(|seen| seen.is_remembered(rules, now))
    }

    pub(super) fn enter(&mut self, device: Fingerprint, session: SessionId) {
        self.0.insert(device, Seen::Now(session));
    }

    pub(super) fn leave(&mut self, device: Fingerprint, at: Timestamp) {
        self.0.insert(device, Seen::Until(at));
    }

    /// Forgets what is too old, and of the devices without a session as many as are too many, the
    /// ones that ran out first.
    pub(super) fn trim(&mut self, rules: &KnownDevices, now: Timestamp) {
        self.0.retain(|_, seen| seen.is_remembered(rules, now));
        let mut past: Vec<_> = self.0.iter().filter_map(past).collect();
        let surplus = past.len().saturating_sub(rules.max_per_user as usize);
        past.sort_unstable();
        for (_, device) in &past[..surplus] {
            self.0.remove(device);
        }
    }
}

impl Seen {
    fn is_remembered(self, rules: &KnownDevices, now: Timestamp) -> bool {
        match self {
            Self::Now(_) => true,
            Self::Until(last) => last.saturating_add(rules.retention) >= now,
        }
    }
}

fn past((device, seen): (&Fingerprint, &Seen)) -> Option<(Timestamp, Fingerprint)> {
    match seen {
        Seen::Now(_) => None,
        Seen::Until(last) => Some((*last, *device)),
    }
}
