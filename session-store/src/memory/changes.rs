use std::sync::{Arc, Weak};
use std::time::Instant;

use super::Inner;
use crate::changes::{ChangeFeed, ChangeListener};
use crate::timestamp::Timestamp;
use crate::token::SessionId;

/// Who is told of changes. It is used under the state's lock, so a change is told before anybody
/// can read it.
#[derive(Default)]
pub(super) struct Listeners(Vec<Weak<dyn ChangeListener>>);

impl Listeners {
    pub(super) fn add(&mut self, listener: Weak<dyn ChangeListener>) {
        self.0.retain(|listener| listener.strong_count() > 0);
        self.0.push(listener);
    }

    pub(super) fn tell(&self, id: SessionId) {
        for listener in self.0.iter().filter_map(Weak::upgrade) {
            listener.changed(id);
        }
    }
}

/// Keeps the listener, and the store, for as long as it is to be told.
pub(super) struct Feed {
    store: Arc<Inner>,
    _listener: Arc<dyn ChangeListener>,
}

impl Feed {
    pub(super) fn start(store: Arc<Inner>, listener: Arc<dyn ChangeListener>) -> Self {
        // Others may hold the listener too; this one's end is the end of the telling.
        let listener: Arc<dyn ChangeListener> = Arc::new(Only(listener));
        store.step(|state, _| state.listeners.add(Arc::downgrade(&listener)));
        Self {
            store,
            _listener: listener,
        }
    }
}

impl ChangeFeed for Feed {
    fn told_until(&self, now: Instant) -> Option<Instant> {
        Some(now)
    }

    fn time(&self, _: Instant) -> Timestamp {
        (self.store.clock)()
    }
}

struct Only(Arc<dyn ChangeListener>);

impl ChangeListener for Only {
    fn changed(&self, id: SessionId) {
        self.0.changed(id);
    }

    fn all_changed(&self) {
        self.0.all_changed();
    }
}
