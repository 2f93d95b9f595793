//! The one subscription, and who listens to which user.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_store::{Event, SessionStore, UserId};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout};

/// How many events are kept for clients that come back.
const KEPT: usize = 4096;

/// How many a client may be behind before it has to come back.
const BEHIND: usize = 64;

/// How long to wait before the store is asked again for its events.
const PAUSE: Duration = Duration::from_secs(1);

/// Hands the store's events to whoever listens to their user.
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Somebody listens: from then on there is a subscription.
    wanted: Notify,
    stands: watch::Sender<bool>,
}

struct State {
    /// Changes wherever events may be missing, and is another one in each process: what a client
    /// heard before can't be carried on from there.
    epoch: u64,
    /// Of the last event.
    number: u64,
    recent: VecDeque<Arc<Notice>>,
    listeners: HashMap<UserId, Vec<mpsc::Sender<Message>>>,
    is_closed: bool,
}

/// An event, and its place among those of this process.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) id: NoticeId,
    pub(crate) event: Event,
}

/// What a client says to carry on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoticeId {
    epoch: u64,
    number: u64,
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.number)
    }
}

impl FromStr for NoticeId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, number) = text.split_once('-').ok_or(())?;
        Ok(Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| ())?,
            number: number.parse().map_err(|_| ())?,
        })
    }
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Notice(Arc<Notice>),
    /// Events may be missing here; the next ones come after this place.
    Missed(NoticeId),
}

/// A place among those who listen, for as long as it lives.
pub(crate) struct Subscription {
    hub: Arc<Hub>,
    users: Vec<UserId>,
    messages: mpsc::Receiver<Message>,
    /// Where it began: what comes next comes after this.
    pub(crate) begins_after: NoticeId,
    /// What has happened since the place that was to be carried on from; `None` where that isn't
    /// known any more.
    pub(crate) missed: Option<Vec<Arc<Notice>>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                epoch: rand::random(),
                number: 0,
                recent: VecDeque::new(),
                listeners: HashMap::new(),
                is_closed: false,
            }),
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

    /// Listens to what happens to these users' sessions.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        users: Vec<UserId>,
        carry_on_from: Option<NoticeId>,
    ) -> Subscription {
        let (sender, messages) = mpsc::channel(BEHIND);
        let mut state = self.state();
        if !state.is_closed {
            for user in &users {
                let listeners = state.listeners.entry(user.clone()).or_default();
                listeners.push(sender.clone());
            }
        }
        Subscription {
            hub: Arc::clone(self),
            begins_after: state.last(),
            missed: carry_on_from.and_then(|from| state.since(from, &users)),
            users,
            messages,
        }
    }

    /// Ends all that listen, now and later: the server shuts down.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.listeners.clear();
    }

    fn tell(&self, event: Event) {
        let mut state = self.state();
        state.number += 1;
        let id = state.last();
        let notice = Arc::new(Notice { id, event });
        if state.recent.len() == KEPT {
            state.recent.pop_front();
        }
        state.recent.push_back(Arc::clone(&notice));
        if let Some(listeners) = state.listeners.get_mut(&notice.event.user_id) {
            // Whoever is too slow is let go, comes back and carries on.
            listeners.retain(|it| it.try_send(Message::Notice(Arc::clone(&notice))).is_ok());
        }
    }

    fn tell_missed(&self) {
        let mut state = self.state();
        state.epoch = rand::random();
        state.number = 0;
        state.recent.clear();
        let missed = Message::Missed(state.last());
        for listeners in state.listeners.values_mut() {
            listeners.retain(|listener| listener.try_send(missed.clone()).is_ok());
        }
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
    fn last(&self) -> NoticeId {
        NoticeId {
            epoch: self.epoch,
            number: self.number,
        }
    }

    fn since(&self, from: NoticeId, users: &[UserId]) -> Option<Vec<Arc<Notice>>> {
        let oldest = self.number - self.recent.len() as u64;
        if from.epoch != self.epoch || !(oldest..=self.number).contains(&from.number) {
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
        self.messages.close();
        let mut state = self.hub.state();
        for user in &self.users {
            if let Some(listeners) = state.listeners.get_mut(user) {
                listeners.retain(|listener| !listener.is_closed());
                if listeners.is_empty() {
                    state.listeners.remove(user);
                }
            }
        }
    }
}

/// Keeps the subscription, from the moment that somebody listens. Never ends by itself.
pub(crate) async fn follow<S: SessionStore>(store: Arc<S>, hub: Arc<Hub>) {
    hub.wanted.notified().await;
    loop {
        match store.events().await {
            Ok(mut events) => {
                hub.stands.send_replace(true);
                while let Some(event) = events.next().await {
                    match event {
                        Ok(event) => hub.tell(event),
                        Err(_missed) => hub.tell_missed(),
                    }
                }
                hub.stands.send_replace(false);
            }
            Err(error) => tracing::warn!(%error, "can't follow the store's events"),
        }
        sleep(PAUSE).await;
        // What happened meanwhile.
        hub.tell_missed();
    }
}
