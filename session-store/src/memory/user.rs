use std::collections::HashSet;
use std::sync::Arc;

use super::device::Devices;
use super::history::Past;
use crate::config::Config;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// What there is of a user: his sessions, and what is remembered past them.
pub(super) struct User {
    /// The user id, which is also what the state finds him by.
    pub(super) name: Arc<str>,
    pub(super) sessions: HashSet<SessionId>,
    pub(super) devices: Devices,
    pub(super) past: Past,
    /// When the state looks at `past` next; nothing is due before.
    pub(super) prune_at: Option<Timestamp>,
    /// The last moment in which the store knows that it has had sessions of this user.
    pub(super) known_until: Timestamp,
}

impl User {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            sessions: HashSet::new(),
            devices: Devices::default(),
            past: Past::default(),
            prune_at: None,
            known_until: Timestamp::default(),
        }
    }

    /// Remembers the user, while anything of a session that ends at `expires_at` is remembered.
    pub(super) fn know_past(&mut self, expires_at: Timestamp, config: &Config) {
        let devices = config.known_devices.retention;
        let history = config.history.map_or(devices, |history| history.retention);
        let until = expires_at.saturating_add(devices.max(history));
        self.known_until = self.known_until.max(until);
    }
}
