//! From the store's events to those who listen.

use std::sync::Arc;
use std::time::Duration;

use session_store::{EventStream, SessionStore};
use tokio::time::sleep;

use super::hub::Hub;

/// How long to wait before the store is asked again for its events.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the one subscription, from the moment that somebody listens. Never ends by itself.
pub(crate) async fn follow<S: SessionStore>(store: Arc<S>, hub: Arc<Hub>) {
    hub.wanted.notified().await;
    let mut events = subscribe(&*store).await;
    loop {
        hub.stands.send_replace(true);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => hub.tell(event),
                Err(_missed) => hub.tell_missed(),
            }
        }
        hub.stands.send_replace(false);
        sleep(PAUSE).await;
        events = subscribe(&*store).await;
        // Only now is all that was missed in the past.
        hub.tell_missed();
    }
}

/// Asks until it gets them. An outage is told once, and so is its end.
async fn subscribe<S: SessionStore>(store: &S) -> EventStream {
    let mut is_down = false;
    loop {
        match store.events().await {
            Ok(events) => {
                if is_down {
                    tracing::info!("the store's events are followed again");
                }
                return events;
            }
            Err(error) if !is_down => {
                tracing::warn!(%error, "can't follow the store's events");
                is_down = true;
            }
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}
