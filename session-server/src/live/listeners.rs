//! Who listens to which user.

use std::collections::HashMap;

use session_store::UserId;
use tokio::sync::mpsc;

use super::notice::Message;

/// How many messages a listener may be behind before it has to come back.
const BEHIND: usize = 64;

/// How many streams one user's clients may have. Each of a person's tabs has one.
const MAX_OF_USER: usize = 32;

/// All who listen. One that hears of several users is in here once.
#[derive(Default)]
pub(super) struct Listeners {
    all: HashMap<ListenerKey, Listener>,
    by_user: HashMap<UserId, Vec<ListenerKey>>,
    next: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ListenerKey(u64);

struct Listener {
    users: Vec<UserId>,
    /// Whose client it is; none for a service.
    caller: Option<UserId>,
    messages: mpsc::Sender<Message>,
}

impl Listeners {
    /// Adds one that hears of these users, the caller among them. `None` where the caller has as many
    /// as a user may have, or all together have `max`.
    pub(super) fn add(
        &mut self,
        users: Vec<UserId>,
        caller: Option<UserId>,
        max: usize,
    ) -> Option<(ListenerKey, mpsc::Receiver<Message>)> {
        let of_caller = caller.as_ref().map_or(0, |caller| self.count_of(caller));
        if self.all.len() >= max || of_caller >= MAX_OF_USER {
            return None;
        }
        let key = ListenerKey(self.next);
        self.next += 1;
        for user in &users {
            self.by_user.entry(user.clone()).or_default().push(key);
        }
        let (messages, receiver) = mpsc::channel(BEHIND);
        let listener = Listener {
            users,
            caller,
            messages,
        };
        self.all.insert(key, listener);
        Some((key, receiver))
    }

    pub(super) fn remove(&mut self, key: ListenerKey) {
        let Some(listener) = self.all.remove(&key) else {
            return;
        };
        for user in &listener.users {
            if let Some(keys) = self.by_user.get_mut(user) {
                keys.retain(|other| *other != key);
                if keys.is_empty() {
                    self.by_user.remove(user);
                }
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.by_user.clear();
    }

    /// Tells those who listen to this user.
    pub(super) fn tell(&mut self, user: &UserId, message: &Message) {
        let keys = self.by_user.get(user).cloned().unwrap_or_default();
        self.tell_these(keys, message);
    }

    pub(super) fn tell_all(&mut self, message: &Message) {
        self.tell_these(self.all.keys().copied().collect(), message);
    }

    /// Whoever is too slow is let go: its stream ends, so that it comes back and carries on.
    fn tell_these(&mut self, keys: Vec<ListenerKey>, message: &Message) {
        for key in keys {
            let messages = &self.all[&key].messages;
            if messages.try_send(message.clone()).is_err() {
                self.remove(key);
            }
        }
    }

    fn count_of(&self, caller: &UserId) -> usize {
        let keys = self.by_user.get(caller).into_iter().flatten();
        let own = |key: &&ListenerKey| self.all[*key].caller.as_ref() == Some(caller);
        keys.filter(own).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::NoticeId;
    use super::*;

    const MESSAGE: Message = Message::Missed(NoticeId {
        epoch: 0,
        number: 0,
    });

    fn users(ids: &[i64]) -> Vec<UserId> {
        ids.iter().map(|id| UserId::from(*id)).collect()
    }

    #[test]
    fn who_listens_to_two_users_and_is_too_slow_for_one_hears_of_neither() {
        let mut listeners = Listeners::default();
        let (_, mut slow) = listeners.add(users(&[1, 2]), None, 9).expect("room");
        let (_, mut other) = listeners.add(users(&[2]), None, 9).expect("room");
        for _ in 0..=BEHIND {
            listeners.tell(&1.into(), &MESSAGE);
        }
        listeners.tell(&2.into(), &MESSAGE);
        for _ in 0..BEHIND {
            slow.try_recv().expect("what was told in time");
        }
        assert_eq!(
            slow.try_recv().err(),
            Some(mpsc::error::TryRecvError::Disconnected)
        );
        other.try_recv().expect("it wasn't slow");
        assert_eq!(listeners.all.len(), 1);
        assert_eq!(listeners.by_user.len(), 1);
    }

    #[test]
    fn all_are_told_once() {
        let mut listeners = Listeners::default();
        let (_, mut both) = listeners.add(users(&[1, 2]), None, 9).expect("room");
        listeners.tell_all(&MESSAGE);
        both.try_recv().expect("it is told");
        both.try_recv().expect_err("and once only");
    }

    #[test]
    fn a_user_has_so_many_and_all_together_so_many() {
        let mut listeners = Listeners::default();
        let max = 2 * MAX_OF_USER;
        let mut keys = Vec::new();
        let mut add = |listeners: &mut Listeners, users: Vec<UserId>, caller: Option<i64>| {
            let added = listeners.add(users, caller.map(UserId::from), max);
            added
                .map(|(key, receiver)| keys.push((key, receiver)))
                .is_some()
        };
        for _ in 0..MAX_OF_USER {
            assert!(add(&mut listeners, users(&[1]), Some(1)));
        }
        assert!(!add(&mut listeners, users(&[1]), Some(1)));
        assert!(!add(&mut listeners, users(&[2, 1]), Some(1)));
        for _ in 0..MAX_OF_USER {
            assert!(add(&mut listeners, users(&[1]), None));
        }
        assert!(!add(&mut listeners, users(&[3]), Some(3)));
        assert!(!add(&mut listeners, users(&[3]), None));
        for (key, _) in keys {
            listeners.remove(key);
        }
        assert!(listeners.all.is_empty() && listeners.by_user.is_empty());
    }
}
