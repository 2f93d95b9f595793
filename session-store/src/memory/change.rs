//! What each call changes: one step under the lock, begun by [`State::settle`].

use std::net::IpAddr;

use super::live::{Arrival, Live};
use super::state::State;
use crate::config::LimitPolicy;
use crate::digest::Verifier;
use crate::ended::{EndReason, EndedSession};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::session::{Fingerprint, Session, Update};
use crate::store::Created;
use crate::timestamp::Timestamp;
use crate::token::{SessionId, Token};

/// Sessions that have to end, and why.
type Leaving = Vec<(SessionId, EndReason)>;

/// What a create or an update has done besides.
pub(super) struct Entered {
    pub(super) session: Session,
    pub(super) ended: Vec<EndedSession>,
    pub(super) new_device: Option<bool>,
}

impl Entered {
    pub(super) fn created(self, token: Token) -> Created {
        Created {
            token,
            session: self.session,
            ended: self.ended,
            new_device: self.new_device,
        }
    }
}

impl State {
    pub(super) fn create(&mut self, mut arrival: Arrival, now: Timestamp) -> Result<Entered> {
        let user = arrival.new.user_id.clone();
        let leaving = self.make_room(user.as_str(), arrival.fingerprint)?;
        if self.sessions.len() - leaving.len() >= self.bound {
            return Err(Error::Full { max: self.bound });
        }
        let new_device = arrival
            .fingerprint
            .map(|device| self.is_new_device(user.as_str(), device, now));
        arrival.new_device = new_device;
        let ended = self.end_each(leaving, now);
        let live = Live::begin(arrival, &self.config, now);
        let session = live.session.clone();
        self.insert(live);
        if new_device.is_some() {
            self.trim_devices(user.as_str(), now);
        }
        self.events
            .tell(now, &session, EventKind::Created { new_device });
        Ok(Entered {
            session,
            ended,
            new_device,
        })
    }

    /// Which sessions end so that one more may be: the device's own, then as many as the limit
    /// asks for.
    fn make_room(&self, user: &str, device: Option<Fingerprint>) -> Result<Leaving> {
        let replaced = self.session_on(user, device);
        let mut leaving: Leaving = Vec::new();
        leaving.extend(replaced.map(|id| (id, EndReason::Replaced)));
        let Some(limit) = self.config.limit else {
            return Ok(leaving);
        };
        let mut others = self.sessions_of(user);
        others.retain(|id| Some(*id) != replaced);
        let surplus = (others.len() + 1).saturating_sub(limit.max.get() as usize);
        if surplus > 0 {
            match limit.policy {
                LimitPolicy::Reject => {
                    return Err(Error::LimitReached {
                        max: limit.max.get(),
                    });
                }
                LimitPolicy::EvictOldest => others.sort_by_key(|id| (self.created_at(*id), *id)),
                LimitPolicy::EvictLeastRecentlyActive => others.sort_by_key(|id| {
                    let last_activity = self.session(*id).map(|session| session.last_activity);
                    (last_activity, self.created_at(*id), *id)
                }),
            }
        }
        let evicted = others.into_iter().take(surplus);
        leaving.extend(evicted.map(|id| (id, EndReason::Evicted)));
        Ok(leaving)
    }

    pub(super) fn touch(
        &mut self,
        id: SessionId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Session> {
        let live = self.sessions.get_mut(&id)?;
        let expired_before = live.session.expires_at;
        live.mark_active(now);
        let session = live.session.clone();
        self.listeners.tell(id);
        if let Some(address) = address.and_then(|address| live.moved_to(address)) {
            self.events
                .tell(now, &session, EventKind::NewAddress { address });
        }
        self.expires_later(id, expired_before);
        Some(session)
    }

    pub(super) fn validate(
        &mut self,
        id: SessionId,
        verifier: &Verifier,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Session> {
        self.authenticate(id, verifier)?;
        self.active(id, address, now)
    }

    /// The session, marked active where that is due.
    pub(super) fn active(
        &mut self,
        id: SessionId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Session> {
        let session = self.session(id)?;
        let interval = self.config.touch_interval;
        if session.last_activity.saturating_add(interval) > now {
            return Some(session.clone());
        }
        self.touch(id, address, now)
    }

    pub(super) fn rotate(
        &mut self,
        id: SessionId,
        before: &Verifier,
        after: Verifier,
        now: Timestamp,
    ) -> Option<Session> {
        self.authenticate(id, before)?;
        self.sessions.get_mut(&id)?.verifier = after;
        let session = self.touch(id, None, now)?;
        self.events.tell(now, &session, EventKind::Rotated);
        Some(session)
    }

    pub(super) fn update(
        &mut self,
        id: SessionId,
        revision: u32,
        update: &Update,
        device: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<Option<Entered>> {
        let Some(live) = self.sessions.get_mut(&id) else {
            return Ok(None);
        };
        if live.session.revision != revision {
            return Err(Error::Conflict { id });
        }
        update.apply_to(&mut live.session);
        live.session.revision = revision.wrapping_add(1);
        self.listeners.tell(id);
        let (ended, new_device) = match device {
            Some(device) => self.enter_device(id, device, now),
            None => (Vec::new(), None),
        };
        Ok(self.session(id).cloned().map(|session| Entered {
            session,
            ended,
            new_device,
        }))
    }

    /// The device rule for a session that there is already.
    fn enter_device(
        &mut self,
        id: SessionId,
        device: Fingerprint,
        now: Timestamp,
    ) -> (Vec<EndedSession>, Option<bool>) {
        let Some(session) = self.session(id).cloned() else {
            return (Vec::new(), None);
        };
        let name = session.user_id;
        let new_device = self.is_new_device(name.as_str(), device, now);
        let replaced = self.session_on(name.as_str(), Some(device));
        let replaced = replaced.filter(|other| *other != id);
        let leaving = replaced.map(|id| (id, EndReason::Replaced));
        let ended = self.end_each(leaving, now);
        let before = session.fingerprint;
        if before != Some(device) {
            self.move_to_device(id, device, new_device, now);
        }
        if let Some(user) = self.users.get_mut(name.as_str()) {
            before.inspect(|before| user.devices.leave(*before, now));
            user.devices.enter(device, id);
        }
        self.trim_devices(name.as_str(), now);
        (ended, Some(new_device))
    }

    fn move_to_device(
        &mut self,
        id: SessionId,
        device: Fingerprint,
        new_device: bool,
        now: Timestamp,
    ) {
        let Some(live) = self.sessions.get_mut(&id) else {
            return;
        };
        let has_moved = live.session.fingerprint.replace(device).is_some();
        live.session.new_device = Some(new_device);
        live.session.device_changed |= has_moved;
        if has_moved {
            let kind = EventKind::DeviceChanged { new_device };
            self.events.tell(now, &live.session, kind);
        }
    }

    /// Ends a user's sessions, the oldest first, but `keep`; answers how many.
    pub(super) fn end_all(
        &mut self,
        user: &str,
        keep: Option<SessionId>,
        now: Timestamp,
        reason: EndReason,
    ) -> u64 {
        let mut leaving = self.sessions_of(user);
        leaving.retain(|id| Some(*id) != keep);
        leaving.sort_by_key(|id| (self.created_at(*id), *id));
        let leaving = leaving.into_iter().map(|id| (id, reason));
        self.end_each(leaving, now).len() as u64
    }

    /// Ends several sessions at once; answers those that there were.
    pub(super) fn end_each(
        &mut self,
        leaving: impl IntoIterator<Item = (SessionId, EndReason)>,
        now: Timestamp,
    ) -> Vec<EndedSession> {
        let end = |(id, reason)| self.end(id, now, reason);
        leaving.into_iter().filter_map(end).collect()
    }

    /// The session of this id, provided that the token's verifier is its own.
    pub(super) fn authenticate(&self, id: SessionId, verifier: &Verifier) -> Option<&Session> {
        let live = self.sessions.get(&id)?;
        live.verifier.matches(verifier).then_some(&live.session)
    }

    fn created_at(&self, id: SessionId) -> Option<Timestamp> {
        self.session(id).map(|session| session.created_at)
    }

    fn session_on(&self, user: &str, device: Option<Fingerprint>) -> Option<SessionId> {
        self.users.get(user)?.devices.session(device?)
    }

    fn is_new_device(&self, user: &str, device: Fingerprint, now: Timestamp) -> bool {
        let rules = &self.config.known_devices;
        let user = self.users.get(user);
        !user.is_some_and(|user| user.devices.knows(device, rules, now))
    }

    fn trim_devices(&mut self, user: &str, now: Timestamp) {
        if let Some(user) = self.users.get_mut(user) {
            user.devices.trim(&self.config.known_devices, now);
        }
    }
}
