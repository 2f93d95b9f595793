//! How the model remembers devices.

use session_store::Fingerprint;

use super::reference::Model;

#[derive(Debug)]
pub(super) struct DeviceMemory {
    user: String,
    fingerprint: String,
    digest: Fingerprint,
    /// The last moment of its session, or when it ended.
    pub(super) last: u64,
}

impl Model {
    pub(super) fn session_on(&self, user: &str, fingerprint: Option<&str>) -> Option<usize> {
        let fingerprint = fingerprint?;
        let live = self.live(user).into_iter();
        let mut on = live
            .filter(|name| self.sessions[*name].view.fingerprint.as_deref() == Some(fingerprint));
        let session = on.next();
        assert_eq!(on.next(), None, "the model has two sessions on one device");
        session
    }

    pub(super) fn knows_device(&self, user: &str, fingerprint: &str) -> bool {
        self.devices.iter().any(|device| {
            let is_this = device.user == user && device.fingerprint == fingerprint;
            is_this && device.last + self.retention() >= self.now
        })
    }

    /// A live session's device is remembered from the session's expiry on, unless something else
    /// happens.
    pub(super) fn remember_device(&mut self, name: usize, digest: Option<Fingerprint>) {
        let view = self.sessions[name].view.clone();
        let (Some(fingerprint), Some(digest)) = (view.fingerprint, digest) else {
            return;
        };
        self.devices
            .retain(|device| device.user != view.user.0 || device.fingerprint != fingerprint);
        self.devices.push(DeviceMemory {
            user: view.user.0,
            fingerprint,
            digest,
            last: view.expires_at,
        });
    }

    pub(super) fn leave_device(&mut self, user: &str, fingerprint: Option<String>, last: u64) {
        for device in &mut self.devices {
            if device.user == user && Some(&device.fingerprint) == fingerprint.as_ref() {
                device.last = last;
            }
        }
    }

    pub(super) fn trim_devices(&mut self, user: &str) {
        let (now, retention) = (self.now, self.retention());
        self.devices.retain(|device| device.last + retention >= now);
        loop {
            let past = (0..self.devices.len()).filter(|at| {
                let device = &self.devices[*at];
                let in_use = self.session_on(user, Some(&device.fingerprint));
                device.user == user && in_use.is_none()
            });
            let past: Vec<_> = past.collect();
            if past.len() <= self.config.known_devices.max_per_user as usize {
                return;
            }
            let key = |at: &usize| (self.devices[*at].last, self.devices[*at].digest);
            let first = past.iter().copied().min_by_key(key).expect("there is one");
            let last = self.devices[first].last;
            if past
                .iter()
                .filter(|at| self.devices[**at].last == last)
                .count()
                > 1
            {
                self.has_cut_a_tie.set(true);
            }
            self.devices.remove(first);
        }
    }
}
