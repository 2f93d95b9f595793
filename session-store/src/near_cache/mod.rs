//! Sessions in the service's own memory, in front of a store.

mod counter;
mod entry;
mod kept;
mod options;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::coop::consume_budget;

use self::counter::Counter;
use self::entry::{Entry, Touch};
use self::kept::{Dropping, Kept};
pub use self::options::NearCacheOptions;
use crate::changes::{ChangeFeed, ChangesError};
use crate::config::Config;
use crate::credential::{CreatedFor, Credential, Standing};
use crate::digest::Digester;
use crate::ended::{EndedSession, RevokeReason};
use crate::error::{Error, Result};
use crate::event::EventStream;
use crate::page::{List, Page};
use crate::rate::{Admission, Rate, Subject};
use crate::session::{NewSession, Session, Update};
use crate::status::{NearCacheUsage, StoreStatus};
use crate::store::{Created, RevokedAll, Rotated, SessionStore, Updated};
use crate::timestamp::Timestamp;
use crate::token::{SessionId, Token};
use crate::user::UserId;

/// A store whose validates are mostly answered from the process's own memory.
///
/// A session that has been read stays at hand until it changes, and the store
/// [tells of changes](SessionStore::changes), whoever makes them: a revocation by another process
/// takes effect here within milliseconds.
///
/// **What holds.** No answer is older than [`NearCacheOptions::max_staleness`]: what had been
/// changed that long before a call, the call sees. While the store doesn't tell of changes, nothing
/// is answered from memory; calls then take the way that they take without this. What is changed
/// through this value, or a clone of it, is seen at once. Expiry is exact. A token is checked in
/// every call, and the memory holds digests of tokens only. What is unknown isn't remembered: a
/// wrong token costs what it costs without this.
///
/// **What doesn't.** Within that bound two processes may answer differently, and so may two calls of
/// this one that meet a change by somebody else: until it is told, the later answer may be the older
/// one. An answer from memory doesn't prove that the store can be reached.
///
/// **Cost**: [`validate`](SessionStore::validate), [`peek`](SessionStore::peek) and
/// [`get`](SessionStore::get) of a session at hand take no round trip and less than a microsecond.
/// A session that isn't at hand is read as without this. Whoever comes first when a touch is due
/// writes it, as without this, while others are served on; the session is read once more after it.
/// All other calls go to the store. Memory is bounded by [`NearCacheOptions`].
///
/// ```
/// use session_store::{Config, MemoryStore, NearCache, NearCacheOptions, NewSession, SessionStore};
///
/// # tokio_test::block_on(async {
/// let store = MemoryStore::new(Config::default())?; // or: RedisStore::connect("redis://…", config).await?
/// let store = NearCache::new(store, NearCacheOptions::default()).await?;
/// let login = store.create(NewSession::new(74.into())).await?;
/// assert_eq!(store.validate(&login.token, None).await?, Some(login.session));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct NearCache<S>(Arc<Inner<S>>);

struct Inner<S> {
    // First, so that the store outlives its feed.
    feed: Box<dyn ChangeFeed>,
    store: S,
    kept: Arc<Kept>,
    digester: Digester,
    options: NearCacheOptions,
    hits: Counter,
    misses: Counter,
}

impl<S: SessionStore> NearCache<S> {
    /// Puts a cache in front of a store.
    ///
    /// **Cost**: what [`SessionStore::changes`] costs, once.
    ///
    /// # Errors
    ///
    /// A setting makes no sense, or the store doesn't tell of changes.
    pub async fn new(store: S, options: NearCacheOptions) -> Result<Self, ChangesError> {
        options.check().map_err(Error::Config)?;
        let kept = Arc::new(Kept::new(&options));
        let feed = store.changes(kept.clone(), options.heartbeat()).await?;
        Ok(Self(Arc::new(Inner {
            feed,
            digester: Digester::new(store.config().pepper.as_ref()),
            store,
            kept,
            options,
            hits: Counter::default(),
            misses: Counter::default(),
        })))
    }

    /// The store behind it. What is changed there directly is seen here a moment later.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// What is in memory now.
    #[must_use]
    pub fn usage(&self) -> NearCacheUsage {
        let (entries, bytes) = self.0.kept.size();
        let now = Instant::now();
        let told_until = self.0.feed.told_until(now);
        let age = told_until.map(|told_until| now.saturating_duration_since(told_until));
        NearCacheUsage {
            entries,
            bytes,
            hits: self.0.hits.sum(),
            misses: self.0.misses.sum(),
            age: age.filter(|age| *age <= self.0.options.max_staleness),
        }
    }

    /// What is to be answered from memory, counted.
    fn counted<T>(&self, found: Option<T>) -> Option<T> {
        match found {
            Some(_) => self.0.hits.add(),
            None => self.0.misses.add(),
        }
        found
    }

    /// A session at hand that has not expired, and the store's time; `None` while what is at hand
    /// may be too old to go by.
    fn find(&self, id: SessionId) -> Option<(Arc<Entry>, Timestamp)> {
        // In this order: what has been told until now is gone from the table before it is looked
        // into, however long this thread is held up in between.
        let now = Instant::now();
        let told_until = self.0.feed.told_until(now)?;
        if now.saturating_duration_since(told_until) > self.0.options.max_staleness {
            return None;
        }
        let entry = self.0.kept.find(id)?;
        // This clock is never behind, so whoever is alive by it is. Who isn't may be: the store
        // knows.
        let time = self.0.feed.time(now);
        (time <= entry.session.expires_at).then_some((entry, time))
    }

    /// As [`find`](Self::find), provided that the token is the session's own.
    fn find_proven(&self, token: &Token) -> Option<(Arc<Entry>, Timestamp)> {
        let found = self.find(token.id())?;
        let shown = self.0.digester.verifier(token);
        found.0.verifier.matches(&shown).then_some(found)
    }

    /// To be taken before a read that [`keep`](Self::keep) is to keep; `None` while a change to what
    /// is read now may go untold.
    fn note(&self, id: SessionId) -> Option<kept::Note> {
        let note = self.0.kept.note(id);
        self.0.feed.told_until(Instant::now()).map(|_| note)
    }

    /// Keeps what the store has answered, with the token that it proves.
    fn keep(&self, note: Option<kept::Note>, token: &Token, session: &Session) {
        if let Some(note) = note {
            let verifier = self.0.digester.verifier(token);
            self.0.kept.keep(note, session.clone(), verifier);
        }
    }

    fn dropping(&self, id: SessionId) -> Dropping<'_> {
        Dropping::session(&self.0.kept, id)
    }
}

impl<S: SessionStore> SessionStore for NearCache<S> {
    fn config(&self) -> &Config {
        self.0.store.config()
    }

    async fn create(&self, new: NewSession) -> Result<Created> {
        let unknown = Dropping::user(&self.0.kept, &new.user_id);
        let created = self.0.store.create(new).await?;
        unknown.known();
        self.0.kept.drop_ended(&created.ended);
        Ok(created)
    }

    async fn standing(&self, credential: &Credential, address: Option<IpAddr>) -> Result<Standing> {
        // It may be touched, or follow the credential. Nothing is kept: nothing here proves a token.
        let _after = self.dropping(self.0.digester.session_id(credential));
        self.0.store.standing(credential, address).await
    }

    async fn create_for(&self, credential: &Credential, new: NewSession) -> Result<CreatedFor> {
        let unknown = Dropping::user(&self.0.kept, &credential.user_id);
        let created = self.0.store.create_for(credential, new).await?;
        if let CreatedFor::Begun(created) = &created {
            unknown.known();
            self.0.kept.drop_ended(&created.ended);
        }
        Ok(created)
    }

    async fn validate(&self, token: &Token, address: Option<IpAddr>) -> Result<Option<Session>> {
        // Callers that validate in a loop would otherwise keep the task that hears of changes from
        // running.
        consume_budget().await;
        let interval = self.config().touch_interval;
        let mut turn = None;
        if let Some((entry, time)) = self.counted(self.find_proven(token)) {
            match entry.touch(time, interval) {
                Touch::NotDue | Touch::UnderWay => return Ok(Some(entry.session.clone())),
                Touch::Due => turn = Some(entry.take_turn()),
            }
        }
        let note = self.note(token.id());
        // Where this is cut off or fails, a touch may have been written.
        let unknown = self.dropping(token.id());
        // In a box, so that a hit needn't have the room for it.
        let session = Box::pin(self.0.store.validate(token, address)).await?;
        match &session {
            Some(session) => self.keep(note, token, session),
            // Of a session that is at hand, the store knows better.
            None if turn.is_some() => return Ok(None),
            None => {}
        }
        unknown.known();
        Ok(session)
    }

    async fn peek(&self, token: &Token) -> Result<Option<Session>> {
        consume_budget().await;
        if let Some((entry, _)) = self.counted(self.find_proven(token)) {
            return Ok(Some(entry.session.clone()));
        }
        let note = self.note(token.id());
        let session = Box::pin(self.0.store.peek(token)).await?;
        if let Some(session) = &session {
            self.keep(note, token, session);
        }
        Ok(session)
    }

    async fn get(&self, id: SessionId) -> Result<Option<Session>> {
        consume_budget().await;
        match self.counted(self.find(id)) {
            Some((entry, _)) => Ok(Some(entry.session.clone())),
            // Not kept: nothing here proves a token.
            None => Box::pin(self.0.store.get(id)).await,
        }
    }

    async fn touch(&self, id: SessionId, address: Option<IpAddr>) -> Result<Option<Session>> {
        let _after = self.dropping(id);
        self.0.store.touch(id, address).await
    }

    async fn update(&self, current: &Session, update: Update) -> Result<Option<Updated>> {
        let _after = self.dropping(current.id);
        let unknown = Dropping::user(&self.0.kept, &current.user_id);
        let updated = self.0.store.update(current, update).await?;
        unknown.known();
        if let Some(updated) = &updated {
            self.0.kept.drop_ended(&updated.ended);
        }
        Ok(updated)
    }

    async fn rotate(&self, token: &Token) -> Result<Option<Rotated>> {
        let _after = self.dropping(token.id());
        self.0.store.rotate(token).await
    }

    async fn list(&self, user: &UserId, list: List) -> Result<Page> {
        self.0.store.list(user, list).await
    }

    async fn count(&self, user: &UserId) -> Result<u64> {
        self.0.store.count(user).await
    }

    async fn revoke(&self, id: SessionId, reason: RevokeReason) -> Result<Option<EndedSession>> {
        let _after = self.dropping(id);
        self.0.store.revoke(id, reason).await
    }

    async fn revoke_token(
        &self,
        token: &Token,
        reason: RevokeReason,
    ) -> Result<Option<EndedSession>> {
        let _after = self.dropping(token.id());
        self.0.store.revoke_token(token, reason).await
    }

    async fn revoke_others(&self, keep: SessionId, reason: RevokeReason) -> Result<Option<u64>> {
        let _after = Dropping::user_of(&self.0.kept, keep);
        self.0.store.revoke_others(keep, reason).await
    }

    async fn revoke_all(&self, user: &UserId, reason: RevokeReason) -> Result<RevokedAll> {
        let _after = Dropping::user(&self.0.kept, user);
        self.0.store.revoke_all(user, reason).await
    }

    async fn admit(&self, subject: Subject<'_>, rate: Rate) -> Result<Admission> {
        self.0.store.admit(subject, rate).await
    }

    fn status(&self) -> StoreStatus {
        StoreStatus {
            near_cache: Some(self.usage()),
            ..self.0.store.status()
        }
    }

    async fn ping(&self) -> Result<()> {
        self.0.store.ping().await
    }

    async fn events(&self) -> Result<EventStream> {
        self.0.store.events().await
    }
}

impl<S> Clone for NearCache<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for NearCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearCache")
            .field("store", &self.0.store)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
