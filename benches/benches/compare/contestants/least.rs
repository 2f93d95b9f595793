use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, Script};
use session_benches::Outcome;
use session_store::Token;

use crate::contestant::{Contestant, Login, Place, now_millis};

/// The yardstick for what changes a session and its user's index in one step: as few commands as do
/// both, over one shared multiplexed connection. Nothing is dated, checked, told or kept of what ends.
pub(crate) struct Least {
    connection: MultiplexedConnection,
    lifetime_ms: u64,
    way: Way,
    /// None where a create is a transaction.
    create: Option<Script>,
    list: Script,
    revoke_all: Script,
}

/// How several commands become one step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Script,
    /// The commands of our store without device rule, limit and history, which dates sessions, looks
    /// for expired ones and tells what happens, and next to no line of Lua more.
    PlainCommands,
    /// The same of our store with all of them.
    FullCommands,
    /// `MULTI` and `EXEC`, which can't decide by what they read, so there is a create alone.
    Transaction,
}

impl Way {
    /// By record, index, stubs and history; the record, its lifetime, when it expires, its id, its
    /// device and what a record's key begins with.
    fn create(self) -> Option<&'static str> {
        match self {
            Self::Script => Some(
                "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
                redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
                redis.call('PEXPIRE', KEYS[2], ARGV[2])",
            ),
            Self::PlainCommands => Some(
                "redis.call('TIME')
                redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')
                redis.call('ZCOUNT', KEYS[2], '0', '(1')
                redis.call('ZADD', KEYS[2], '-2', '@', ARGV[3], ARGV[4])
                redis.call('PEXPIREAT', KEYS[2], ARGV[3])
                redis.call('PUBLISH', 'sessions', KEYS[1])",
            ),
            Self::FullCommands => Some(
                "local call = redis.call
                call('TIME')
                call('ZCOUNT', KEYS[2], '0', '(1')
                call('ZSCORE', KEYS[2], ARGV[5])
                local live = call('ZRANGEBYSCORE', KEYS[2], '0', '+inf', 'LIMIT', '0', '533')
                call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')
                call('HSET', KEYS[3], ARGV[4], KEYS[1])
                call('PEXPIREAT', KEYS[3], ARGV[3])
                local oldest = live[3] and live[1]
                if oldest then
                  call('GETDEL', ARGV[6] .. oldest)
                  call('ZREM', KEYS[2], oldest)
                  call('HDEL', KEYS[3], oldest)
                  call('LPUSH', KEYS[4], KEYS[1])
                  call('LINDEX', KEYS[4], '-1')
                  call('PEXPIREAT', KEYS[4], ARGV[3])
                end
                call('ZADD', KEYS[2], '-2', '@', ARGV[3], ARGV[4], '-3', ARGV[5])
                call('PEXPIREAT', KEYS[2], ARGV[3])
                call('ZREMRANGEBYSCORE', KEYS[2], '(-1', '-1')
                call('ZCARD', KEYS[2])
                call('PUBLISH', 'sessions', KEYS[1])",
            ),
            Self::Transaction => None,
        }
    }

    /// By index, stubs and history, and what a record's key begins with.
    fn revoke_all(self) -> String {
        match self {
            Self::Script | Self::Transaction => {
                "local keys = redis.call('ZRANGE', KEYS[1], '0', '-1')
                for i = 1, #keys do keys[i] = ARGV[1] .. keys[i] end
                keys[#keys + 1] = KEYS[1]
                return redis.call('UNLINK', unpack(keys)) - 1"
                    .to_owned()
            }
            Self::PlainCommands => revoke_all_of_ours(""),
            Self::FullCommands => revoke_all_of_ours(
                "call('LPUSH', KEYS[3], unpack(keys))
                call('LINDEX', KEYS[3], '-1')
                call('PEXPIREAT', KEYS[3], '4102444800000')
                call('ZADD', KEYS[1], 'XX', '-3', '@1', '-3', '@2', '-3', '@3')",
            ),
        }
    }
}

/// The commands of our store's, with those that it runs for history and devices.
fn revoke_all_of_ours(besides: &str) -> String {
    format!(
        "local call, keys = redis.call, {{}}
        call('TIME')
        call('ZCOUNT', KEYS[1], '0', '(1')
        local ids = call('ZRANGEBYSCORE', KEYS[1], '0', '+inf', 'LIMIT', '0', '501')
        for i = 1, #ids do keys[i] = ARGV[1] .. ids[i] end
        call('MGET', unpack(keys))
        call('UNLINK', unpack(keys))
        call('ZREM', KEYS[1], unpack(ids))
        call('HDEL', KEYS[2], unpack(ids))
        {besides}
        call('PUBLISH', 'sessions', KEYS[1])
        return #ids"
    )
}

/// As many as our store's record takes.
const RECORD: [u8; 120] = [b'x'; 120];

impl Least {
    pub(crate) async fn connect(place: &Place, way: Way) -> Outcome<Self> {
        let client = redis::Client::open(place.url.as_str())?;
        let patient = Place::patient();
        let connection = client.get_multiplexed_async_connection_with_config(&patient);
        Ok(Self {
            connection: connection.await?,
            lifetime_ms: u64::try_from(place.lifetime.as_millis())?,
            way,
            create: way.create().map(Script::new),
            list: Script::new(
                "local keys = redis.call('ZRANGE', KEYS[1], '0', '-1')
                for i = 1, #keys do keys[i] = ARGV[1] .. keys[i] end
                return redis.call('MGET', unpack(keys))",
            ),
            revoke_all: Script::new(&way.revoke_all()),
        })
    }
}

const SESSIONS: &str = "session:";

fn index(user: u64) -> String {
    format!("sessions-of:{user}")
}

fn stubs(user: u64) -> String {
    format!("stubs-of:{user}")
}

fn history(user: u64) -> String {
    format!("history-of:{user}")
}

impl Contestant for Least {
    /// The key.
    type Session = String;

    async fn create(&self, login: Login) -> Outcome<Option<String>> {
        let id = Token::mint(&login.user.into())?.id();
        let (key, index) = (format!("{SESSIONS}{id}"), index(login.user));
        let expires = now_millis()? + self.lifetime_ms;
        let mut connection = self.connection.clone();
        match &self.create {
            Some(script) => {
                let mut create = script.key(&key);
                create.key(index).arg(&RECORD).arg(self.lifetime_ms);
                create.arg(expires).arg(id.as_str());
                if self.way == Way::FullCommands {
                    create.key(stubs(login.user)).key(history(login.user));
                    create.arg(format!("@{}", login.device % 4)).arg(SESSIONS);
                }
                let () = create.invoke_async(&mut connection).await?;
            }
            None => {
                let mut create = redis::pipe();
                create.atomic().pset_ex(&key, &RECORD, self.lifetime_ms);
                create.zadd(&index, id.as_str(), expires);
                create.pexpire(&index, i64::try_from(self.lifetime_ms)?);
                let () = create.query_async(&mut connection).await?;
            }
        }
        Ok(Some(key))
    }

    async fn validate(&self, key: &String) -> Outcome<bool> {
        let record: Option<Vec<u8>> = self.connection.clone().get(key).await?;
        Ok(record.is_some())
    }

    async fn list(&self, user: u64) -> Outcome<u64> {
        let mut list = self.list.key(index(user));
        let mut connection = self.connection.clone();
        let records: Vec<Option<Vec<u8>>> =
            list.arg(SESSIONS).invoke_async(&mut connection).await?;
        Ok(records.iter().flatten().count() as u64)
    }

    async fn revoke_all(&self, user: u64) -> Outcome<u64> {
        let mut revoke = self.revoke_all.key(index(user));
        if matches!(self.way, Way::PlainCommands | Way::FullCommands) {
            revoke.key(stubs(user)).key(history(user));
        }
        let mut connection = self.connection.clone();
        Ok(revoke.arg(SESSIONS).invoke_async(&mut connection).await?)
    }
}
