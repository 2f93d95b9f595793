//! The embedded back end.

mod change;
mod changes;
mod clock;
mod credential;
mod device;
mod events;
mod history;
mod live;
mod page;
mod rates;
mod state;
mod sweep;
#[cfg(test)]
mod tests;
mod user;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use self::changes::Feed;
pub use self::clock::ManualClock;
use self::credential::Coming;
use self::live::Arrival;
use self::state::State;
use self::sweep::Sweeper;
use crate::changes::{ChangeFeed, ChangeListener, ChangesError};
use crate::config::Config;
use crate::credential::{CreatedFor, Credential, Standing};
use crate::digest::Digester;
use crate::ended::{EndedSession, RevokeReason};
use crate::error::Result;
use crate::event::EventStream;
use crate::page::{List, Page};
use crate::rate::{Admission, Rate, Subject};
use crate::session::{NewSession, Session, Update};
use crate::store::{Created, RevokedAll, Rotated, SessionStore, Updated};
use crate::timestamp::Timestamp;
use crate::token::{SessionId, Token};
use crate::user::UserId;

/// The embedded, in-process store: sessions that end with the process at the latest.
///
/// For tests and for trying things out, with nothing installed; it does what
/// [`RedisStore`](crate::RedisStore) does, but for the sessions of this process alone. Clones share
/// the sessions.
///
/// **Cost**: every call is one step under one lock, without any await. A step is logarithmic in all
/// sessions, and listing a user's sessions sorts those of this user.
///
/// **Memory** is bounded: by the sessions it may hold, and what it remembers of users without a
/// session is limited to as many users. What has expired is dropped by the calls that follow; a
/// store that was made inside a tokio runtime (with its time driver) also drops it every second
/// while nobody calls.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    config: Config,
    digester: Digester,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    state: Mutex<State>,
    sweeper: OnceLock<Sweeper>,
}

impl MemoryStore {
    /// The most sessions of a store that is not made [with another bound](Self::with_bound).
    pub const DEFAULT_BOUND: usize = 1_000_000;

    /// A store without a session.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::Error::Config) where the settings don't go together.
    pub fn new(config: Config) -> Result<Self> {
        Self::with_bound(config, Self::DEFAULT_BOUND)
    }

    /// A store that holds at most `max_sessions`; a create beyond answers
    /// [`Full`](crate::Error::Full). Of users without a session it remembers at most as many; those
    /// whose memory ends soonest make room.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_bound(config: Config, max_sessions: usize) -> Result<Self> {
        Self::build(config, max_sessions, || SystemTime::now().into())
    }

    /// A store that asks another clock than the system's: a [`ManualClock`], say.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_clock(
        config: Config,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::build(config, Self::DEFAULT_BOUND, clock)
    }

    fn build(
        config: Config,
        bound: usize,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self> {
        config.check()?;
        let inner = Arc::new(Inner {
            digester: Digester::new(config.pepper.as_ref()),
            clock: Box::new(clock),
            state: Mutex::new(State::new(config.clone(), bound)),
            sweeper: OnceLock::new(),
            config,
        });
        if let Some(sweeper) = Sweeper::start(Arc::downgrade(&inner)) {
            inner.sweeper.get_or_init(|| sweeper);
        }
        Ok(Self(inner))
    }
}

impl Inner {
    /// What is computed before the state is locked.
    fn arrival(&self, token: &Token, new: NewSession) -> Arrival {
        let fingerprint = new.fingerprint.as_deref();
        Arrival {
            id: token.id(),
            verifier: self.digester.verifier(token),
            fingerprint: fingerprint.map(|text| self.digester.fingerprint(&new.user_id, text)),
            new_device: None,
            ends_at: None,
            new,
        }
    }

    /// One atomic step. The clock is read once and under the lock, so that the order of the
    /// moments is the order of the steps.
    fn step<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        // Only a clock that panics can poison the lock, and it does before anything has changed.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        state.settle(now);
        change(&mut state, now)
    }
}

impl SessionStore for MemoryStore {
    fn config(&self) -> &Config {
        &self.0.config
    }

    async fn create(&self, new: NewSession) -> Result<Created> {
        new.check(&self.0.config)?;
        let token = Token::mint(&new.user_id)?;
        let arrival = self.0.arrival(&token, new);
        let entered = self.0.step(|state, now| state.create(arrival, now))?;
        Ok(entered.created(token))
    }

    async fn standing(&self, credential: &Credential, address: Option<IpAddr>) -> Result<Standing> {
        credential.check()?;
        let id = self.0.digester.session_id(credential);
        let step = |state: &mut State, now| state.standing(id, credential, address, now);
        Ok(self.0.step(step))
    }

    async fn create_for(&self, credential: &Credential, new: NewSession) -> Result<CreatedFor> {
        let new = credential.claims_in(new);
        new.check(&self.0.config)?;
        let token = Token::mint_for(self.0.digester.session_id(credential))?;
        let arrival = self.0.arrival(&token, new);
        let step = |state: &mut State, now| state.create_for(credential, arrival, now);
        let entered = match self.0.step(step)? {
            Coming::Entered(entered) => entered,
            Coming::Stands(session) => return Ok(CreatedFor::Stands(session)),
            Coming::Over => return Ok(CreatedFor::Over),
        };
        Ok(CreatedFor::Begun(entered.created(token)))
    }

    async fn validate(&self, token: &Token, address: Option<IpAddr>) -> Result<Option<Session>> {
        let verifier = self.0.digester.verifier(token);
        let step = |state: &mut State, now| state.validate(token.id(), &verifier, address, now);
        Ok(self.0.step(step))
    }

    async fn peek(&self, token: &Token) -> Result<Option<Session>> {
        let verifier = self.0.digester.verifier(token);
        let step = |state: &mut State, _| state.authenticate(token.id(), &verifier).cloned();
        Ok(self.0.step(step))
    }

    async fn get(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.0.step(|state, _| state.session(id).cloned()))
    }

    async fn touch(&self, id: SessionId, address: Option<IpAddr>) -> Result<Option<Session>> {
        Ok(self.0.step(|state, now| state.touch(id, address, now)))
    }

    async fn update(&self, current: &Session, update: Update) -> Result<Option<Updated>> {
        update.check(&self.0.config)?;
        let fingerprint = update.fingerprint.as_deref();
        let device = fingerprint.map(|text| self.0.digester.fingerprint(&current.user_id, text));
        let step = |state: &mut State, now| {
            state.update(current.id, current.revision, &update, device, now)
        };
        let entered = self.0.step(step)?;
        Ok(entered.map(|entered| Updated {
            session: entered.session,
            ended: entered.ended,
            new_device: entered.new_device,
        }))
    }

    async fn rotate(&self, token: &Token) -> Result<Option<Rotated>> {
        let next = Token::mint_for(token.id())?;
        let (old, new) = (
            self.0.digester.verifier(token),
            self.0.digester.verifier(&next),
        );
        let step = |state: &mut State, now| state.rotate(token.id(), &old, new, now);
        Ok(self.0.step(step).map(|session| Rotated {
            token: next,
            session,
        }))
    }

    async fn list(&self, user: &UserId, list: List) -> Result<Page> {
        Ok(self.0.step(|state, _| state.list(user.as_str(), list)))
    }

    async fn count(&self, user: &UserId) -> Result<u64> {
        Ok(self.0.step(|state, _| state.count(user.as_str())))
    }

    async fn revoke(&self, id: SessionId, reason: RevokeReason) -> Result<Option<EndedSession>> {
        Ok(self.0.step(|state, now| state.end(id, now, reason.into())))
    }

    async fn revoke_token(
        &self,
        token: &Token,
        reason: RevokeReason,
    ) -> Result<Option<EndedSession>> {
        let verifier = self.0.digester.verifier(token);
        Ok(self.0.step(|state, now| {
            state.authenticate(token.id(), &verifier)?;
            state.end(token.id(), now, reason.into())
        }))
    }

    async fn revoke_others(&self, keep: SessionId, reason: RevokeReason) -> Result<Option<u64>> {
        Ok(self.0.step(|state, now| {
            let user = state.session(keep)?.user_id.clone();
            Some(state.end_all(user.as_str(), Some(keep), now, reason.into()))
        }))
    }

    async fn revoke_all(&self, user: &UserId, reason: RevokeReason) -> Result<RevokedAll> {
        Ok(self.0.step(|state, now| RevokedAll {
            count: state.end_all(user.as_str(), None, now, reason.into()),
            known_user: state.knows(user.as_str()),
        }))
    }

    async fn admit(&self, subject: Subject<'_>, rate: Rate) -> Result<Admission> {
        let name = subject.name();
        let step = |state: &mut State, now| state.rates.admit(name, rate, now, state.bound);
        Ok(self.0.step(step))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn events(&self) -> Result<EventStream> {
        Ok(self.0.step(|state, _| state.events.subscribe()))
    }

    /// As the trait says; a change is told in the very step that makes it.
    async fn changes(
        &self,
        listener: Arc<dyn ChangeListener>,
        _: Duration,
    ) -> Result<Box<dyn ChangeFeed>, ChangesError> {
        Ok(Box::new(Feed::start(self.0.clone(), listener)))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
