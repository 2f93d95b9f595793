//! The Lua scripts, each behind one typed function: what it is given and what it answers.

use std::net::IpAddr;
use std::sync::Arc;

use redis::{Script, ScriptInvocation};

use super::connection::Connection;
use super::reply::{Bytes, CreateReply, ListReply, RevokeReply};
use super::source::Sources;
use crate::codec::{self, Texts};
use crate::config::Config;
use crate::credential::{Credential, Mark};
use crate::digest::{self, Digester};
use crate::ended::EndReason;
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::page::{List, Order};
use crate::rate::Rate;
use crate::session::{Fingerprint, NewSession, Session};
use crate::timestamp::{Timestamp, duration_millis};
use crate::token::{SessionId, Token};
use crate::user::UserId;

/// Runs the scripts, with one store's settings, over its connection.
pub(super) struct Scripts {
    pub(super) connection: Connection,
    pub(super) config: Config,
    pub(super) keys: Keys,
    pub(super) digester: Digester,
    sources: Arc<Sources>,
}

/// Sessions that a script ended: id, reason, record.
pub(super) type Ended = Vec<(SessionId, EndReason, Bytes)>;

/// What `create.lua` answers.
pub(super) enum Create {
    Created {
        now: Timestamp,
        new_device: Option<bool>,
        ended: Ended,
    },
    /// The id exists; mint another. With a credential: it has a session, or had one.
    Taken,
    /// The credential has expired.
    Past,
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

/// What `revoke_all.lua` and `revoke_others.lua` answer.
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
    pub(super) fn new(
        connection: Connection,
        keys: Keys,
        config: Config,
        sources: Arc<Sources>,
    ) -> Self {
        Self {
            connection,
            keys,
            digester: Digester::new(config.pepper.as_ref()),
            config,
            sources,
        }
    }

    fn of_session<'a>(&self, script: &'a Script, id: SessionId) -> ScriptInvocation<'a> {
        script.key(self.keys.record(id))
    }

    fn of_user<'a>(&self, script: &'a Script, user: &UserId, bucket: &str) -> ScriptInvocation<'a> {
        script.key(self.keys.index(bucket, user))
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
        credential: Option<&Credential>,
    ) -> Result<Create> {
        let verifier = self.digester.verifier(token);
        let mut call = self.of_session(&self.sources.create, token.id());
        call.arg(codec::new_record(new, fingerprint, &verifier));
        if new.absolute_timeout.is_some() || credential.is_some() {
            let timeout = new.absolute_timeout.unwrap_or(self.config.absolute_timeout);
            call.arg(duration_millis(timeout));
        }
        if let Some(credential) = credential {
            let ends_at = credential.ends_at().unwrap_or(Timestamp::END);
            let mark = codec::mark_bytes(credential.mark());
            call.arg([&mark[..], &codec::six_bytes(ends_at)].concat());
        }

        let created = |now: i64, ended| Create::Created {
            now: Timestamp::from_millis(now.unsigned_abs()),
            new_device: fingerprint.map(|_| now < 0),
            ended,
        };
        let id = token.id();
        let bucket = id.bucket();
        Ok(match self.connection.run(&call).await? {
            CreateReply::Created(now, ended) => created(now, ended_sessions(bucket, ended)?),
            CreateReply::More(now, ended) => {
                Create::More(Timestamp::from_millis(now), ended_sessions(bucket, ended)?)
            }
            CreateReply::Not(outcome) => match outcome.as_str() {
                "taken" => Create::Taken,
                "past" => Create::Past,
                "limit" => Create::Limit,
                _ => return Err(unexpected("create.lua")),
            },
        })
    }

    pub(super) async fn touch(
        &self,
        id: SessionId,
        interval_ms: u64,
        address: Option<IpAddr>,
    ) -> Result<Option<Bytes>> {
        let mut call = self.of_session(&self.sources.touch, id);
        call.arg(interval_ms);
        match address {
            Some(address) => call
                .arg(codec::Address::from(Some(address)).as_bytes())
                .arg(address.to_canonical().to_string()),
            None => call.arg("").arg(""),
        };
        self.connection.run(&call).await
    }

    pub(super) async fn rotate(&self, old: &Token, new: &Token) -> Result<Option<Bytes>> {
        let mut call = self.of_session(&self.sources.rotate, old.id());
        call.arg(&self.digester.verifier(old).0[..])
            .arg(&self.digester.verifier(new).0[..]);
        self.connection.run(&call).await
    }

    /// `wanted` is the session as it is to be, with the revision that it must have now; `mark` is of
    /// the credential that says so, where one does.
    pub(super) async fn update(
        &self,
        wanted: &Session,
        fingerprint: Option<&str>,
        mark: Option<Mark>,
    ) -> Result<Update> {
        let texts = Texts::of(
            wanted.username.as_deref(),
            wanted.role.as_deref(),
            &wanted.device,
        );
        let fingerprint = self.fingerprint(&wanted.user_id, fingerprint);
        let mut call = self.of_session(&self.sources.update, wanted.id);
        call.arg(wanted.revision)
            .arg(&codec::fingerprint_bytes(fingerprint)[..])
            .arg(&[texts.flags(&wanted.user_id)][..])
            .arg(texts.encode())
            .arg(wanted.data.as_bytes());
        if let Some(mark) = mark {
            call.arg(&codec::mark_bytes(mark)[..]);
        }

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
        let mut call = self.of_session(&self.sources.revoke, id);
        call.arg(verifier.as_ref().map_or(&[][..], |verifier| &verifier.0))
            .arg(reason.digit().to_string());
        let reply: Option<(u64, Bytes)> = self.connection.run(&call).await?;
        Ok(reply.map(|(now, record)| (Timestamp::from_millis(now), record)))
    }

    /// Ends some of the sessions of the user of `keep`, but `keep`.
    pub(super) async fn revoke_others(
        &self,
        keep: SessionId,
        reason: EndReason,
    ) -> Result<RevokeUser> {
        let mut call = self.of_session(&self.sources.revoke_others, keep);
        call.arg(reason.digit().to_string());
        self.revoke_user(call).await
    }

    /// Ends some of a user's sessions.
    pub(super) async fn revoke_all(&self, user: &UserId, reason: EndReason) -> Result<RevokeUser> {
        let bucket = digest::bucket(user);
        let mut call = self.of_user(&self.sources.revoke_all, user, bucket.as_str());
        call.arg(reason.digit().to_string());
        self.revoke_user(call).await
    }

    async fn revoke_user(&self, call: ScriptInvocation<'_>) -> Result<RevokeUser> {
        let (known, count, left, kept) = match self.connection.run(&call).await? {
            RevokeReply::All(count) => (1, count, 0, Bytes::new()),
            RevokeReply::Some(reply) => reply,
        };
        Ok(RevokeUser {
            known_user: known == 1,
            count,
            left,
            kept,
        })
    }

    /// Keeps a credential's mark until then at least, where there is one.
    pub(super) async fn prolong(&self, id: SessionId, known_until: Timestamp) -> Result<()> {
        let mut call = self.sources.prolong.key(self.keys.mark(id));
        call.arg(known_until.as_millis());
        self.connection.run(&call).await
    }

    /// How long to wait, in milliseconds; 0 where it has been counted.
    pub(super) async fn admit(&self, name: &str, rate: Rate) -> Result<u64> {
        let mut call = self.sources.admit.key(self.keys.rate(name));
        call.arg(rate.interval_us()).arg(rate.period_us());
        self.connection.run(&call).await
    }

    pub(super) async fn count(&self, user: &UserId) -> Result<u64> {
        let bucket = digest::bucket(user);
        let call = self.of_user(&self.sources.count, user, bucket.as_str());
        self.connection.run(&call).await
    }

    pub(super) async fn list(&self, user: &UserId, list: &List) -> Result<ListPage> {
        let bucket = digest::bucket(user);
        let bucket = bucket.as_str();
        let mut call = self.of_user(&self.sources.list, user, bucket);
        call.arg(list.limit + 1);
        if list.include_ended || list.cursor.is_some() {
            call.arg(u8::from(list.include_ended));
        }
        if let Some(cursor) = &list.cursor {
            call.arg(order_word(cursor.order))
                .arg(cursor.after.0.as_millis())
                .arg(cursor.after.1.local());
        }

        let (known, order, more, place, last, live, history) = loop {
            match self.connection.run(&call).await? {
                ListReply::All(records, keys) => return whole(bucket, records, &keys),
                ListReply::Page(page) if page.1 == "settling" => {}
                ListReply::Page(page) => break page,
            }
        };
        let last = if last.is_empty() {
            None
        } else {
            Some((Timestamp::from_millis(place), session_id(bucket, &last)?))
        };
        Ok(ListPage {
            known_user: known == 1,
            order: order_of(&order).ok_or_else(|| unexpected("list.lua"))?,
            more: more == 1,
            last,
            live: sessions(bucket, live)?,
            history,
        })
    }
}

/// All sessions of a user on one page.
fn whole(bucket: &str, records: Vec<Bytes>, keys: &[Bytes]) -> Result<ListPage> {
    let ids = keys.iter().map(|key| session_id(bucket, Keys::local(key)));
    let live = ids.zip(records).map(|(id, record)| Ok((id?, record)));
    Ok(ListPage {
        known_user: true,
        order: Order::Newest,
        more: false,
        last: None,
        live: live.collect::<Result<_>>()?,
        history: Vec::new(),
    })
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
        let reason = reason.first().copied().and_then(EndReason::from_digit);
        let reason = reason.ok_or_else(|| unexpected("a reason for ending"))?;
        ended.push((session_id(bucket, &id)?, reason, record));
    }
    Ok(ended)
}

/// For an answer that no script of this release gives.
fn unexpected(what: &'static str) -> Error {
    Error::Refused(format!("not what the script answers: {what}").into())
}
