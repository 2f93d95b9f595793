use std::collections::BTreeMap;

use crate::config::History;
use crate::ended::EndedSession;
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// A user's ended sessions, in the order in which they ended.
#[derive(Default)]
pub(super) struct Past(BTreeMap<(Timestamp, SessionId), EndedSession>);

impl Past {
    pub(super) fn push(&mut self, ended: EndedSession, rules: &History) {
        self.0.insert((ended.ended_at, ended.id), ended);
        if self.0.len() > rules.max_per_user as usize {
            self.0.pop_first();
        }
    }

    /// Drops what has been kept long enough.
    pub(super) fn prune(&mut self, rules: &History, now: Timestamp) {
        while self.next_prune(rules).is_some_and(|last| last < now) {
            self.0.pop_first();
        }
    }

    /// The last moment of the entry that goes first.
    pub(super) fn next_prune(&self, rules: &History) -> Option<Timestamp> {
        let ((ended_at, _), _) = self.0.first_key_value()?;
        Some(ended_at.saturating_add(rules.retention))
    }

    /// The last to end first, beginning right after a place in that order.
    pub(super) fn newest_first(
        &self,
        after: Option<(Timestamp, SessionId)>,
    ) -> impl Iterator<Item = &EndedSession> {
        let entries = match after {
            Some(place) => self.0.range(..place),
            None => self.0.range(..),
        };
        entries.rev().map(|(_, ended)| ended)
    }
}
