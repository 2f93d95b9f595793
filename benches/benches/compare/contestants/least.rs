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
    /// None where a create is a transaction.
    create: Option<Script>,
    list: Script,
    revoke_all: Script,
}

/// How several commands become one step.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Script,
    /// The commands of our store's plain create, which dates the session, looks for expired ones and
    /// tells of it, and no line of Lua more.
    ScriptOfOurs,
    /// `MULTI` and `EXEC`, which can't decide by what they read, so there is a create alone.
    Transaction,
}

impl Way {
    fn create(self) -> Option<&'static str> {
        match self {
            Self::Script => Some(
                "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
                redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
                redis.call('PEXPIRE', KEYS[2], ARGV[2])",
            ),
            Self::ScriptOfOurs => Some(
                "redis.call('TIME')
                redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')
                redis.call('ZCOUNT', KEYS[2], '0', '(1')
                redis.call('ZADD', KEYS[2], '-2', '@', ARGV[3], ARGV[4])
                redis.call('PEXPIREAT', KEYS[2], ARGV[3], 'GT')
                redis.call('PUBLISH', 'sessions', KEYS[1])",
            ),
            Self::Transaction => None,
        }
    }
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
            create: way.create().map(Script::new),
            list: Script::new(
                "local keys = redis.call('ZRANGE', KEYS[1], '0', '-1')
                for i = 1, #keys do keys[i] = ARGV[1] .. keys[i] end
                return redis.call('MGET', unpack(keys))",
            ),
            revoke_all: Script::new(
                "local keys = redis.call('ZRANGE', KEYS[1], '0', '-1')
                for i = 1, #keys do keys[i] = ARGV[1] .. keys[i] end
                keys[#keys + 1] = KEYS[1]
                return redis.call('UNLINK', unpack(keys)) - 1",
            ),
        })
    }
}

const SESSIONS: &str = "session:";

fn index(user: u64) -> String {
    format!("sessions-of:{user}")
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
        let mut connection = self.connection.clone();
        Ok(revoke.arg(SESSIONS).invoke_async(&mut connection).await?)
    }
}
