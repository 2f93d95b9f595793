use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::ended::EndReason;
use crate::timestamp::Timestamp;
use crate::token::SessionId;
use crate::user::UserId;

/// Something that happened to a session, told in the same atomic step that made it happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, by the store's clock. For a session that expired: its expiry, though it may be told
    /// later, when the next call for this user notices.
    pub at: Timestamp,
    /// Whose session.
    pub user_id: UserId,
    /// Which session.
    pub session_id: SessionId,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// An event for [`EventStream::new`].
    #[must_use]
    pub fn new(at: Timestamp, user_id: UserId, session_id: SessionId, kind: EventKind) -> Self {
        Self {
            at,
            user_id,
            session_id,
            kind,
        }
    }
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It began.
    Created {
        /// Whether this user's device was new; `None` where the device has no fingerprint.
        new_device: Option<bool>,
    },
    /// Its activity came from another address than before.
    NewAddress {
        /// The new one.
        address: IpAddr,
    },
    /// It moved from one device to another, by their fingerprints: an update said so.
    DeviceChanged {
        /// Whether this user's device was new.
        new_device: bool,
    },
    /// Its token was replaced by a new one.
    Rotated,
    /// It ended.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// Events may be missing here: the connection broke, or the reader was too slow. Whoever keeps
/// something by these events has to read it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events were missed")]
pub struct EventsMissed;

/// What happens to every session of the store, from now on, for each user in order. (On a single
/// Redis all is in order; in a cluster, events of different users may overtake each other.)
///
/// Never ends by itself: where the connection breaks it is made again, and
/// `Err(`[`EventsMissed`]`)` stands for what may have happened meanwhile. Dropping it ends it.
pub struct EventStream(Pin<Box<dyn Stream<Item = Result<Event, EventsMissed>> + Send>>);

impl EventStream {
    /// Wraps an implementor's own stream.
    pub fn new(stream: impl Stream<Item = Result<Event, EventsMissed>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// The next event; `None` only once the store is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event, EventsMissed>> {
        std::future::poll_fn(|cx| self.0.as_mut().poll_next(cx)).await
    }
}

impl Stream for EventStream {
    type Item = Result<Event, EventsMissed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}
