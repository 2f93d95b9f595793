//! What one client hears, as server-sent events.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use session_store::{SessionId, SessionStore, UserId};
use tokio::time::{Instant, sleep_until};

use super::hub::{Message, Notice, Subscription};
use crate::body::Body;
use crate::config::Credentials;
use crate::wire::EventObject;

/// How often a line is sent where nothing happens, so that nobody in between takes the connection for
/// dead; and how often the caller is looked at again. A session that expired is noticed by this.
const BEAT: Duration = Duration::from_secs(20);

/// The first look comes sooner: a near cache may have been behind when the stream began, by up to its
/// bound, and the end of the session lies before it then.
const FIRST_BEAT: Duration = Duration::from_secs(2);

/// How long a client waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);

/// What entitles a client to listen. Its stream is over when that is.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    pub(crate) store: Arc<S>,
    /// The session that is asking; none for a service.
    pub(crate) session: Option<SessionId>,
    /// Where it has to be an admin's: who is one.
    pub(crate) admins: Option<Credentials>,
}

impl<S: SessionStore> Guard<S> {
    /// Whether the client is still entitled. An outage entitles nobody to less.
    pub(crate) async fn holds(&self) -> bool {
        let Some(id) = self.session else {
            return true;
        };
        match self.store.get(id).await {
            Ok(Some(session)) => self.admins.as_ref().is_none_or(|admins| {
                let role = session.role.as_deref();
                role.is_some_and(|role| admins.is_admin_role(role))
            }),
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

/// One client's stream.
pub(crate) struct Feed<S> {
    subscription: Subscription,
    guard: Guard<S>,
    /// Whose sessions are told of. The caller's own is listened to besides, for when it ends.
    user: UserId,
    beat: Instant,
    /// What is sent first.
    first: Option<Bytes>,
    is_over: bool,
}

impl<S: SessionStore> Feed<S> {
    /// `carries_on` is whether the client said where to.
    pub(crate) fn new(
        mut subscription: Subscription,
        guard: Guard<S>,
        user: UserId,
        carries_on: bool,
    ) -> Self {
        let missed = subscription.missed.take();
        let mut feed = Self {
            subscription,
            guard,
            user,
            beat: Instant::now() + FIRST_BEAT,
            first: None,
            is_over: false,
        };
        let mut first = format!("retry: {}\n", RETRY.as_millis());
        let begins_after = feed.subscription.begins_after;
        match missed {
            Some(notices) => {
                for notice in notices {
                    feed.write(&notice, &mut first);
                }
                first.push('\n');
            }
            None => {
                let event = if carries_on { "reset" } else { "ready" };
                let _ = write!(first, "id: {begins_after}\nevent: {event}\ndata: {{}}\n\n");
            }
        }
        feed.first = Some(first.into());
        feed
    }

    pub(crate) fn into_body(self) -> Body {
        let events = stream::unfold(Box::new(self), |mut feed| async {
            let bytes = feed.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), feed))
        });
        Body::Right(StreamBody::new(events).boxed_unsync())
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.is_over {
            let message = tokio::select! {
                message = self.subscription.next() => message?,
                () = sleep_until(self.beat) => {
                    self.beat = Instant::now() + BEAT;
                    return self.guard.holds().await.then(|| Bytes::from_static(b":\n\n"));
                }
            };
            match message {
                Message::Missed(place) => {
                    // The end of the caller's own session may be among what was missed.
                    if !self.guard.holds().await {
                        return None;
                    }
                    let reset = format!("id: {place}\nevent: reset\ndata: {{}}\n\n");
                    return Some(reset.into());
                }
                Message::Notice(notice) => {
                    let mut text = String::new();
                    self.write(&notice, &mut text);
                    if !text.is_empty() {
                        return Some(text.into());
                    }
                }
            }
        }
        None
    }

    /// Writes what the client is to hear of this; and notes the end of the caller's own session.
    fn write(&mut self, notice: &Notice, text: &mut String) {
        let event = &notice.event;
        let is_own = self.guard.session == Some(event.session_id);
        let object = EventObject::new(event, is_own);
        if event.user_id == self.user {
            let data = serde_json::to_string(&object)
                .expect("wire types have string keys, so they serialise");
            let _ = write!(
                text,
                "id: {}\nevent: {}\ndata: {data}\n\n",
                notice.id,
                object.name()
            );
        }
        self.is_over |= is_own && object.is_end();
    }
}
