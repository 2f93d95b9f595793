//! A store of one session that does nothing by itself: the test says when a call reaches it, when
//! its answer comes, and when a change is told.

use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use session_store::{
    ChangeFeed, ChangeListener, ChangesError, Config, Created, EndReason, EndedSession,
    EventStream, List, NearCache, NearCacheOptions, NewSession, Page, Result, RevokeReason,
    RevokedAll, Rotated, Session, SessionId, SessionStore, Timestamp, Token, Update, Updated,
    UserId,
};

/// When the session was created; what time it is, where a test doesn't say.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_000_000);

/// The store, and the test's hand in it.
#[derive(Clone)]
pub(super) struct ByHand(Arc<Inner>);

struct Inner {
    config: Config,
    token: Token,
    state: Mutex<State>,
}

struct State {
    /// The session as it is now; its revision counts every change. `None` = it has ended.
    session: Option<Session>,
    version: u32,
    calls: Vec<Call>,
    listener: Option<Arc<dyn ChangeListener>>,
    told_ago: Option<Duration>,
    time: Timestamp,
}

#[derive(Clone, Copy, PartialEq)]
enum Effect {
    Nothing,
    Change,
    End,
}

struct Call {
    effect: Effect,
    /// What it found, once it has reached the store.
    answer: Option<Option<Session>>,
    /// Whether that may arrive.
    is_answered: bool,
}

impl ByHand {
    pub(super) fn new(config: Config) -> Self {
        let user = UserId::from(74);
        let token = Token::mint(&user).unwrap();
        let expires = BEGIN.saturating_add(Duration::from_secs(1000));
        let session = Session::new(token.id(), user, BEGIN, expires);
        let state = State {
            session: Some(session),
            version: 0,
            calls: Vec::new(),
            listener: None,
            told_ago: Some(Duration::ZERO),
            time: BEGIN,
        };
        Self(Arc::new(Inner {
            config,
            token,
            state: Mutex::new(state),
        }))
    }

    /// A cache in front of it.
    pub(super) fn cached(&self) -> NearCache<Self> {
        let options = NearCacheOptions {
            max_bytes: NearCacheOptions::MIN_BYTES,
            ..NearCacheOptions::default()
        };
        now(NearCache::new(self.clone(), options)).unwrap().unwrap()
    }

    /// Reads the session through the cache, which has it at hand then.
    pub(super) fn read_through(&self, near: &NearCache<Self>) {
        let number = self.calls();
        let mut reading = Box::pin(near.peek(self.token()));
        assert!(poll(&mut reading).is_none());
        self.execute(number);
        self.answer(number);
        assert_eq!(poll(&mut reading).unwrap().unwrap(), self.session());
    }

    pub(super) fn token(&self) -> &Token {
        &self.0.token
    }

    /// Lets the call with this number reach the store.
    pub(super) fn execute(&self, call: usize) {
        let mut state = self.0.state.lock().unwrap();
        let effect = state.calls[call].effect;
        let before = state.session.clone();
        state.change(effect);
        let answer = match effect {
            Effect::End => before,
            _ => state.session.clone(),
        };
        state.calls[call].answer = Some(answer);
    }

    /// Lets the answer of a call arrive.
    pub(super) fn answer(&self, call: usize) {
        self.0.state.lock().unwrap().calls[call].is_answered = true;
    }

    /// How many calls there have been.
    pub(super) fn calls(&self) -> usize {
        self.0.state.lock().unwrap().calls.len()
    }

    /// Somebody else changes the session.
    pub(super) fn change(&self) {
        self.0.state.lock().unwrap().change(Effect::Change);
    }

    /// How many changes there have been.
    pub(super) fn version(&self) -> u32 {
        self.0.state.lock().unwrap().version
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.0.state.lock().unwrap().session.clone()
    }

    pub(super) fn tell(&self) {
        self.listener().changed(self.0.token.id());
    }

    pub(super) fn tell_all(&self) {
        self.listener().all_changed();
    }

    fn listener(&self) -> Arc<dyn ChangeListener> {
        let state = self.0.state.lock().unwrap();
        state.listener.clone().expect("there is a cache")
    }

    /// Everything is told but of the last so long; `None` = nothing is.
    pub(super) fn set_told(&self, ago: Option<Duration>) {
        self.0.state.lock().unwrap().told_ago = ago;
    }

    pub(super) fn set_time(&self, time: Timestamp) {
        self.0.state.lock().unwrap().time = time;
    }

    async fn call(&self, effect: Effect) -> Option<Session> {
        let number = {
            let mut state = self.0.state.lock().unwrap();
            state.calls.push(Call {
                effect,
                answer: None,
                is_answered: false,
            });
            state.calls.len() - 1
        };
        poll_fn(|_| {
            let call = &self.0.state.lock().unwrap().calls[number];
            match &call.answer {
                Some(answer) if call.is_answered => Poll::Ready(answer.clone()),
                _ => Poll::Pending,
            }
        })
        .await
    }

    async fn end(&self, reason: RevokeReason) -> Option<EndedSession> {
        let session = self.call(Effect::End).await?;
        Some(EndedSession::new(session, BEGIN, reason.into()))
    }
}

impl State {
    fn change(&mut self, effect: Effect) {
        if effect == Effect::Nothing || self.session.is_none() {
            return;
        }
        self.version += 1;
        match &mut self.session {
            Some(session) if effect == Effect::Change => session.revision = self.version,
            session => *session = None,
        }
    }
}

/// What a future answers when it is polled once, and then dropped.
pub(super) fn now<F: Future>(future: F) -> Option<F::Output> {
    poll(&mut pin!(future))
}

/// What a future answers when it is polled.
pub(super) fn poll<F: Future + ?Sized>(
    future: &mut Pin<impl DerefMut<Target = F>>,
) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

impl ChangeFeed for ByHand {
    fn told_until(&self, now: Instant) -> Option<Instant> {
        let ago = self.0.state.lock().unwrap().told_ago;
        ago.map(|ago| now.checked_sub(ago).unwrap())
    }

    fn time(&self, _: Instant) -> Timestamp {
        self.0.state.lock().unwrap().time
    }
}

impl SessionStore for ByHand {
    fn config(&self) -> &Config {
        &self.0.config
    }

    /// Evicts the one session.
    async fn create(&self, new: NewSession) -> Result<Created> {
        let token = Token::mint(&new.user_id)?;
        let session = Session::new(token.id(), new.user_id, BEGIN, BEGIN);
        let mut created = Created::new(token, session);
        let evicted = self.call(Effect::End).await;
        let evicted = evicted.map(|session| EndedSession::new(session, BEGIN, EndReason::Evicted));
        created.ended.extend(evicted);
        Ok(created)
    }

    /// Touches where it is due.
    async fn validate(&self, token: &Token, _: Option<IpAddr>) -> Result<Option<Session>> {
        let is_due =
            self.0.state.lock().unwrap().time >= BEGIN.saturating_add(self.0.config.touch_interval);
        let effect = match is_due {
            true => Effect::Change,
            false => Effect::Nothing,
        };
        let is_own = token.expose() == self.0.token.expose();
        let effect = if is_own { effect } else { Effect::Nothing };
        Ok(self.call(effect).await.filter(|_| is_own))
    }

    async fn peek(&self, token: &Token) -> Result<Option<Session>> {
        let is_own = token.expose() == self.0.token.expose();
        Ok(self.call(Effect::Nothing).await.filter(|_| is_own))
    }

    async fn get(&self, _: SessionId) -> Result<Option<Session>> {
        Ok(self.call(Effect::Nothing).await)
    }

    async fn touch(&self, _: SessionId, _: Option<IpAddr>) -> Result<Option<Session>> {
        Ok(self.call(Effect::Change).await)
    }

    async fn update(&self, _: &Session, _: Update) -> Result<Option<Updated>> {
        Ok(self.call(Effect::Change).await.map(Updated::new))
    }

    async fn rotate(&self, token: &Token) -> Result<Option<Rotated>> {
        let rotated = self.call(Effect::Change).await;
        Ok(rotated.map(|session| Rotated::new(token.clone(), session)))
    }

    async fn list(&self, _: &UserId, _: List) -> Result<Page> {
        pending().await
    }

    async fn count(&self, _: &UserId) -> Result<u64> {
        pending().await
    }

    async fn revoke(&self, _: SessionId, reason: RevokeReason) -> Result<Option<EndedSession>> {
        Ok(self.end(reason).await)
    }

    async fn revoke_token(&self, _: &Token, reason: RevokeReason) -> Result<Option<EndedSession>> {
        Ok(self.end(reason).await)
    }

    /// Ends the one session, whichever is to be kept.
    async fn revoke_others(&self, _: SessionId, reason: RevokeReason) -> Result<Option<u64>> {
        Ok(self.end(reason).await.map(|_| 1))
    }

    async fn revoke_all(&self, _: &UserId, reason: RevokeReason) -> Result<RevokedAll> {
        let count = u64::from(self.end(reason).await.is_some());
        Ok(RevokedAll::new(count, true))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn events(&self) -> Result<EventStream> {
        pending().await
    }

    async fn changes(
        &self,
        listener: Arc<dyn ChangeListener>,
        _: Duration,
    ) -> Result<Box<dyn ChangeFeed>, ChangesError> {
        self.0.state.lock().unwrap().listener = Some(listener);
        Ok(Box::new(self.clone()))
    }
}
