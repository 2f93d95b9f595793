//! What has happened lately, and who is told.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_store::{Event, UserId};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

use super::listeners::{ListenerKey, Listeners};
use super::notice::{Message, Notice, NoticeId};

/// How many events are kept for clients that come back.
const KEPT: usize = 4096;

/// Hands the store's events to whoever listens to their user.
pub(crate) struct Hub {
    state: Mutex<State>,
    /// The most that listen at once.
    max: usize,
    /// Somebody listens: from then on there is a subscription.
    pub(super) wanted: Notify,
    pub(super) stands: watch::Sender<bool>,
}

struct State {
    /// The place of the last event.
    last: NoticeId,
    recent: VecDeque<Arc<Notice>>,
    listeners: Listeners,
    is_closed: bool,
}

/// A place among those who listen, for as long as it lives.
pub(crate) struct Subscription {
    hub: Arc<Hub>,
    key: ListenerKey,
    messages: mpsc::Receiver<Message>,
    /// Where it began: what comes next comes after this.
    pub(crate) begins_after: NoticeId,
    /// What has happened since the place that was to be carried on from; `None` where that isn't
    /// known any more.
    pub(crate) missed: Option<Vec<Arc<Notice>>>,
}

impl Hub {
    /// A hub that up to `max` listen to.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                last: NoticeId::beginning(),
                recent: VecDeque::new(),
                listeners: Listeners::default(),
                is_closed: false,
            }),
            max,
            wanted: Notify::new(),
            stands: watch::Sender::new(false),
        }
    }

    /// Waits until the subscription stands; answers whether it does within `patience`.
    pub(crate) async fn ready(&self, patience: Duration) -> bool {
        self.wanted.notify_one();
        let mut stands = self.stands.subscribe();
        let stands = timeout(patience, stands.wait_for(|stands| *stands));
        matches!(stands.await, Ok(Ok(_)))
    }

    /// Listens to what happens to these users' sessions, the caller's own among them. `None` where
    /// too many listen already.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        users: Vec<UserId>,
        caller: Option<UserId>,
        carry_on_from: Option<NoticeId>,
    ) -> Option<Subscription> {
        let mut state = self.state();
        let missed = carry_on_from.and_then(|from| state.since(from, &users));
        let (key, messages) = state.listeners.add(users, caller, self.max)?;
        if state.is_closed {
            state.listeners.remove(key);
        }
        Some(Subscription {
            hub: Arc::clone(self),
            key,
            messages,
            begins_after: state.last,
            missed,
        })
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.state().listeners.count()
    }

    /// Ends all that listen, now and later: the server shuts down.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.listeners.clear();
    }

    pub(super) fn tell(&self, event: Event) {
        let mut state = self.state();
        state.last.number += 1;
        let id = state.last;
        let notice = Arc::new(Notice { id, event });
        if state.recent.len() == KEPT {
            state.recent.pop_front();
        }
        state.recent.push_back(Arc::clone(&notice));
        let message = Message::Notice(Arc::clone(&notice));
        state.listeners.tell(&notice.event.user_id, &message);
    }

    pub(super) fn tell_missed(&self) {
        let mut state = self.state();
        state.last = NoticeId::beginning();
        state.recent.clear();
        let missed = Message::Missed(state.last);
        state.listeners.tell_all(&missed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

impl State {
    fn since(&self, from: NoticeId, users: &[UserId]) -> Option<Vec<Arc<Notice>>> {
        let oldest = self.last.number - self.recent.len() as u64;
        if from.epoch != self.last.epoch || !(oldest..=self.last.number).contains(&from.number) {
            return None;
        }
        let is_new = |notice: &&Arc<Notice>| {
            notice.id.number > from.number && users.contains(&notice.event.user_id)
        };
        Some(self.recent.iter().filter(is_new).map(Arc::clone).collect())
    }
}

impl Subscription {
    /// The next message; `None` once the server shuts down, or this listener was too slow.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.state().listeners.remove(self.key);
    }
}
