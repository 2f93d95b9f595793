//! Sessions that go by a credential of somebody else's, and what is remembered of those.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::change::Entered;
use super::live::Arrival;
use super::state::State;
use crate::credential::{Credential, Mark, Standing};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// A mark stands from the creation of a credential's session until no such credential can come any
/// more; whoever ends the session leaves it.
#[derive(Default)]
pub(super) struct Marks {
    by_id: HashMap<SessionId, Mark>,
    expiries: BTreeSet<(Timestamp, SessionId)>,
}

/// What came of an attempt to create a credential's session.
pub(super) enum Coming {
    Entered(Entered),
    Stands(Session),
    Over,
}

impl Marks {
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.expiries.first().copied().filter(|due| due.0 < now) {
            self.expiries.remove(&(at, id));
            self.by_id.remove(&id);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    fn find(&self, id: SessionId) -> Option<Mark> {
        self.by_id.get(&id).copied()
    }

    fn set(&mut self, id: SessionId, mark: Mark) {
        if let Some(before) = self.by_id.insert(id, mark) {
            self.expiries.remove(&(before.known_until, id));
        }
        self.expiries.insert((mark.known_until, id));
    }
}

impl State {
    pub(super) fn standing(
        &mut self,
        id: SessionId,
        credential: &Credential,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Standing {
        // By this clock and no other one: a mark may be gone as soon as it has.
        if credential.has_expired(now) {
            return Standing::Over;
        }
        let Some(before) = self.marks.find(id) else {
            return Standing::NoSession;
        };
        let is_newest = before.is_before(credential);
        let known_until = credential.known_until().max(before.known_until);
        let longer = Mark {
            known_until,
            ..before
        };
        match self.sessions.get_mut(&id) {
            Some(live) if is_newest => {
                let session = &mut live.session;
                session.username.clone_from(&credential.username);
                session.role.clone_from(&credential.role);
                session.revision = session.revision.wrapping_add(1);
                let newest = credential.mark();
                self.marks.set(
                    id,
                    Mark {
                        known_until,
                        ..newest
                    },
                );
                self.listeners.tell(id);
            }
            // It may be good for longer than the newest one.
            _ => self.marks.set(id, longer),
        }
        let session = self.active(id, address, now);
        session.map_or(Standing::Over, Standing::Live)
    }

    pub(super) fn create_for(
        &mut self,
        credential: &Credential,
        mut arrival: Arrival,
        now: Timestamp,
    ) -> Result<Coming> {
        let id = arrival.id;
        match self.standing(id, credential, None, now) {
            Standing::Live(session) => return Ok(Coming::Stands(session)),
            Standing::Over => return Ok(Coming::Over),
            Standing::NoSession => {}
        }
        if self.marks.count() >= self.bound {
            return Err(Error::Full { max: self.bound });
        }
        arrival.ends_at = credential.ends_at();
        let entered = self.create(arrival, now)?;
        let absolute = self.sessions[&id].absolute();
        let mut mark = credential.mark();
        mark.known_until = mark.known_until.max(absolute);
        self.marks.set(id, mark);
        Ok(Coming::Entered(entered))
    }
}
