use std::time::Duration;

use session_store::{NearCacheOptions, RedisOptions};

use super::SettingError;
use super::values::{self, Secret};

/// Where sessions are kept.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub struct StoreArgs {
    /// redis://, redis-cluster:// (with one or more nodes: redis-cluster://a,b,c), their TLS
    /// variants rediss:// and rediss-cluster://, or unix://. Without it sessions are kept in this
    /// process.
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    redis_url: Option<Secret>,

    /// What every key in Redis begins with.
    #[arg(long, env, value_name = "PREFIX", default_value_t = RedisOptions::default().prefix)]
    redis_prefix: String,

    /// How long a round trip to the store may take before the request is answered with 503.
    #[arg(long = "store-deadline-ms", env = "STORE_DEADLINE_MS")]
    #[arg(value_name = "MILLISECONDS", default_value = "1000")]
    #[arg(value_parser = values::some_milliseconds)]
    store_deadline: Duration,

    /// Memory for sessions that need not be read from Redis again until Redis tells of a change; 0
    /// is off. With REDIS_URL only.
    #[arg(long, env, value_name = "MEGABYTES", default_value_t = 0)]
    near_cache_megabytes: usize,

    /// How old what is answered from that memory may be, at most, where the network has fallen
    /// silent.
    #[arg(long = "near-cache-staleness-ms", env = "NEAR_CACHE_STALENESS_MS")]
    #[arg(value_name = "MILLISECONDS", default_value = "1000")]
    #[arg(value_parser = values::some_milliseconds)]
    near_cache_staleness: Duration,
}

impl StoreArgs {
    /// The URL, which may hold a password. An empty variable is as good as none.
    #[must_use]
    pub fn redis_url(&self) -> Option<&str> {
        Secret::given(self.redis_url.as_ref())
    }

    /// How to use that Redis.
    #[must_use]
    pub fn redis_options(&self) -> RedisOptions {
        RedisOptions {
            prefix: self.redis_prefix.clone(),
            deadline: self.store_deadline,
            ..RedisOptions::default()
        }
    }

    /// How old what the store answers may be, at most.
    pub(super) fn staleness(&self) -> Duration {
        match self.near_cache_megabytes {
            0 => Duration::ZERO,
            _ => self.near_cache_staleness,
        }
    }

    /// The near cache to put in front of that Redis, where one is wanted.
    ///
    /// # Errors
    ///
    /// There is no Redis.
    pub fn near_cache(&self) -> Result<Option<NearCacheOptions>, SettingError> {
        if self.near_cache_megabytes == 0 {
            return Ok(None);
        }
        if self.redis_url().is_none() {
            let reason = "takes REDIS_URL: without it sessions are in memory as they are";
            return Err(SettingError::new("NEAR_CACHE_MEGABYTES", reason));
        }
        Ok(Some(NearCacheOptions {
            max_bytes: self.near_cache_megabytes.saturating_mul(1024 * 1024),
            max_entries: usize::MAX,
            max_staleness: self.near_cache_staleness,
        }))
    }
}
