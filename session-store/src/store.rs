use std::future::{Future, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::changes::{ChangeFeed, ChangeListener, ChangesError};
use crate::config::Config;
use crate::credential::{CreatedFor, Credential, Standing};
use crate::ended::{EndedSession, RevokeReason};
use crate::error::{Error, Result};
use crate::event::EventStream;
use crate::page::{List, Page};
use crate::rate::{Admission, Rate, Subject};
use crate::session::{NewSession, Session, Update};
use crate::status::StoreStatus;
use crate::token::{SessionId, Token};
use crate::user::UserId;

/// The contract: what a session store does, and what it promises.
///
/// A store of your own: [`Token::mint`] and [`Digester`](crate::Digester) make what has to be secret,
/// [`NewSession::check`], [`Update::check`] and [`Update::apply_to`] are the rules for fields, each
/// answer has a constructor (whose optional fields are set afterwards), and the contract
/// suite (feature `contract`) tells whether the store keeps the contract.
///
/// Every change is one atomic step, so no interleaving of any two calls leaves a session that
/// authenticates but isn't listed, one that is listed but doesn't authenticate, or more sessions
/// than the limit. Nothing resurrects: a touch, an update or a rotation that races a revocation
/// loses. A session's expiry is exact, by the store's clock.
///
/// **Absent is `Ok(None)`**: unknown, expired and revoked sessions are all the same. An error is
/// an error: [`Error`](crate::Error) says which ones mean "try again".
///
/// **Cost** is given for [`RedisStore`](crate::RedisStore), where a *round trip* is one request and
/// its answer. n is the number of the user's sessions.
///
/// **Cancel safety**: every future may be dropped at any await. Before its first poll nothing
/// happens; afterwards a change happens as a whole or not at all, and which of the two is unknown,
/// as it is after an [`Unavailable`](crate::Error::Unavailable) or a
/// [`Timeout`](crate::Error::Timeout). All changes but [`create`](Self::create),
/// [`update`](Self::update) and [`rotate`](Self::rotate) can simply be called again.
pub trait SessionStore: Send + Sync + 'static {
    /// The settings that this store was made with.
    fn config(&self) -> &Config;

    /// Creates a session and mints its token.
    ///
    /// In the same step: the session of the same user and fingerprint, if there is one, is
    /// *replaced*; where the user then has as many sessions as the limit allows, the policy's
    /// choice is *evicted* or the create refused; the answer tells all that it ended, and whether
    /// the device is new for this user.
    ///
    /// **Cost**: one round trip; flat in n, except that an eviction looks at each of the user's
    /// sessions, of which there are as many as the limit. The first create after the limit was
    /// lowered by more than 500 takes a round trip for each 500 sessions.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::Error::Invalid) names a field that is too long,
    /// [`LimitReached`](crate::Error::LimitReached) where the policy is to reject.
    ///
    /// # Cancel safety
    ///
    /// A create that was cut off may have made a session whose token nobody knows. It is listed,
    /// counts towards the limit, and expires; a create from the same device replaces it.
    fn create(&self, new: NewSession) -> impl Future<Output = Result<Created>> + Send;

    /// The session of this token, and marks it active: where the last activity is longer ago than
    /// [`Config::touch_interval`], it is written, and `address` with it.
    ///
    /// `address` is where the request came from, if known: an activity from another address than
    /// the one before is told as an [event](crate::EventKind::NewAddress).
    ///
    /// **Cost**: one plain read of one key, and where the touch is due one round trip more.
    ///
    /// # Errors
    ///
    /// [`Record`](crate::Error::Record) where the session's record can't be read.
    fn validate(
        &self,
        token: &Token,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<Option<Session>>> + Send;

    /// The session of this token, without marking it active.
    ///
    /// **Cost**: one plain read of one key.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    fn peek(&self, token: &Token) -> impl Future<Output = Result<Option<Session>>> + Send;

    /// Whether a credential that somebody else has issued is good, and its session where it has one.
    /// Marks that active, as [`validate`](Self::validate) does.
    ///
    /// Once its session has ended, for whatever reason, the credential is refused for as long as it, or
    /// another one of its series, may come. Whether it has expired is told by the store's clock. The session's name and role follow the newest credential
    /// that was seen.
    ///
    /// **Cost**: one plain read of two keys; a round trip more where the touch is due, and one for each
    /// credential that is newer than those seen before.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::Error::Invalid) where the credential's name or role is too long,
    /// [`Record`](crate::Error::Record), and [`Conflict`](crate::Error::Conflict) where others change
    /// the session faster than this call can follow. A store that doesn't implement it
    /// [refuses](crate::Error::Refused).
    fn standing(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<Standing>> + Send {
        let _ = (credential, address);
        ready(Err(no_credentials()))
    }

    /// Creates the session of a credential that somebody else has issued, unless it has one or had
    /// one. User, name and role are the credential's, whatever `new` says; all else is as in
    /// [`create`](Self::create).
    ///
    /// **Cost**: one round trip; where there is a session already, one more.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create) and [`standing`](Self::standing).
    ///
    /// # Cancel safety
    ///
    /// After one that was cut off, call it again: it answers the session that there is.
    fn create_for(
        &self,
        credential: &Credential,
        new: NewSession,
    ) -> impl Future<Output = Result<CreatedFor>> + Send {
        let _ = (credential, new);
        ready(Err(no_credentials()))
    }

    /// The session of this id. An id names a session and proves nothing: never log somebody in by
    /// it.
    ///
    /// **Cost**: one plain read of one key.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    fn get(&self, id: SessionId) -> impl Future<Output = Result<Option<Session>>> + Send;

    /// Marks a session active now, however recent its last activity is.
    ///
    /// **Cost**: one round trip; flat in n.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    fn touch(
        &self,
        id: SessionId,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<Option<Session>>> + Send;

    /// Changes a session, provided nobody else has since the caller read it.
    ///
    /// `current` is the session as the caller read it; its [`revision`](Session::revision) is
    /// compared, so of two concurrent updates one gets a
    /// [`Conflict`](crate::Error::Conflict) and nothing is lost silently. Touches and rotations
    /// don't count as updates. Doesn't mark the session active.
    ///
    /// **Cost**: one round trip; flat in n.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::Error::Conflict), [`Invalid`](crate::Error::Invalid),
    /// [`Record`](crate::Error::Record).
    ///
    /// # Cancel safety
    ///
    /// After an update that was cut off, read the session and compare its revision.
    fn update(
        &self,
        current: &Session,
        update: Update,
    ) -> impl Future<Output = Result<Option<Updated>>> + Send;

    /// Gives the session a new token; the old one is dead at once. Marks the session active.
    ///
    /// For every change of what the session may do (login, role): whoever had learnt the token
    /// before gains nothing. Id, user, device, data and absolute expiry stay, so whoever ends the
    /// session by its id ends it whether or not it was rotated meanwhile.
    ///
    /// **Cost**: one round trip; flat in n.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    ///
    /// # Cancel safety
    ///
    /// After a rotation that was cut off the old token may be dead and the new one unknown: the
    /// user has to log in again. Let it run to its end, in a task of its own if need be.
    fn rotate(&self, token: &Token) -> impl Future<Output = Result<Option<Rotated>>> + Send;

    /// A user's sessions, newest first.
    ///
    /// One page holds at most [`List::limit`] sessions; where there are more, [`Page::next`] leads
    /// on. While the user has no more sessions than fit a page, or no more than 200, the pages
    /// are in order of creation, newest first. Beyond that they are in order of expiry, soonest
    /// first, which keeps a page's cost flat, and newest first within the page. A session that
    /// lives throughout is on one of the pages; one that is touched in between may be on two.
    ///
    /// Ended sessions, on demand, follow the live ones, the one that ended last first.
    ///
    /// **Cost**: one round trip a page; grows with the page, not with n. One more for each 500 sessions
    /// that have expired since anybody asked for this user.
    ///
    /// # Errors
    ///
    /// None of its own: a session whose record can't be read is in [`Page::unreadable`].
    fn list(&self, user: &UserId, list: List) -> impl Future<Output = Result<Page>> + Send;

    /// How many sessions a user has.
    ///
    /// **Cost**: one round trip; logarithmic in n.
    ///
    /// # Errors
    ///
    /// None of its own.
    fn count(&self, user: &UserId) -> impl Future<Output = Result<u64>> + Send;

    /// Ends a session by its id; answers the session as it was, `None` where there is none (any
    /// more).
    ///
    /// **Cost**: one round trip; flat in n.
    ///
    /// # Errors
    ///
    /// [`Record`](crate::Error::Record) where the record can't be read; the session has ended all
    /// the same.
    fn revoke(
        &self,
        id: SessionId,
        reason: RevokeReason,
    ) -> impl Future<Output = Result<Option<EndedSession>>> + Send;

    /// Ends the session of this token; answers as [`revoke`](Self::revoke). A token that was
    /// rotated away ends nothing: whoever has validated the token before ends the session by its id,
    /// which a rotation in between doesn't change.
    ///
    /// **Cost**: one round trip; flat in n.
    ///
    /// # Errors
    ///
    /// As [`revoke`](Self::revoke), but a record that can't be read stays: nothing proves that the
    /// token is the session's.
    fn revoke_token(
        &self,
        token: &Token,
        reason: RevokeReason,
    ) -> impl Future<Output = Result<Option<EndedSession>>> + Send;

    /// Ends all sessions of the user of `keep`, but `keep`; answers how many. `None`, and nothing
    /// happens, where `keep` itself is no session (any more): what has been revoked can't revoke.
    ///
    /// **Cost**: one round trip for each 500 sessions, each an atomic step.
    ///
    /// # Errors
    ///
    /// [`Record`](crate::Error::Record) where the record of `keep` can't be read.
    ///
    /// # Cancel safety
    ///
    /// With more than 500 sessions, some may have ended and others not; call it again.
    fn revoke_others(
        &self,
        keep: SessionId,
        reason: RevokeReason,
    ) -> impl Future<Output = Result<Option<u64>>> + Send;

    /// Ends all sessions of a user. Misses none that was there when it was called; one that is
    /// created meanwhile may end too.
    ///
    /// **Cost**: one round trip for each 500 sessions, each an atomic step.
    ///
    /// # Errors
    ///
    /// None of its own: records that can't be read end too.
    ///
    /// # Cancel safety
    ///
    /// As [`revoke_others`](Self::revoke_others).
    fn revoke_all(
        &self,
        user: &UserId,
        reason: RevokeReason,
    ) -> impl Future<Output = Result<RevokedAll>> + Send;

    /// Counts one more of what `subject` does, unless it is more than `rate` allows. All processes
    /// count together. What is counted is the caller's business: logins, in most services.
    ///
    /// **Cost**: one round trip, one key.
    ///
    /// # Errors
    ///
    /// None of its own. A store that doesn't implement it [refuses](crate::Error::Refused).
    fn admit(
        &self,
        subject: Subject<'_>,
        rate: Rate,
    ) -> impl Future<Output = Result<Admission>> + Send {
        let _ = (subject, rate);
        ready(Err(Error::Refused("this store counts nothing".into())))
    }

    /// How the store fares, as far as it can tell without asking anyone.
    ///
    /// **Cost**: none to speak of; for whoever shows figures.
    fn status(&self) -> StoreStatus {
        StoreStatus::default()
    }

    /// Whether the store can be reached and serves.
    ///
    /// **Cost**: one round trip.
    ///
    /// # Errors
    ///
    /// Why it doesn't.
    fn ping(&self) -> impl Future<Output = Result<()>> + Send;

    /// What happens to every session of the store, from now on.
    ///
    /// Returns once the subscription stands: what happens afterwards is told.
    ///
    /// **Cost**: a connection of its own for each stream.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Error::Refused) where the store was made in a way that can't subscribe.
    fn events(&self) -> impl Future<Output = Result<EventStream>> + Send;

    /// Tells of every change to any session, whoever makes it, from now on: what a
    /// [`NearCache`](crate::NearCache) goes by. Unlike [`events`](Self::events) it tells activity,
    /// updates and what was done by hand too, says until when everything is told, and not what has
    /// happened.
    ///
    /// Nothing that is read after this returns changes untold. [`ChangeFeed::told_until`] is moved
    /// on about every `heartbeat`.
    ///
    /// A store doesn't have to: as provided it answers
    /// [`Unsupported`](ChangesError::Unsupported). One that wraps another store may pass this on
    /// only if it keeps no sessions itself.
    ///
    /// **Cost**: a connection of its own to each server, one short request a `heartbeat`, and as
    /// much traffic as the names of all keys that change.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ChangesError::Unsupported), [`Right`](ChangesError::Right),
    /// [`Untold`](ChangesError::Untold).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: nobody is told then.
    fn changes(
        &self,
        listener: Arc<dyn ChangeListener>,
        heartbeat: Duration,
    ) -> impl Future<Output = Result<Box<dyn ChangeFeed>, ChangesError>> + Send {
        let _ = (listener, heartbeat);
        let reason = "this store doesn't tell of changes, which a near cache takes";
        ready(Err(ChangesError::Unsupported(reason)))
    }
}

fn no_credentials() -> Error {
    Error::Refused("this store has no sessions for credentials that others issue".into())
}

/// What [`create`](SessionStore::create) did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Created {
    /// For the client; nobody can ask for it again.
    pub token: Token,
    /// The new session.
    pub session: Session,
    /// The sessions that it ended, replaced ones first.
    pub ended: Vec<EndedSession>,
    /// Whether this user has not used the device before; `None` where it has no fingerprint.
    pub new_device: Option<bool>,
}

impl Created {
    /// With nothing ended, and no fingerprint.
    #[must_use]
    pub fn new(token: Token, session: Session) -> Self {
        Self {
            token,
            session,
            ended: Vec::new(),
            new_device: None,
        }
    }
}

/// What [`update`](SessionStore::update) did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Updated {
    /// The session as it is now.
    pub session: Session,
    /// The session that it replaced, where it took over another's fingerprint.
    pub ended: Vec<EndedSession>,
    /// Whether this user has not used the device before; `None` where the update has no
    /// fingerprint.
    pub new_device: Option<bool>,
}

impl Updated {
    /// With nothing ended, and no fingerprint.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self {
            session,
            ended: Vec::new(),
            new_device: None,
        }
    }
}

/// What [`rotate`](SessionStore::rotate) did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotated {
    /// For the client; nobody can ask for it again.
    pub token: Token,
    /// The session, the same as before.
    pub session: Session,
}

impl Rotated {
    /// The session with its new token.
    #[must_use]
    pub fn new(token: Token, session: Session) -> Self {
        Self { token, session }
    }
}

/// What [`revoke_all`](SessionStore::revoke_all) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevokedAll {
    /// How many sessions ended.
    pub count: u64,
    /// Whether the store has had a session of this user, as long as it
    /// [remembers](crate::KnownDevices::retention).
    pub known_user: bool,
}

impl RevokedAll {
    /// How many sessions ended, and whether the user is known.
    #[must_use]
    pub fn new(count: u64, known_user: bool) -> Self {
        Self { count, known_user }
    }
}
