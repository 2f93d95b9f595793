//! The model. Whatever it does, it does by looking through everything there has ever been.

use std::cell::Cell;
use std::net::IpAddr;

use session_store::{Config, Device, EndReason, Fingerprint, LimitPolicy, RevokeReason, SessionId};

use super::case::{ADDRESSES, Change, New, USERS};
use super::devices::DeviceMemory;
use super::view::{EndedView, Entered, Minted, Told, View, What};

#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: SessionId,
    pub(super) view: View,
    /// Which of all tokens is its own.
    pub(super) token: usize,
    absolute: u64,
    address: Option<IpAddr>,
    pub(super) ended: Option<(u64, EndReason)>,
}

pub(super) struct Model {
    pub(super) config: Config,
    pub(super) now: u64,
    /// Every session there has been, by name.
    pub(super) sessions: Vec<Known>,
    pub(super) devices: Vec<DeviceMemory>,
    known_until: Vec<(String, u64)>,
    pub(super) told: Vec<Told>,
    /// Whether a bound has dropped something and kept something else of the same millisecond.
    pub(super) has_cut_a_tie: Cell<bool>,
}

impl Model {
    pub(super) fn new(config: Config, now: u64) -> Self {
        Self {
            config,
            now,
            sessions: Vec::new(),
            devices: Vec::new(),
            known_until: Vec::new(),
            told: Vec::new(),
            has_cut_a_tie: Cell::new(false),
        }
    }

    /// Moves the clock and lets expire what has expired, in the order of expiry.
    pub(super) fn advance(&mut self, by: u64) {
        self.now += by;
        let mut due: Vec<_> = (0..self.sessions.len())
            .filter(|name| self.sessions[*name].ended.is_none())
            .filter(|name| self.sessions[*name].view.expires_at < self.now)
            .collect();
        due.sort_by_key(|name| {
            (
                self.sessions[*name].view.expires_at,
                self.sessions[*name].id,
            )
        });
        for name in due {
            let at = self.sessions[name].view.expires_at;
            self.sessions[name].ended = Some((at, EndReason::Expired));
            self.tell(at, name, What::Ended(EndReason::Expired));
        }
    }

    /// The moments to come in which something is due.
    pub(super) fn moments(&self) -> Vec<u64> {
        let history = self
            .config
            .history
            .map_or(0, |history| millis(history.retention));
        let touch = millis(self.config.touch_interval);
        let mut moments = Vec::new();
        for session in &self.sessions {
            match session.ended {
                Some((at, _)) => moments.push(at + history),
                None => {
                    moments.extend([session.view.expires_at, session.view.last_activity + touch])
                }
            }
        }
        moments.extend(
            self.devices
                .iter()
                .map(|device| device.last + self.retention()),
        );
        moments.extend(self.known_until.iter().map(|(_, until)| *until));
        moments.retain(|moment| *moment > self.now);
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    pub(super) fn create(
        &mut self,
        new: &New,
        minted: Minted,
        token: usize,
    ) -> Result<Entered, u32> {
        let (user, _) = USERS[new.user];
        let same = self.session_on(user, new.fingerprint);
        let mut others = self.live(user);
        others.retain(|name| Some(*name) != same);
        let mut evicted = Vec::new();
        if let Some(limit) = self.config.limit {
            let max = limit.max.get() as usize;
            if others.len() >= max && limit.policy == LimitPolicy::Reject {
                return Err(limit.max.get());
            }
            while others.len() >= max {
                let at = self.next_to_evict(&others, limit.policy);
                evicted.push(others.remove(at));
            }
        }
        let new_device = new
            .fingerprint
            .map(|fingerprint| !self.knows_device(user, fingerprint));
        let replaced = same.into_iter().map(|name| (name, EndReason::Replaced));
        let evicted = evicted.into_iter().map(|name| (name, EndReason::Evicted));
        let leaving: Vec<_> = replaced.chain(evicted).collect();
        let ended = self.end_each(leaving);
        let name = self.sessions.len();
        self.sessions.push(self.begin(new, minted, token));
        self.sessions[name].view.new_device = new_device;
        self.activity(name);
        self.remember_device(name, minted.fingerprint);
        if new_device.is_some() {
            self.trim_devices(user);
        }
        self.tell(self.now, name, What::Created(new_device));
        let view = self.sessions[name].view.clone();
        Ok(Entered {
            view,
            ended,
            new_device,
        })
    }

    /// A session as it begins; its first activity says when it expires.
    fn begin(&self, new: &New, minted: Minted, token: usize) -> Known {
        let (user, is_number) = USERS[new.user];
        let absolute = new.timeout.unwrap_or(millis(self.config.absolute_timeout));
        Known {
            id: minted.id,
            token,
            absolute: self.now + absolute,
            address: new
                .ip_address
                .and_then(|text| text.parse().ok())
                .map(canonical),
            ended: None,
            view: View {
                name: self.sessions.len(),
                user: (user.to_owned(), is_number),
                username: new.username.clone(),
                role: None,
                device: on(new.ip_address),
                fingerprint: new.fingerprint.map(Into::into),
                new_device: None,
                device_changed: false,
                data: new.data.clone(),
                created_at: self.now,
                last_activity: self.now,
                expires_at: 0,
                revision: 0,
            },
        }
    }

    pub(super) fn validate(&mut self, name: usize, address: Option<usize>) -> Option<View> {
        let view = self.get(name)?;
        if view.last_activity + millis(self.config.touch_interval) <= self.now {
            return self.touch(name, address);
        }
        Some(view)
    }

    pub(super) fn touch(&mut self, name: usize, address: Option<usize>) -> Option<View> {
        self.get(name)?;
        if let Some(address) = address {
            let address = canonical(ADDRESSES[address].parse().expect("an address"));
            let before = self.sessions[name].address;
            if before.is_some_and(|before| before != address) {
                self.tell(self.now, name, What::NewAddress(address));
            }
            self.sessions[name].address = Some(address);
        }
        self.activity(name);
        self.get(name)
    }

    pub(super) fn rotate(&mut self, name: usize, token: usize) -> Option<View> {
        let view = self.touch(name, None)?;
        self.sessions[name].token = token;
        self.tell(self.now, name, What::Rotated);
        Some(view)
    }

    /// `Err` for a conflict.
    pub(super) fn update(
        &mut self,
        name: usize,
        revision: u32,
        change: &Change,
        digest: Option<Fingerprint>,
    ) -> Result<Option<Entered>, ()> {
        let Some(mut view) = self.get(name) else {
            return Ok(None);
        };
        if view.revision != revision {
            return Err(());
        }
        view.revision += 1;
        view.username = change.username.clone().or(view.username);
        view.role = change.role.clone().or(view.role);
        view.data = change.data.clone().unwrap_or(view.data);
        if change.ip_address.is_some() {
            view.device = on(change.ip_address);
        }
        let (mut ended, mut new_device, mut has_moved) = (Vec::new(), None, false);
        if let Some(fingerprint) = change.fingerprint {
            let user = view.user.0.clone();
            new_device = Some(!self.knows_device(&user, fingerprint));
            let same = self.session_on(&user, Some(fingerprint));
            let same = same.filter(|same| *same != name);
            ended = self.end_each(same.map(|same| (same, EndReason::Replaced)));
            let before = view.fingerprint.replace(fingerprint.to_owned());
            if before.as_deref() != Some(fingerprint) {
                has_moved = before.is_some();
                view.new_device = new_device;
                view.device_changed |= has_moved;
                self.leave_device(&user, before, self.now);
            }
        }
        self.sessions[name].view = view.clone();
        if change.fingerprint.is_some() {
            self.remember_device(name, digest);
            self.trim_devices(&view.user.0);
        }
        if let (true, Some(new_device)) = (has_moved, new_device) {
            self.tell(self.now, name, What::DeviceChanged(new_device));
        }
        Ok(Some(Entered {
            view,
            ended,
            new_device,
        }))
    }

    pub(super) fn revoke(&mut self, name: usize, reason: RevokeReason) -> Option<EndedView> {
        self.get(name)?;
        self.end_each([(name, reason.into())]).pop()
    }

    pub(super) fn revoke_others(&mut self, keep: usize, reason: RevokeReason) -> Option<u64> {
        let user = self.get(keep)?.user.0;
        let mut others = self.live(&user);
        others.retain(|name| *name != keep);
        let ended = self.end_each(others.into_iter().map(|name| (name, reason.into())));
        Some(ended.len() as u64)
    }

    pub(super) fn revoke_all(&mut self, user: &str, reason: RevokeReason) -> (u64, bool) {
        let all = self.live(user);
        let ended = self.end_each(all.into_iter().map(|name| (name, reason.into())));
        (ended.len() as u64, self.knows_user(user))
    }

    pub(super) fn get(&self, name: usize) -> Option<View> {
        let session = &self.sessions[name];
        session.ended.is_none().then(|| session.view.clone())
    }

    /// The names of the user's sessions.
    pub(super) fn live(&self, user: &str) -> Vec<usize> {
        let sessions = self.sessions.iter();
        sessions
            .filter(|session| session.ended.is_none() && session.view.user.0 == user)
            .map(|session| session.view.name)
            .collect()
    }

    pub(super) fn knows_user(&self, user: &str) -> bool {
        let mut known = self.known_until.iter();
        known.any(|(name, until)| name == user && self.now <= *until)
    }

    pub(super) fn ended_view(&self, name: usize) -> EndedView {
        let view = self.sessions[name].view.clone();
        let (ended_at, reason) = self.sessions[name].ended.expect("it has ended");
        EndedView {
            name,
            user: view.user,
            username: view.username,
            role: view.role,
            device: view.device,
            created_at: view.created_at,
            last_activity: view.last_activity,
            ended_at,
            reason,
        }
    }

    fn next_to_evict(&self, names: &[usize], policy: LimitPolicy) -> usize {
        let key = |at: &usize| {
            let view = &self.sessions[names[*at]].view;
            match policy {
                LimitPolicy::EvictLeastRecentlyActive => (view.last_activity, view.created_at),
                _ => (view.created_at, 0),
            }
        };
        (0..names.len()).min_by_key(key).expect("there is one")
    }

    fn end_each(
        &mut self,
        leaving: impl IntoIterator<Item = (usize, EndReason)>,
    ) -> Vec<EndedView> {
        let mut ended = Vec::new();
        for (name, reason) in leaving {
            self.sessions[name].ended = Some((self.now, reason));
            let view = self.sessions[name].view.clone();
            self.leave_device(&view.user.0, view.fingerprint, self.now);
            self.tell(self.now, name, What::Ended(reason));
            ended.push(self.ended_view(name));
        }
        ended
    }

    /// Marks a session active, and moves what is remembered with it.
    fn activity(&mut self, name: usize) {
        let idle = self
            .config
            .idle_timeout
            .map_or(u64::MAX, |idle| self.now + millis(idle));
        let session = &mut self.sessions[name];
        session.view.last_activity = self.now;
        session.view.expires_at = idle.min(session.absolute);
        let view = session.view.clone();
        let history = self
            .config
            .history
            .map_or(0, |history| millis(history.retention));
        let until = view.expires_at + history.max(self.retention());
        self.known_until.push((view.user.0.clone(), until));
        self.leave_device(&view.user.0, view.fingerprint, view.expires_at);
    }

    pub(super) fn retention(&self) -> u64 {
        millis(self.config.known_devices.retention)
    }

    fn tell(&mut self, at: u64, name: usize, what: What) {
        let user = self.sessions[name].view.user.clone();
        self.told.push((at, user, name, what));
    }
}

/// The devices of the cases differ in nothing but their address.
fn on(ip_address: Option<&str>) -> Device {
    Device {
        ip_address: ip_address.map(Into::into),
        ..Device::default()
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    duration.as_millis().try_into().expect("it is short")
}
