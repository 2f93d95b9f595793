use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::digest::Verifier;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// What the table takes for an entry beside the entry itself: its slot, what links it into the order
/// of eviction, its share of what is remembered of entries that had to go, and the room that both
/// keep free to grow.
const OVERHEAD: usize = 128;

/// A session at hand.
pub(super) struct Entry {
    pub(super) session: Session,
    /// Of the token that the session was read with.
    pub(super) verifier: Verifier,
    /// The user's generation when it was read.
    pub(super) user: u64,
    /// When the touch began that somebody is at, ms by the store's clock; 0 = nobody is.
    touch_begun: AtomicU64,
}

/// Whether a session has to be marked active.
pub(super) enum Touch {
    NotDue,
    /// It has, and somebody is at it whose touch counts for now too.
    UnderWay,
    /// It has. Whoever is told so [takes the turn](Entry::take_turn).
    Due,
}

impl Entry {
    pub(super) fn new(session: Session, verifier: Verifier, user: u64) -> Self {
        Self {
            session,
            verifier,
            user,
            touch_begun: AtomicU64::new(0),
        }
    }

    /// Of callers that come at once, one is told that the touch is due.
    pub(super) fn touch(&self, now: Timestamp, interval: Duration) -> Touch {
        if self.session.last_activity.saturating_add(interval) > now {
            return Touch::NotDue;
        }
        let begun = self.touch_begun.load(Ordering::Relaxed);
        // A touch that has been under way for longer than the interval doesn't cover this moment.
        if begun != 0 && Timestamp::from_millis(begun).saturating_add(interval) > now {
            return Touch::UnderWay;
        }
        let taken = self.touch_begun.compare_exchange(
            begun,
            now.as_millis().max(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        match taken {
            Ok(_) => Touch::Due,
            Err(_) if interval.is_zero() => Touch::Due,
            Err(_) => Touch::UnderWay,
        }
    }

    /// Gives the turn back when dropped, so that a touch that failed is made by the next caller.
    pub(super) fn take_turn(self: Arc<Self>) -> Turn {
        Turn(self)
    }

    /// The bytes that it takes, rounded as allocators round.
    pub(super) fn bytes(&self) -> usize {
        let session = &self.session;
        let device = &session.device;
        let texts = [
            &session.username,
            &session.role,
            &device.name,
            &device.device_type,
            &device.browser,
            &device.ip_address,
        ];
        let texts = texts.map(|text| text.as_ref().map_or(0, |text| allocated(text.capacity())));
        OVERHEAD
            + allocated(size_of::<Self>() + 2 * size_of::<usize>())
            + allocated(session.user_id.as_str().len())
            + allocated(session.data.as_bytes().len())
            + texts.iter().sum::<usize>()
    }
}

fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => (bytes + size_of::<usize>()).next_multiple_of(16).max(32),
    }
}

pub(super) struct Turn(Arc<Entry>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.touch_begun.store(0, Ordering::Relaxed);
    }
}
