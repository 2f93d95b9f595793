//! The Lua scripts, each behind one typed function: what it is given and what it answers.

use std::net::IpAddr;
use std::sync::LazyLock;

use redis::{Script, ScriptInvocation};

use super::connection::Connection;
use crate::codec;
use crate::config::{Config, LimitPolicy};
use crate::digest::{self, Digester};
use crate::ended::EndReason;
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::page::{List, Order};
use crate::session::{Fingerprint, NewSession, Session};
use crate::timestamp::{Timestamp, duration_millis};
use crate::token::{SessionId, Token};
use crate::user::UserId;

macro_rules! scripts {
    ($($name:ident: $file:literal),* $(,)?) => {
        $(static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("lua/common.lua"), include_str!($file)))
        });)*

        /// The source of every script, to be loaded into a server at once.
        pub(super) const SOURCES: &[&str] =
            &[$(concat!(include_str!("lua/common.lua"), include_str!($file))),*];
    };
}

scripts! {
    CREATE: "lua/create.lua",
    TOUCH: "lua/touch.lua",
    ROTATE: "lua/rotate.lua",
    UPDATE: "lua/update.lua",
    REVOKE: "lua/revoke.lua",
    REVOKE_USER: "lua/revoke_user.lua",
    COUNT: "lua/count.lua",
    LIST: "lua/list.lua",
}

/// Runs the scripts, with one store's settings, over its connection.
pub(super) struct Scripts {
    pub(super) connection: Connection,
    pub(super) config: Config,
    pub(super) keys: Keys,
    pub(super) digester: Digester,
    history_max: u32,
    history_ms: u64,
    keep_ms: u64,
}

type Bytes = Vec<u8>;

/// Sessions that a script ended: id, reason, record.
pub(super) type Ended = Vec<(SessionId, EndReason, Bytes)>;

/// What `create.lua` answers.
pub(super) enum Create {
    Created {
        now: Timestamp,
        new_device: Option<bool>,
        ended: Ended,
    },
    /// The id exists; mint another.
    Taken,
    /// The limit is reached, and the policy is to reject.
    Limit,
    /// Some sessions over the limit were evicted; call again.
    More(Timestamp, Ended),
}

/// What `update.lua` answers.
pub(super) enum Update {
    Updated {
        now: Timestamp,
        new_device: Option<bool>,
        ended: Ended,
        record: Bytes,
    },
    Gone,
    Conflict,
    Unreadable(Bytes),
}

/// What `revoke_user.lua` answers.
pub(super) struct RevokeUser {
    pub(super) known_user: bool,
    pub(super) count: u64,
    pub(super) left: i64,
    pub(super) kept: Bytes,
}

/// What `list.lua` answers.
pub(super) struct ListPage {
    pub(super) known_user: bool,
    pub(super) order: Order,
    pub(super) more: bool,
    /// The last live session's place in that order, and its id.
    pub(super) last: Option<(Timestamp, SessionId)>,
    pub(super) live: Vec<(SessionId, Bytes)>,
    pub(super) history: Vec<Bytes>,
}

impl Scripts {
    pub(super) fn new(connection: Connection, keys: Keys, config: Config) -> Self {
        let history = config.history;
        let history_ms = history.map_or(0, |history| duration_millis(history.retention));
        let known_ms = duration_millis(config.known_devices.retention);
        Self {
            connection,
            keys,
            digester: Digester::new(config.pepper.as_ref()),
            config,
            history_max: history.map_or(0, |history| history.max_per_user),
            history_ms,
            keep_ms: known_ms.max(history_ms),
        }
    }

    /// A script with its first key and the arguments that every script takes.
    fn prepare(
        &self,
        script: &'static Script,
        key: &str,
        bucket: &str,
    ) -> ScriptInvocation<'static> {
        let mut call = script.key(key);
        call.arg(self.keys.base(bucket))
            .arg(self.keys.channel())
            .arg(self.history_max)
            .arg(self.history_ms)
            .arg(self.keep_ms);
        call
    }

    fn of_session(&self, script: &'static Script, id: SessionId) -> ScriptInvocation<'static> {
        let mut call = self.prepare(script, &self.keys.record(id), id.bucket());
        call.arg(id.local());
        call
    }

    fn of_user(
        &self,
        script: &'static Script,
        user: &UserId,
        bucket: &str,
    ) -> ScriptInvocation<'static> {
        let mut call = self.prepare(script, &self.keys.index(bucket, user), bucket);
        call.arg(user.as_str());
        call
    }

    pub(super) fn fingerprint(
        &self,
        user: &UserId,
        fingerprint: Option<&str>,
    ) -> Option<Fingerprint> {
        fingerprint.map(|fingerprint| self.digester.fingerprint(user, fingerprint))
    }

    /// `fingerprint` is the digest of the new session's.
    pub(super) async fn create(
        &self,
        new: &NewSession,
        fingerprint: Option<Fingerprint>,
        token: &Token,
    ) -> Result<Create> {
        let config = &self.config;
        let user = new.user_id.as_str();
        let (limit, policy) = config.limit.map_or((0, LimitPolicy::EvictOldest), |limit| {
            (limit.max.get(), limit.policy)
        });
        let policy = match policy {
            LimitPolicy::EvictOldest => "evict-oldest",
            LimitPolicy::EvictLeastRecentlyActive => "evict-least-recently-active",
            LimitPolicy::Reject => "reject",
        };
        let (username, role) = (new.username.as_deref(), new.role.as_deref());
        let mut call = self.of_session(&CREATE, token.id());
        call.arg(user)
            .arg(&[codec::flags(&new.user_id)][..])
            .arg(&fingerprint_bytes(fingerprint)[..])
            .arg(&codec::address(new.device.address())[..])
            .arg(&self.digester.verifier(token).0[..])
            .arg(codec::body(username, role, &new.device, &new.data))
            .arg(codec::stub(username, role, &new.device))
            .arg(duration_millis(
                new.absolute_timeout.unwrap_or(config.absolute_timeout),
            ))
            .arg(codec::idle_millis(config.idle_timeout))
            .arg(limit)
            .arg(policy)
            .arg(config.known_devices.max_per_user)
            .arg(duration_millis(config.known_devices.retention));

        type Reply = (String, u64, i8, Vec<Bytes>);
        let (outcome, now, new_device, ended): Reply = self.connection.run(&call).await?;
        let now = Timestamp::from_millis(now);
        Ok(match outcome.as_str() {
            "created" => Create::Created {
                now,
                new_device: yes_no(new_device),
                ended: ended_sessions(token.id().bucket(), ended)?,
            },
            "taken" => Create::Taken,
            "limit" => Create::Limit,
            "more" => Create::More(now, ended_sessions(token.id().bucket(), ended)?),
            _ => return Err(unexpected("create.lua")),
        })
    }

    pub(super) async fn touch(
        &self,
        id: SessionId,
        interval_ms: u64,
        address: Option<IpAddr>,
    ) -> Result<Option<Bytes>> {
        let text = address.map(|address| address.to_canonical().to_string());
        let mut call = self.of_session(&TOUCH, id);
        call.arg(interval_ms)
            .arg(&codec::address(address)[..])
            .arg(text.unwrap_or_default());
        self.connection.run(&call).await
    }

    pub(super) async fn rotate(&self, old: &Token, new: &Token) -> Result<Option<Bytes>> {
        let mut call = self.of_session(&ROTATE, old.id());
        call.arg(&self.digester.verifier(old).0[..])
            .arg(&self.digester.verifier(new).0[..]);
        self.connection.run(&call).await
    }

    /// `wanted` is the session as it is to be, with the revision that it must have now.
    pub(super) async fn update(
        &self,
        wanted: &Session,
        fingerprint: Option<&str>,
    ) -> Result<Update> {
        let known_devices = &self.config.known_devices;
        let (username, role) = (wanted.username.as_deref(), wanted.role.as_deref());
        let mut call = self.of_session(&UPDATE, wanted.id);
        call.arg(wanted.revision)
            .arg(codec::body(username, role, &wanted.device, &wanted.data))
            .arg(codec::stub(username, role, &wanted.device))
            .arg(&fingerprint_bytes(self.fingerprint(&wanted.user_id, fingerprint))[..])
            .arg(known_devices.max_per_user)
            .arg(duration_millis(known_devices.retention));

        type Reply = (String, u64, i8, Vec<Bytes>, Bytes);
        let (outcome, now, new_device, ended, record): Reply = self.connection.run(&call).await?;
        Ok(match outcome.as_str() {
            "updated" => Update::Updated {
                now: Timestamp::from_millis(now),
                new_device: yes_no(new_device),
                ended: ended_sessions(wanted.id.bucket(), ended)?,
                record,
            },
            "gone" => Update::Gone,
            "conflict" => Update::Conflict,
            "unreadable" => Update::Unreadable(record),
            _ => return Err(unexpected("update.lua")),
        })
    }

    /// Ends one session: by its token where there is one, by its id alone otherwise.
    pub(super) async fn revoke(
        &self,
        id: SessionId,
        token: Option<&Token>,
        reason: EndReason,
    ) -> Result<Option<(Timestamp, Bytes)>> {
        let verifier = token.map(|token| self.digester.verifier(token));
        let mut call = self.of_session(&REVOKE, id);
        call.arg(verifier.as_ref().map_or(&[][..], |verifier| &verifier.0))
            .arg(reason.as_str());
        let reply: Option<(u64, Bytes)> = self.connection.run(&call).await?;
        Ok(reply.map(|(now, record)| (Timestamp::from_millis(now), record)))
    }

    /// Ends some of the sessions of the user of `keep`, but `keep`.
    pub(super) async fn revoke_others(
        &self,
        keep: SessionId,
        reason: EndReason,
    ) -> Result<RevokeUser> {
        let mut call = self.prepare(&REVOKE_USER, &self.keys.record(keep), keep.bucket());
        call.arg("").arg(keep.local()).arg(reason.as_str());
        self.revoke_user(call).await
    }

    /// Ends some of a user's sessions.
    pub(super) async fn revoke_all(&self, user: &UserId, reason: EndReason) -> Result<RevokeUser> {
        let mut call = self.of_user(&REVOKE_USER, user, &digest::bucket(user));
        call.arg("").arg(reason.as_str());
        self.revoke_user(call).await
    }

    async fn revoke_user(&self, call: ScriptInvocation<'static>) -> Result<RevokeUser> {
        let (known, count, left, kept): (i64, u64, i64, Bytes) = self.connection.run(&call).await?;
        Ok(RevokeUser {
            known_user: known == 1,
            count,
            left,
            kept,
        })
    }

    pub(super) async fn count(&self, user: &UserId) -> Result<u64> {
        self.connection
            .run(&self.of_user(&COUNT, user, &digest::bucket(user)))
            .await
    }

    pub(super) async fn list(&self, user: &UserId, list: &List) -> Result<ListPage> {
        let (order, at, id) = match &list.cursor {
            Some(cursor) => (
                order_word(cursor.order),
                cursor.after.0.as_millis(),
                cursor.after.1.local().to_owned(),
            ),
            None => ("", 0, String::new()),
        };
        let bucket = digest::bucket(user);
        let mut call = self.of_user(&LIST, user, &bucket);
        call.arg(list.limit)
            .arg(u8::from(list.include_ended))
            .arg(order)
            .arg(at)
            .arg(id);

        type Reply = (i64, String, i64, u64, Bytes, Vec<Bytes>, Vec<Bytes>);
        let (known, order, more, place, last, live, history) = loop {
            let reply: Reply = self.connection.run(&call).await?;
            if reply.1 != "settling" {
                break reply;
            }
        };
        let last = if last.is_empty() {
            None
        } else {
            Some((Timestamp::from_millis(place), session_id(&bucket, &last)?))
        };
        Ok(ListPage {
            known_user: known == 1,
            order: order_of(&order).ok_or_else(|| unexpected("list.lua"))?,
            more: more == 1,
            last,
            live: sessions(&bucket, live)?,
            history,
        })
    }
}

fn fingerprint_bytes(fingerprint: Option<Fingerprint>) -> [u8; 8] {
    fingerprint.map_or([0; 8], |fingerprint| fingerprint.0)
}

fn order_word(order: Order) -> &'static str {
    match order {
        Order::Newest => "newest",
        Order::Expiry => "expiry",
        Order::Ended => "ended",
    }
}

fn order_of(word: &str) -> Option<Order> {
    [Order::Newest, Order::Expiry, Order::Ended]
        .into_iter()
        .find(|order| order_word(*order) == word)
}

/// A script's 1, 0 and -1.
fn yes_no(value: i8) -> Option<bool> {
    (value >= 0).then_some(value == 1)
}

fn session_id(bucket: &str, local: &[u8]) -> Result<SessionId> {
    SessionId::from_parts(bucket, local).map_err(|_| unexpected("a session id"))
}

fn sessions(bucket: &str, flat: Vec<Bytes>) -> Result<Vec<(SessionId, Bytes)>> {
    let mut flat = flat.into_iter();
    let mut sessions = Vec::with_capacity(flat.len() / 2);
    while let (Some(id), Some(record)) = (flat.next(), flat.next()) {
        sessions.push((session_id(bucket, &id)?, record));
    }
    Ok(sessions)
}

fn ended_sessions(bucket: &str, flat: Vec<Bytes>) -> Result<Ended> {
    let mut flat = flat.into_iter();
    let mut ended = Vec::with_capacity(flat.len() / 3);
    while let (Some(id), Some(reason), Some(record)) = (flat.next(), flat.next(), flat.next()) {
        let reason = std::str::from_utf8(&reason)
            .ok()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| unexpected("a reason for ending"))?;
        ended.push((session_id(bucket, &id)?, reason, record));
    }
    Ok(ended)
}

/// For an answer that no script of this release gives.
fn unexpected(what: &'static str) -> Error {
    Error::Refused(format!("not what the script answers: {what}").into())
}
