//! The Redis back end. Only this folder sends commands.

mod check;
mod clock;
mod cluster;
mod connect;
mod connection;
mod credentials;
mod deadline;
mod events;
mod node;
mod page;
mod reply;
mod scripts;
mod source;
mod tracking;
mod url;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use self::connect::{ConnectError, RedisOptions};
use self::scripts::{Create, Ended, RevokeUser, Scripts, Update as Updating};
use self::tracking::Tracking;
use crate::changes::{ChangeFeed, ChangeListener, ChangesError};
use crate::codec::{self, Record};
use crate::config::Config;
use crate::credential::{CreatedFor, Credential, Standing};
use crate::ended::{EndReason, EndedSession, RevokeReason};
use crate::error::{Error, RecordError, Result};
use crate::event::EventStream;
use crate::page::{List, Page};
use crate::rate::{Admission, Rate, Subject};
use crate::session::{Fingerprint, NewSession, Session, Update};
use crate::status::StoreStatus;
use crate::store::{Created, RevokedAll, Rotated, SessionStore, Updated};
use crate::timestamp::{Timestamp, duration_millis};
use crate::token::{SessionId, Token};
use crate::user::UserId;

/// Sessions in Redis 7.0 or later, or in Valkey, which speaks the same protocol (the tests run on
/// Redis 7.0): the back end for services.
///
/// All calls share one multiplexed connection, kept alive by a task of its own that ends with the
/// last clone of the store. Cloning is cheap. On a Redis Cluster there is one for each master, and a
/// call goes over that to the master of its keys: all keys of a user share a slot.
///
/// Every state change is one Lua script over keys of one hash slot; `validate` is one `GET`. Redis
/// must not evict keys by itself (`maxmemory-policy noeviction`, the default): an evicted record
/// logs a user out, an evicted index hides sessions from listing and revocation.
///
/// A Redis user of its own needs these rights (for the prefix `sess`), which are checked when the
/// store is made:
///
/// ```text
/// ~sess:* &sess:events -@all +@string +@hash +@list +@sortedset +exists +unlink +pexpireat
/// +time +publish +subscribe +ping +eval +evalsha +script|load
/// ```
///
/// and on each node of a cluster `+cluster|slots` besides. Behind a
/// [`NearCache`](crate::NearCache) it needs `+client|tracking` too, which is found out when the cache
/// is made.
///
/// While Redis can't be reached every call fails with [`Error::Unavailable`] or
/// [`Error::Timeout`], each round trip within [`RedisOptions::deadline`]; service resumes by
/// itself. Where a master of a cluster is away, that goes for the sessions on it;
/// [`ping`](SessionStore::ping) asks every master, and fails where one of them does. No script is
/// sent again after an answer that didn't come: it may have run.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    scripts: Scripts,
    /// Where a stream of events connects to; a store made from a pool may not know.
    events: Option<events::Source>,
    deadline: Duration,
}

/// What came of an attempt to create a session.
enum Outcome {
    Created(Created),
    /// What was to be created, and why it wasn't.
    NotCreated(NewSession, Obstacle),
}

enum Obstacle {
    /// There is a session of that id, or the credential had one.
    Taken,
    /// The credential has expired.
    Past,
}

impl SessionStore for RedisStore {
    fn config(&self) -> &Config {
        &self.scripts().config
    }

    async fn create(&self, new: NewSession) -> Result<Created> {
        new.check(self.config())?;
        let mut new = new;
        loop {
            let token = Token::mint(&new.user_id)?;
            match self.create_once(new, token, None).await? {
                Outcome::Created(created) => return Ok(created),
                Outcome::NotCreated(as_it_was, _) => new = as_it_was,
            }
        }
    }

    async fn standing(&self, credential: &Credential, address: Option<IpAddr>) -> Result<Standing> {
        credentials::standing(self, credential, address).await
    }

    async fn create_for(&self, credential: &Credential, new: NewSession) -> Result<CreatedFor> {
        credentials::create_for(self, credential, new).await
    }

    async fn validate(&self, token: &Token, address: Option<IpAddr>) -> Result<Option<Session>> {
        let Some(session) = self.peek(token).await? else {
            return Ok(None);
        };
        if !self.touch_is_due(&session) {
            return Ok(Some(session));
        }
        // The touch doesn't look at the token, so its answer is checked again: a rotation in
        // between would let the old token pass.
        let interval = duration_millis(self.config().touch_interval);
        let touched = self.touch_after(token.id(), interval, address).await?;
        Ok(self.proven(token, touched))
    }

    async fn peek(&self, token: &Token) -> Result<Option<Session>> {
        let record = self.read(token.id()).await?;
        Ok(self.proven(token, record))
    }

    async fn get(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.read(id).await?.map(|record| record.session))
    }

    async fn touch(&self, id: SessionId, address: Option<IpAddr>) -> Result<Option<Session>> {
        let touched = self.touch_after(id, 0, address).await?;
        Ok(touched.map(|record| record.session))
    }

    async fn update(&self, current: &Session, update: Update) -> Result<Option<Updated>> {
        update.check(self.config())?;
        let id = current.id;
        let mut wanted = current.clone();
        update.apply_to(&mut wanted);
        let fingerprint = update.fingerprint.as_deref();
        match self.scripts().update(&wanted, fingerprint, None).await? {
            Updating::Updated {
                now,
                new_device,
                ended,
                record,
            } => Ok(Some(Updated {
                session: decode(id, &record)?.session,
                ended: ended_sessions(now, ended),
                new_device,
            })),
            Updating::Gone => Ok(None),
            Updating::Conflict => Err(Error::Conflict { id }),
            Updating::Unreadable(record) => Err(unreadable(id, &record)),
        }
    }

    async fn rotate(&self, token: &Token) -> Result<Option<Rotated>> {
        let new = Token::mint_for(token.id())?;
        let Some(record) = self.scripts().rotate(token, &new).await? else {
            return Ok(None);
        };
        Ok(Some(Rotated {
            session: decode(token.id(), &record)?.session,
            token: new,
        }))
    }

    async fn list(&self, user: &UserId, mut list: List) -> Result<Page> {
        list.limit = list.limit.clamp(1, List::MAX_LIMIT);
        let reply = self.scripts().list(user, &list).await?;
        Ok(page::assemble(user, &list, reply))
    }

    async fn count(&self, user: &UserId) -> Result<u64> {
        self.scripts().count(user).await
    }

    async fn revoke(&self, id: SessionId, reason: RevokeReason) -> Result<Option<EndedSession>> {
        self.end(id, None, reason.into()).await
    }

    async fn revoke_token(
        &self,
        token: &Token,
        reason: RevokeReason,
    ) -> Result<Option<EndedSession>> {
        self.end(token.id(), Some(token), reason.into()).await
    }

    async fn revoke_others(&self, keep: SessionId, reason: RevokeReason) -> Result<Option<u64>> {
        let mut count = 0;
        loop {
            let batch = self.scripts().revoke_others(keep, reason.into()).await?;
            if !batch.known_user {
                // The session to keep ended, before the first batch or between two.
                return match (batch.kept.is_empty(), count) {
                    (false, _) => Err(unreadable(keep, &batch.kept)),
                    (true, 0) => Ok(None),
                    (true, count) => Ok(Some(count)),
                };
            }
            count += batch.count;
            if is_last(&batch) {
                return Ok(Some(count));
            }
        }
    }

    async fn revoke_all(&self, user: &UserId, reason: RevokeReason) -> Result<RevokedAll> {
        let mut count = 0;
        loop {
            let batch = self.scripts().revoke_all(user, reason.into()).await?;
            count += batch.count;
            if is_last(&batch) {
                let known_user = batch.known_user;
                return Ok(RevokedAll { count, known_user });
            }
        }
    }

    async fn admit(&self, subject: Subject<'_>, rate: Rate) -> Result<Admission> {
        let wait = self.scripts().admit(&subject.name(), rate).await?;
        Ok(match wait {
            0 => Admission::Admitted,
            millis => Admission::Wait(Duration::from_millis(millis)),
        })
    }

    fn status(&self) -> StoreStatus {
        StoreStatus {
            connections: Some(self.scripts().connection.status()),
            ..StoreStatus::default()
        }
    }

    async fn ping(&self) -> Result<()> {
        self.scripts().connection.ping().await
    }

    async fn events(&self) -> Result<EventStream> {
        let source = self.inner.events.clone().ok_or_else(|| {
            Error::Refused("the store was made from a pool, without RedisOptions::events".into())
        })?;
        let channel = self.scripts().keys.channel().to_owned();
        events::subscribe(source, channel, self.inner.deadline).await
    }

    async fn changes(
        &self,
        listener: Arc<dyn ChangeListener>,
        heartbeat: Duration,
    ) -> Result<Box<dyn ChangeFeed>, ChangesError> {
        let tracking = Tracking::start(self.clone(), listener, heartbeat).await?;
        Ok(Box::new(tracking))
    }
}

impl RedisStore {
    fn scripts(&self) -> &Scripts {
        &self.inner.scripts
    }

    async fn read(&self, id: SessionId) -> Result<Option<Record>> {
        let key = self.scripts().keys.record(id);
        let mut get = ::redis::Cmd::with_capacity(2, "GET".len() + key.len());
        get.arg("GET").arg(key);
        let record: Option<Vec<u8>> = self.scripts().connection.query(&get).await?;
        record.map(|record| decode(id, &record)).transpose()
    }

    /// Creates a session with this token, unless there is one of its id.
    async fn create_once(
        &self,
        new: NewSession,
        token: Token,
        credential: Option<&Credential>,
    ) -> Result<Outcome> {
        let fingerprint = new.fingerprint.as_deref();
        let fingerprint = self.scripts().fingerprint(&new.user_id, fingerprint);
        let mut evicted = Vec::new();
        loop {
            let create = self.scripts().create(&new, fingerprint, &token, credential);
            match create.await? {
                Create::Created {
                    now,
                    new_device,
                    ended,
                } => {
                    let mut ended = ended_sessions(now, ended);
                    ended.append(&mut evicted);
                    let ends_at = credential.and_then(Credential::ends_at);
                    return Ok(Outcome::Created(Created {
                        session: self.as_created(
                            new,
                            fingerprint,
                            new_device,
                            token.id(),
                            now,
                            ends_at,
                        ),
                        token,
                        ended,
                        new_device,
                    }));
                }
                Create::Taken => return Ok(Outcome::NotCreated(new, Obstacle::Taken)),
                Create::Past => return Ok(Outcome::NotCreated(new, Obstacle::Past)),
                Create::More(now, ended) => evicted.extend(ended_sessions(now, ended)),
                Create::Limit => {
                    let max = self.config().limit.map_or(0, |limit| limit.max.get());
                    return Err(Error::LimitReached { max });
                }
            }
        }
    }

    fn touch_is_due(&self, session: &Session) -> bool {
        let interval = self.config().touch_interval;
        let due = session.last_activity.saturating_add(interval);
        due <= self.scripts().connection.server_time()
    }

    /// The session, marked active where that is due.
    async fn touched(&self, session: Session, address: Option<IpAddr>) -> Result<Option<Session>> {
        if !self.touch_is_due(&session) {
            return Ok(Some(session));
        }
        let interval = duration_millis(self.config().touch_interval);
        let touched = self.touch_after(session.id, interval, address).await?;
        Ok(touched.map(|record| record.session))
    }

    async fn touch_after(
        &self,
        id: SessionId,
        interval_ms: u64,
        address: Option<IpAddr>,
    ) -> Result<Option<Record>> {
        let record = self.scripts().touch(id, interval_ms, address).await?;
        record.map(|record| decode(id, &record)).transpose()
    }

    async fn end(
        &self,
        id: SessionId,
        token: Option<&Token>,
        reason: EndReason,
    ) -> Result<Option<EndedSession>> {
        let Some((now, record)) = self.scripts().revoke(id, token, reason).await? else {
            return Ok(None);
        };
        let session = decode(id, &record)?.session;
        Ok(Some(EndedSession::new(session, now, reason)))
    }

    /// The session, if the token is its own.
    fn proven(&self, token: &Token, record: Option<Record>) -> Option<Session> {
        let shown = self.scripts().digester.verifier(token);
        record
            .filter(|record| record.verifier.matches(&shown))
            .map(|record| record.session)
    }

    /// A session as `create.lua` has just written it.
    fn as_created(
        &self,
        new: NewSession,
        fingerprint: Option<Fingerprint>,
        new_device: Option<bool>,
        id: SessionId,
        now: Timestamp,
        ends_at: Option<Timestamp>,
    ) -> Session {
        let config = self.config();
        let absolute = new.absolute_timeout.unwrap_or(config.absolute_timeout);
        let absolute = now.saturating_add(absolute);
        let absolute = ends_at.map_or(absolute, |ends_at| ends_at.min(absolute));
        let idle = codec::idle_millis(config.idle_timeout);
        Session {
            id,
            fingerprint,
            new_device,
            device_changed: false,
            user_id: new.user_id,
            username: new.username,
            role: new.role,
            device: new.device,
            data: new.data,
            created_at: now,
            last_activity: now,
            expires_at: codec::expires_at(absolute, now, idle),
            revision: 0,
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("keys", &self.scripts().keys)
            .finish_non_exhaustive()
    }
}

/// Whether nothing is left to end. A batch that ended nothing can't make progress any more.
fn is_last(batch: &RevokeUser) -> bool {
    batch.left <= 0 || batch.count == 0
}

fn decode(id: SessionId, record: &[u8]) -> Result<Record> {
    codec::decode(id, record).map_err(|source| Error::Record { id, source })
}

/// The error for a record whose header a script couldn't read.
fn unreadable(id: SessionId, record: &[u8]) -> Error {
    let source = match codec::decode(id, record) {
        Err(source) => source,
        Ok(_) => RecordError::Corrupt("a header that the scripts can't read"),
    };
    Error::Record { id, source }
}

/// What is known of sessions that a script ended; those whose record can't be read are logged.
fn ended_sessions(now: Timestamp, ended: Ended) -> Vec<EndedSession> {
    let session =
        |(id, reason, record): (SessionId, EndReason, Vec<u8>)| match codec::decode(id, &record) {
            Ok(record) => Some(EndedSession::new(record.session, now, reason)),
            Err(error) => {
                tracing::warn!(%id, %error, "ended a session whose record can't be read");
                None
            }
        };
    ended.into_iter().filter_map(session).collect()
}
