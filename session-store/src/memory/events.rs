use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::event::{Event, EventKind, EventStream, EventsMissed};
use crate::session::Session;
use crate::timestamp::Timestamp;

/// How many events a reader may fall behind before it misses some.
const BACKLOG: usize = 1024;

/// Tells whoever listens. It is used under the state's lock, so that events come in the order of
/// the changes.
pub(super) struct Events(Sender<Event>);

impl Events {
    pub(super) fn new() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }

    pub(super) fn tell(&self, at: Timestamp, session: &Session, kind: EventKind) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let event = Event {
            at,
            user_id: session.user_id.clone(),
            session_id: session.id,
            kind,
        };
        // The last reader may have left just now; then there is nobody to tell.
        let _ = self.0.send(event);
    }

    /// What is told from now on. The stream ends with the store, which holds the sender.
    pub(super) fn subscribe(&self) -> EventStream {
        EventStream::new(stream::unfold(self.0.subscribe(), next))
    }
}

async fn next(
    mut receiver: Receiver<Event>,
) -> Option<(Result<Event, EventsMissed>, Receiver<Event>)> {
    match receiver.recv().await {
        Ok(event) => Some((Ok(event), receiver)),
        Err(RecvError::Lagged(_)) => Some((Err(EventsMissed), receiver)),
        Err(RecvError::Closed) => None,
    }
}
