use std::net::IpAddr;
use std::time::Duration;

use crate::config::Config;
use crate::digest::Verifier;
use crate::session::{Fingerprint, NewSession, Session, known};
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// A session that is about to be created, with what is computed before the state is locked.
pub(super) struct Arrival {
    pub(super) id: SessionId,
    pub(super) verifier: Verifier,
    pub(super) fingerprint: Option<Fingerprint>,
    /// Known only once the state is locked.
    pub(super) new_device: Option<bool>,
    /// When it ends at the latest, whatever its timeout.
    pub(super) ends_at: Option<Timestamp>,
    pub(super) new: NewSession,
}

/// A session that authenticates.
pub(super) struct Live {
    pub(super) session: Session,
    /// All that is kept of the token.
    pub(super) verifier: Verifier,
    /// Where its last activity came from.
    address: Option<IpAddr>,
    /// Both as they were when it was created: another configuration changes later sessions only.
    idle: Option<Duration>,
    absolute: Timestamp,
}

impl Live {
    pub(super) fn begin(arrival: Arrival, config: &Config, now: Timestamp) -> Self {
        let new = arrival.new;
        let absolute = new.absolute_timeout.unwrap_or(config.absolute_timeout);
        let absolute = now.saturating_add(absolute);
        let mut live = Self {
            verifier: arrival.verifier,
            address: new.device.address(),
            idle: config.idle_timeout,
            absolute: arrival
                .ends_at
                .map_or(absolute, |ends_at| ends_at.min(absolute)),
            session: Session {
                id: arrival.id,
                user_id: new.user_id,
                username: new.username,
                role: new.role,
                device: new.device,
                fingerprint: arrival.fingerprint,
                new_device: arrival.new_device,
                device_changed: false,
                data: new.data,
                created_at: now,
                last_activity: now,
                expires_at: now,
                revision: 0,
            },
        };
        live.mark_active(now);
        live
    }

    /// When it ends at the latest.
    pub(super) fn absolute(&self) -> Timestamp {
        self.absolute
    }

    pub(super) fn mark_active(&mut self, now: Timestamp) {
        let idle = self.idle.map(|idle| now.saturating_add(idle));
        self.session.last_activity = now;
        self.session.expires_at = idle.map_or(self.absolute, |idle| idle.min(self.absolute));
    }

    /// Remembers where an activity came from; answers the address if the one before was another.
    pub(super) fn moved_to(&mut self, address: IpAddr) -> Option<IpAddr> {
        let address = known(address)?;
        let before = self.address.replace(address)?;
        (before != address).then_some(address)
    }
}
