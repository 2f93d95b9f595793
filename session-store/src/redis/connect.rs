use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::{Manager, Pool, Runtime};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError};

use super::check::{Check, Mode, OLDEST};
use super::cluster::Cluster;
use super::connection::Connection;
use super::events::Source;
use super::node::NodePool;
use super::scripts::Scripts;
use super::source::Sources;
use super::url::{self, Target};
use super::{Inner, RedisStore};
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::keys::Keys;

/// Calls that may wait to be written. With fewer than there are callers, these queue for a place, and
/// what could have travelled together doesn't.
const IN_FLIGHT: usize = 512;

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
        "not a Redis URL: expected redis://[user:password@]host[:port][/database], \
         redis-cluster://[user:password@]host[:port][,host[:port]…], rediss://… or \
         rediss-cluster://… (with the `tls` feature), or unix:///path/to/socket"
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

    /// The server is a node of a cluster, which the URL of a single Redis can't lead to.
    #[error(
        "the server is a node of a Redis Cluster: let the URL begin with redis-cluster:// \
         (or rediss-cluster://)"
    )]
    Cluster,

    /// The URL is a cluster's, and the server isn't a node of one.
    #[error(
        "the server isn't a node of a Redis Cluster: let the URL begin with redis:// (or rediss://)"
    )]
    NoCluster,
}

impl RedisStore {
    /// Connects to the Redis at `url`: `redis://`, `unix://`, or `redis-cluster://` with one or more
    /// nodes of a Redis Cluster (`redis-cluster://a:6379,b,c`); with the `tls` feature `rediss://`
    /// and `rediss-cluster://` too.
    ///
    /// Over TLS the system's certificates are trusted, or those in the file that the environment
    /// variable `SSL_CERT_FILE` names. For anything else, make a pool and give it
    /// [`from_pool`](Self::from_pool).
    ///
    /// Of a cluster one node is enough to find the others; name several, so that one of them may be
    /// away. All its masters have to be there for a store to be made. They are reached at the
    /// addresses by which the cluster itself names them.
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
        options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        match url::parse(url).map_err(ConnectError::Url)? {
            Target::Single(info) => Self::connect_single(*info, config, options).await,
            Target::Cluster(seeds) => Self::connect_cluster(seeds, config, options).await,
        }
    }

    /// Uses connections of a pool that the service already has, with its address, credentials and
    /// TLS.
    ///
    /// One connection at a time is taken out of the pool for good, and replaced when it breaks;
    /// the pool is free to make another in its place. [`SessionStore::events`] needs
    /// [`RedisOptions::events`]. A cluster has no pool: that takes a URL.
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
        let pool = NodePool {
            pool,
            is_timed: true,
        };
        Self::open(pool, "the pool's address", config, options).await
    }

    async fn connect_single(
        info: ConnectionInfo,
        config: Config,
        mut options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        let address = info.addr().to_string();
        if options.events.is_none() {
            options.events = Some(Client::open(info.clone()).map_err(ConnectError::Url)?);
        }
        let pool = NodePool {
            pool: pool(info, options.deadline).map_err(ConnectError::Url)?,
            is_timed: false,
        };
        Self::open(pool, &address, config, options).await
    }

    async fn open(
        pool: NodePool,
        address: &str,
        config: Config,
        options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        let check = check(&config, &options, Mode::Single)?;
        let connection = Connection::Single(check.open(pool, address).await?);
        let events = options
            .events
            .map(|client| Source::Server(Box::new(client)));
        Ok(Self::over(connection, check, events, config))
    }

    async fn connect_cluster(
        seeds: Vec<ConnectionInfo>,
        config: Config,
        options: RedisOptions,
    ) -> Result<Self, ConnectError> {
        let check = check(&config, &options, Mode::Cluster)?;
        let cluster = Cluster::open(seeds, check.clone()).await?;
        let events = match options.events {
            Some(client) => Source::Server(Box::new(client)),
            None => Source::Cluster(cluster.shared().clone()),
        };
        Ok(Self::over(
            Connection::Cluster(cluster),
            check,
            Some(events),
            config,
        ))
    }

    fn over(connection: Connection, check: Check, events: Option<Source>, config: Config) -> Self {
        Self {
            inner: Arc::new(Inner {
                deadline: check.deadline,
                scripts: Scripts::new(connection, check.keys, config, check.sources),
                events,
            }),
        }
    }
}

/// What is asked of a server, if the settings make sense.
fn check(config: &Config, options: &RedisOptions, mode: Mode) -> Result<Check, ConfigError> {
    config.check()?;
    let keys = Keys::new(&options.prefix)?;
    if options.deadline < Duration::from_millis(1) {
        return Err(ConfigError::new("deadline", "must be at least 1 ms"));
    }
    Ok(Check {
        sources: Arc::new(Sources::new(&keys, config)),
        keys,
        mode,
        deadline: options.deadline,
    })
}

/// A pool whose every step has a deadline; the store takes one connection out of it.
pub(super) fn pool(info: ConnectionInfo, deadline: Duration) -> Result<Pool, RedisError> {
    // Calls are bounded by their node, see `NodePool`.
    let unbounded = timeouts(deadline)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(IN_FLIGHT);
    let manager = Manager::new_with_config(info, unbounded)?;
    Ok(Pool::builder(manager)
        .max_size(1)
        .runtime(Runtime::Tokio1)
        .create_timeout(Some(deadline))
        .wait_timeout(Some(deadline))
        .recycle_timeout(Some(deadline))
        .build()
        .expect("a runtime is named, which is all that the timeouts need"))
}

pub(super) fn timeouts(deadline: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(deadline))
        .set_response_timeout(Some(deadline))
}
