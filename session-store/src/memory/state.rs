use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::changes::Listeners;
use super::credential::Marks;
use super::events::Events;
use super::live::Live;
use super::page::page;
use super::rates::Rates;
use super::user::User;
use crate::config::Config;
use crate::ended::{EndReason, EndedSession};
use crate::event::EventKind;
use crate::page::{List, Page};
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// All sessions and all users, and for each of them the moment when time does something to it.
///
/// Every step begins with [`settle`](Self::settle), so what the other methods find is alive. That
/// costs a logarithm for each thing that has become due, once, whoever pays it.
pub(super) struct State {
    pub(super) config: Config,
    /// The most sessions, and the most users without a session.
    pub(super) bound: usize,
    pub(super) events: Events,
    pub(super) listeners: Listeners,
    pub(super) sessions: HashMap<SessionId, Live>,
    pub(super) users: HashMap<Arc<str>, User>,
    /// What is remembered of the credentials that sessions go by, or went by.
    pub(super) marks: Marks,
    pub(super) rates: Rates,
    /// Every session by the last moment of its life.
    expiries: BTreeSet<(Timestamp, SessionId)>,
    /// Every user who has no session, by the last moment in which he is known.
    remembered: Schedule,
    /// Every user with a history, by [`User::prune_at`].
    prunes: Schedule,
}

impl State {
    pub(super) fn new(config: Config, bound: usize) -> Self {
        Self {
            config,
            bound,
            events: Events::new(),
            listeners: Listeners::default(),
            sessions: HashMap::new(),
            marks: Marks::default(),
            rates: Rates::default(),
            users: HashMap::new(),
            expiries: BTreeSet::new(),
            remembered: BTreeSet::new(),
            prunes: BTreeSet::new(),
        }
    }

    /// Does what time has done since the last step.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.expiries.first().copied().filter(|due| due.0 < now) {
            self.end(id, at, EndReason::Expired);
        }
        self.marks.settle(now);
        self.rates.settle(now);
        while let Some((_, name)) = pop_due(&mut self.prunes, now) {
            self.prune(&name, now);
        }
        while let Some(name) = self.next_forgotten(now) {
            self.forget(&name);
        }
    }

    pub(super) fn list(&self, user: &str, list: List) -> Page {
        let Some(user) = self.users.get(user) else {
            return Page::default();
        };
        let live = user.sessions.iter().filter_map(|id| self.session(*id));
        page(live.collect(), &user.past, list)
    }

    pub(super) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(|live| &live.session)
    }

    /// Moves a session's expiry in every table, after an activity.
    pub(super) fn expires_later(&mut self, id: SessionId, before: Timestamp) {
        if let Some(Live { session, .. }) = self.sessions.get(&id) {
            self.expiries.remove(&(before, id));
            self.expiries.insert((session.expires_at, id));
            if let Some(user) = self.users.get_mut(session.user_id.as_str()) {
                user.know_past(session.expires_at, &self.config);
            }
        }
    }

    pub(super) fn sessions_of(&self, user: &str) -> Vec<SessionId> {
        let user = self.users.get(user);
        user.map_or(Vec::new(), |user| user.sessions.iter().copied().collect())
    }

    /// Whether there has been a session of this user, as long as that is remembered.
    pub(super) fn knows(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }

    pub(super) fn count(&self, user: &str) -> u64 {
        let user = self.users.get(user);
        user.map_or(0, |user| user.sessions.len() as u64)
    }

    pub(super) fn insert(&mut self, live: Live) {
        let session = &live.session;
        let name = session.user_id.as_str();
        if !self.users.contains_key(name) {
            let user = User::new(name);
            self.users.insert(Arc::clone(&user.name), user);
        }
        let user = self.users.get_mut(name).expect("it has just been made");
        if user.sessions.is_empty() {
            self.remembered
                .remove(&(user.known_until, Arc::clone(&user.name)));
        }
        user.sessions.insert(session.id);
        if let Some(device) = session.fingerprint {
            user.devices.enter(device, session.id);
        }
        user.know_past(session.expires_at, &self.config);
        self.expiries.insert((session.expires_at, session.id));
        self.sessions.insert(session.id, live);
    }

    /// Ends a session: it is in every table before, and only in the history after.
    pub(super) fn end(
        &mut self,
        id: SessionId,
        at: Timestamp,
        reason: EndReason,
    ) -> Option<EndedSession> {
        let Live { session, .. } = self.sessions.remove(&id)?;
        self.listeners.tell(id);
        self.events.tell(at, &session, EventKind::Ended { reason });
        self.expiries.remove(&(session.expires_at, id));
        let user = self.users.get_mut(session.user_id.as_str())?;
        user.sessions.remove(&id);
        if let Some(device) = session.fingerprint {
            user.devices.leave(device, at);
        }
        if user.sessions.is_empty() {
            self.remembered
                .insert((user.known_until, Arc::clone(&user.name)));
        }
        let ended = EndedSession::new(session, at, reason);
        if let Some(rules) = &self.config.history {
            user.past.push(ended.clone(), rules);
            // Where a prune is scheduled already, it finds out itself when the next one is due.
            if user.prune_at.is_none() {
                user.prune_at = user.past.next_prune(rules);
                schedule(&mut self.prunes, user);
            }
        }
        Some(ended)
    }

    fn prune(&mut self, name: &str, now: Timestamp) {
        if let (Some(user), Some(rules)) = (self.users.get_mut(name), &self.config.history) {
            user.past.prune(rules, now);
            user.prune_at = user.past.next_prune(rules);
            schedule(&mut self.prunes, user);
        }
    }

    /// A user without a session whose time is over, or who is one too many.
    fn next_forgotten(&mut self, now: Timestamp) -> Option<Arc<str>> {
        if self.remembered.len() > self.bound {
            self.remembered.pop_first().map(|(_, name)| name)
        } else {
            pop_due(&mut self.remembered, now).map(|(_, name)| name)
        }
    }

    /// Of every table, so that tests see that none leaks.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 7] {
        [
            self.sessions.len(),
            self.users.len(),
            self.expiries.len(),
            self.remembered.len(),
            self.prunes.len(),
            self.marks.count(),
            self.rates.count(),
        ]
    }

    fn forget(&mut self, name: &str) {
        if let Some(user) = self.users.remove(name)
            && let Some(at) = user.prune_at
        {
            self.prunes.remove(&(at, user.name));
        }
    }
}

type Schedule = BTreeSet<(Timestamp, Arc<str>)>;

fn pop_due(schedule: &mut Schedule, now: Timestamp) -> Option<(Timestamp, Arc<str>)> {
    schedule.first().filter(|(last, _)| *last < now)?;
    schedule.pop_first()
}

fn schedule(prunes: &mut Schedule, user: &User) {
    prunes.extend(user.prune_at.map(|at| (at, Arc::clone(&user.name))));
}
