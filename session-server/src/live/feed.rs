//! What one client hears, as server-sent events.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use session_store::{Credential, Session, SessionId, SessionStore, Standing, UserId};
use tokio::time::{Instant, sleep_until};

use super::hub::Subscription;
use super::notice::{Message, Notice};
use crate::body::Body;
use crate::config::Credentials;
use crate::wire::EventObject;

/// How often a line is sent where nothing happens, so that nobody in between takes the connection for
/// dead; and how often the caller is looked at again. A session that expired is noticed by this.
const BEAT: Duration = Duration::from_secs(20);

/// The least that passes before a look that comes sooner than that, and the most that is added to it:
/// what all who listen have missed at once, they don't all look at in the same moment.
const SOON: Duration = Duration::from_secs(1);

/// How long a client waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);

/// What entitles a client to listen. Its stream is over when that is.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    pub(crate) store: Arc<S>,
    pub(crate) entitled: Entitled,
    /// Where it has to be an admin's: who is one.
    pub(crate) admins: Option<Credentials>,
    /// How old what the store answers may be, at most.
    pub(crate) staleness: Duration,
}

/// By what a client may listen.
#[derive(Clone, Debug)]
pub(crate) enum Entitled {
    /// By a service key, for ever.
    Service,
    /// By its session; by an access token, until that expires.
    Session(SessionId, Option<Instant>),
    /// By an access token that has no session. Once it has this one, that counts: the stream ends, and
    /// the client comes back by its session.
    AccessToken(Box<Credential>, SessionId, Instant),
}

impl Entitled {
    /// The session that is listening.
    fn session(&self) -> Option<SessionId> {
        match self {
            Self::Service => None,
            Self::Session(id, _) | Self::AccessToken(_, id, _) => Some(*id),
        }
    }

    fn until(&self) -> Option<Instant> {
        match self {
            Self::Service => None,
            Self::Session(_, until) => *until,
            Self::AccessToken(_, _, until) => Some(*until),
        }
    }
}

/// What a look at the client has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Entitled,
    NotEntitled,
    /// The store can't tell. An outage entitles nobody to less.
    Unknown,
}

impl<S: SessionStore> Guard<S> {
    /// Looks when the client begins to listen: since it was asked who it is, its session may have ended,
    /// or that of its access token begun.
    pub(crate) async fn begin(&mut self) -> Look {
        if let Entitled::AccessToken(credential, _, until) = &self.entitled
            && let Ok(Standing::Live(session)) = self.store.standing(credential, None).await
        {
            self.entitled = Entitled::Session(session.id, Some(*until));
        }
        self.look().await
    }

    /// Whether the client is still entitled, by what it began with.
    async fn look(&self) -> Look {
        let entitled = match &self.entitled {
            Entitled::Service => Ok(true),
            Entitled::Session(id, _) => {
                let session = self.store.get(*id).await;
                session.map(|session| session.is_some_and(|session| self.may(&session)))
            }
            Entitled::AccessToken(credential, ..) => {
                let standing = self.store.standing(credential, None).await;
                standing.map(|standing| standing == Standing::NoSession)
            }
        };
        match entitled {
            Ok(true) => Look::Entitled,
            Ok(false) => Look::NotEntitled,
            Err(_) => Look::Unknown,
        }
    }

    /// Whether the session's role still allows it.
    fn may(&self, session: &Session) -> bool {
        self.admins.as_ref().is_none_or(|admins| {
            let role = session.role.as_deref();
            role.is_some_and(|role| admins.is_admin_role(role))
        })
    }

    /// When what has happened by now shows for sure: a near cache may be behind by up to its bound.
    fn soon(&self) -> Instant {
        Instant::now() + self.staleness + SOON.mul_f64(1.0 + rand::random::<f64>())
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
            // The session may have ended before it was listened to.
            beat: guard.soon(),
            guard,
            user,
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
            let until = self.guard.entitled.until();
            let expired = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => pending().await,
                }
            };
            let message = tokio::select! {
                () = expired => return None,
                message = self.subscription.next() => message?,
                () = sleep_until(self.beat) => {
                    let look = self.guard.look().await;
                    self.beat = match look {
                        Look::Entitled => Instant::now() + BEAT,
                        Look::NotEntitled => return None,
                        Look::Unknown => self.guard.soon(),
                    };
                    return Some(Bytes::from_static(b":\n\n"));
                }
            };
            match message {
                Message::Missed(place) => {
                    // The end of the caller's own session may be among what was missed, or all of it.
                    let is_unsure = matches!(self.guard.entitled, Entitled::AccessToken(..));
                    if is_unsure || self.guard.look().await == Look::NotEntitled {
                        return None;
                    }
                    self.beat = self.guard.soon();
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
        let is_own = self.guard.entitled.session() == Some(event.session_id);
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
        let has_begun = matches!(self.guard.entitled, Entitled::AccessToken(..));
        self.is_over |= is_own && (has_begun || object.is_end());
    }
}

#[cfg(test)]
mod tests {
    use session_store::{Config, MemoryStore, NewSession, RevokeReason};

    use super::super::hub::Hub;
    use super::*;

    /// A near cache may still know a session that ended while nobody was told.
    #[tokio::test(start_paused = true)]
    async fn after_a_gap_the_client_is_looked_at_again_soon() {
        let store = Arc::new(MemoryStore::new(Config::default()).expect("a good configuration"));
        let user = UserId::from(74);
        let login = store.create(NewSession::new(user.clone())).await;
        let id = login.expect("a session").session.id;
        let hub = Arc::new(Hub::new(1));
        let subscription = hub.subscribe(vec![user.clone()], Some(user.clone()), None);
        let guard = Guard {
            store: Arc::clone(&store),
            entitled: Entitled::Session(id, None),
            admins: None,
            staleness: Duration::from_secs(3),
        };
        let mut feed = Feed::new(subscription.expect("room"), guard, user, false);
        let beat = b":\n\n";
        assert!(
            feed.next()
                .await
                .expect("how it begins")
                .starts_with(b"retry")
        );
        assert_eq!(feed.next().await.expect("a look"), beat.as_slice());
        hub.tell_missed();
        let reset = feed.next().await.expect("it is told");
        assert!(reset.starts_with(b"id: "), "{reset:?}");
        let since = Instant::now();
        let revoked = store.revoke(id, RevokeReason::Revoked).await;
        revoked.expect("no error").expect("it was there");
        assert_eq!(feed.next().await, None);
        let (soon, late) = (Duration::from_secs(3), Duration::from_secs(6));
        assert!((soon..late).contains(&since.elapsed()));
    }
}
