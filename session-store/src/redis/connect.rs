use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::{Manager, Pool, Runtime};
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, RedisError, Value};

use super::connection::Connection;
use super::scripts::Scripts;
use super::source::Sources;
use super::{Inner, RedisStore};
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::keys::Keys;

/// The oldest server: `PEXPIRETIME` and the `TIME` of a script that writes.
const OLDEST: (u32, u32) = (7, 0);

/// How a [`RedisStore`] uses its Redis.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// What every key and channel begins with (`sess`). Stores with different prefixes share a
    /// Redis without knowing of each other.
    pub prefix: String,

    /// How long a round trip may take (1 s). A call makes one or two of them, unless its
    /// documentation says otherwise.
    pub deadline: Duration,

    /// For a store made [from a pool](RedisStore::from_pool): where streams of events connect to.
    /// A pool's connections can't subscribe.
    pub events: Option<Client>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "sess".into(),
            deadline: Duration::from_secs(1),
            events: None,
        }
    }
}

/// Why a [`RedisStore`] couldn't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting doesn't make sense.
    #[error(transparent)]
    Config(#[from] ConfigError),

    /// The URL isn't one that leads to a Redis.
    #[error(
        "not a Redis URL: expected redis://[user:password@]host[:port][/database], rediss://… (with \
         the `tls` feature) or unix:///path/to/socket"
    )]
    Url(#[source] RedisError),

    /// Nobody answers there, or not as a Redis would.
    #[error("no Redis can be reached at {address}")]
    Unreachable {
        /// Where, without any password.
        address: String,
        /// What was tried and failed.
        source: Error,
    },

    /// The server is too old.
    #[error("the server is Redis {found}; at least {}.{} is needed", OLDEST.0, OLDEST.1)]
    TooOld {
        /// The server's version.
        found: String,
    },

    /// The connection's user lacks a right, which would leave changes half done.
    #[error(
        "the Redis user may not call {command} on keys that begin with {prefix}: or on the channel \
         {prefix}:events; RedisStore's documentation lists all rights that are needed"
    )]
    Rights {
        /// The first command that is refused.
        command: String,
        /// The store's prefix.
        prefix: String,
    },

    /// The server is a replica, which takes no changes.
    #[error("the server is a replica; its master is needed")]
    Replica,

    /// The server is a node of a cluster, which a single connection can't serve.
    #[error("the server is a node of a Redis Cluster; a single Redis is needed")]
    Cluster,
}

impl RedisStore {
    /// Connects to the Redis at `url`: `redis://`, `rediss://` (with the `tls` feature) or
    /// `unix://`.
    ///
    /// Over TLS the system's certificates are trusted, or those in the file that the environment
    /// variable `SSL_CERT_FILE` names. For anything else, make a pool and give it
    /// [`from_pool`](Self::from_pool).
    ///
    /// Must be called inside a tokio runtime, which the store then needs as long as it lives.
    ///
    /// # Errors
    ///
    /// The URL or a setting makes no sense, Redis can't be reached, or it is too old.
    ///
    /// ```no_run
    /// use session_store::{Config, RedisOptions, RedisStore};
    ///
    /// # async fn connect() -> Result<(), session_store::ConnectError> {
    /// let store = RedisStore::connect(
    ///     "redis://127.0.0.1:6379",
    ///     Config::default(),
    ///     RedisOptions::default(),
    /// )
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(
        url: &str,
        config: Config,
        mut options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        let info = url.into_connection_info().map_err(ConnectError::Url)?;
        // Small requests that must not wait for company: without this, TCP may hold them back.
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let address = info.addr().to_string();
        if options.events.is_none() {
            options.events = Some(Client::open(info.clone()).map_err(ConnectError::Url)?);
        }
        let pool = pool(info, options.deadline).map_err(ConnectError::Url)?;
        Self::open(pool, address, config, options).await
    }

    /// Uses connections of a pool that the service already has, with its address, credentials and
    /// TLS.
    ///
    /// One connection at a time is taken out of the pool for good, and replaced when it breaks;
    /// the pool is free to make another in its place. [`SessionStore::events`] needs
    /// [`RedisOptions::events`].
    ///
    /// [`SessionStore::events`]: crate::SessionStore::events
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn from_pool(
        pool: Pool,
        config: Config,
        options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        Self::open(pool, "the pool's address".into(), config, options).await
    }

    async fn open(
        pool: Pool,
        address: String,
        config: Config,
        options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        config.check()?;
        let keys = Keys::new(&options.prefix)?;
        if options.deadline < Duration::from_millis(1) {
            return Err(ConfigError::new("deadline", "must be at least 1 ms").into());
        }
        let sources = Arc::new(Sources::new(&keys, &config));
        let unreachable = |source| ConnectError::Unreachable {
            address: address.clone(),
            source,
        };
        let opened = async {
            let connection = Connection::open(pool, options.deadline, sources.clone()).await?;
            let hello = hello(&connection).await?;
            Ok((connection, hello))
        };
        let (connection, hello) = opened.await.map_err(&unreachable)?;
        check_server(&hello)?;
        let missing = missing_right(&connection, &keys).await;
        if let Some(command) = missing.map_err(unreachable)? {
            let prefix = options.prefix;
            return Err(ConnectError::Rights { command, prefix });
        }
        warn_of_eviction(&connection).await;
        Ok(Self {
            inner: Arc::new(Inner {
                scripts: Scripts::new(connection, keys, config, sources),
                events: options.events,
                deadline: options.deadline,
            }),
        })
    }
}

/// A pool whose every step has a deadline; the store takes one connection out of it.
fn pool(info: ConnectionInfo, deadline: Duration) -> Result<Pool, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(deadline))
        .set_response_timeout(Some(deadline));
    let manager = Manager::new_with_config(info, config)?;
    Ok(Pool::builder(manager)
        .max_size(1)
        .runtime(Runtime::Tokio1)
        .create_timeout(Some(deadline))
        .wait_timeout(Some(deadline))
        .recycle_timeout(Some(deadline))
        .build()
        .expect("a runtime is named, which is all that the timeouts need"))
}

/// What the server says of itself. `HELLO` needs no right.
async fn hello(connection: &Connection) -> Result<HashMap<String, Value>, Error> {
    connection.query(&redis::cmd("HELLO")).await
}

fn check_server(hello: &HashMap<String, Value>) -> Result<(), ConnectError> {
    let text = |name: &str| -> String {
        let value = hello.get(name).cloned().unwrap_or(Value::Nil);
        redis::from_redis_value(value).unwrap_or_default()
    };
    let found = text("version");
    let mut numbers = found.split('.').map(|number| number.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST {
        return Err(ConnectError::TooOld { found });
    }
    if text("role") != "master" {
        return Err(ConnectError::Replica);
    }
    if text("mode") == "cluster" {
        return Err(ConnectError::Cluster);
    }
    Ok(())
}

/// The first command that the store needs and its user may not call.
async fn missing_right(connection: &Connection, keys: &Keys) -> Result<Option<String>, Error> {
    let mut ask = redis::cmd("EVAL");
    ask.arg(include_str!("lua/rights.lua"))
        .arg(0)
        .arg(keys.base("AA"))
        .arg(keys.channel());
    connection.query(&ask).await
}

/// Says so when Redis may drop sessions to save memory. Not being allowed to ask is fine.
async fn warn_of_eviction(connection: &Connection) {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let Ok(memory) = connection.query::<String>(&info).await else {
        return;
    };
    let field = |name: &str| {
        let mut fields = memory.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let policy = field("maxmemory_policy").unwrap_or("noeviction");
    if policy != "noeviction" && field("maxmemory") != Some("0") {
        tracing::warn!(
            policy,
            "Redis may evict sessions when its memory is full; set maxmemory-policy to noeviction"
        );
    }
}
