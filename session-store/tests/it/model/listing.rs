//! How the model lists.

use session_store::SessionId;

use super::reference::{Model, millis};
use super::view::{EndedView, View};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Newest,
    Expiry,
    Ended,
}

/// Where the model's page begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct After {
    pub(super) order: Order,
    place: (u64, SessionId),
}

#[derive(Debug)]
pub(super) struct Listed {
    pub(super) sessions: Vec<View>,
    pub(super) ended: Vec<EndedView>,
    pub(super) next: Option<After>,
    pub(super) known_user: bool,
    pub(super) order: Order,
}

impl Model {
    pub(super) fn list(
        &self,
        user: &str,
        limit: usize,
        include_ended: bool,
        after: Option<After>,
    ) -> Listed {
        let limit = limit.clamp(1, 1000);
        let live = self.live(user);
        let first = if live.len() <= limit.max(200) {
            Order::Newest
        } else {
            Order::Expiry
        };
        let after = after.filter(|after| after.order != Order::Newest || live.len() <= 2000);
        let order = after.map_or(first, |after| after.order);
        let mut listed = Listed {
            sessions: Vec::new(),
            ended: Vec::new(),
            next: None,
            known_user: self.knows_user(user),
            order,
        };
        let mut rest_after = after.map(|after| after.place);
        if order != Order::Ended {
            self.list_live(live, limit, order, rest_after, &mut listed);
            rest_after = None;
        }
        if include_ended && listed.next.is_none() {
            self.list_ended(user, limit, rest_after, &mut listed);
        }
        listed
    }

    fn list_live(
        &self,
        mut names: Vec<usize>,
        limit: usize,
        order: Order,
        after: Option<(u64, SessionId)>,
        listed: &mut Listed,
    ) {
        let created = |name: usize| (self.sessions[name].view.created_at, self.sessions[name].id);
        let expires = |name: usize| (self.sessions[name].view.expires_at, self.sessions[name].id);
        let place = |name| match order {
            Order::Newest => created(name),
            _ => expires(name),
        };
        names.sort_by_key(|name| place(*name));
        if order == Order::Newest {
            names.reverse();
        }
        if let Some(after) = after {
            names.retain(|name| match order {
                Order::Newest => place(*name) < after,
                _ => place(*name) > after,
            });
        }
        if names.len() > limit {
            names.truncate(limit);
            let place = place(names[limit - 1]);
            listed.next = Some(After { order, place });
        }
        names.sort_by_key(|name| created(*name));
        names.reverse();
        listed.sessions = names
            .into_iter()
            .filter_map(|name| self.get(name))
            .collect();
    }

    fn list_ended(
        &self,
        user: &str,
        limit: usize,
        after: Option<(u64, SessionId)>,
        listed: &mut Listed,
    ) {
        let mut names = self.history(user);
        if let Some(after) = after {
            names.retain(|name| self.end_place(*name) < after);
        }
        let room = limit - listed.sessions.len();
        if names.len() > room {
            names.truncate(room);
            let place = match (names.last(), listed.sessions.last()) {
                (Some(last), _) => self.end_place(*last),
                (None, last) => {
                    let last = last.expect("the page is full of live sessions");
                    ((1 << 48) - 1, self.sessions[last.name].id)
                }
            };
            let order = Order::Ended;
            listed.next = Some(After { order, place });
        }
        listed.ended = names
            .into_iter()
            .map(|name| self.ended_view(name))
            .collect();
    }

    /// What the history shows of a user, the last to end first: of everything that has ended, the
    /// last so many, and of those what is recent enough.
    fn history(&self, user: &str) -> Vec<usize> {
        let Some(history) = self.config.history else {
            return Vec::new();
        };
        let of_user = |name: &usize| {
            let session = &self.sessions[*name];
            session.ended.is_some() && session.view.user.0 == user
        };
        let mut names: Vec<_> = (0..self.sessions.len()).filter(of_user).collect();
        names.sort_by_key(|name| self.end_place(*name));
        names.reverse();
        let max = history.max_per_user as usize;
        if let (Some(cut), Some(kept)) = (names.get(max), max.checked_sub(1)) {
            let ties = self.end_place(*cut).0 == self.end_place(names[kept]).0;
            self.has_cut_a_tie.set(self.has_cut_a_tie.get() || ties);
        }
        names.truncate(max);
        names.retain(|name| self.end_place(*name).0 + millis(history.retention) >= self.now);
        names
    }

    fn end_place(&self, name: usize) -> (u64, SessionId) {
        let (at, _) = self.sessions[name].ended.expect("it has ended");
        (at, self.sessions[name].id)
    }
}
