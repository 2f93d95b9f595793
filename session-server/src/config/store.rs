use std::time::Duration;

use session_store::RedisOptions;

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
}

impl StoreArgs {
    /// The URL, which may hold a password. An empty variable is as good as none.
    #[must_use]
    pub fn redis_url(&self) -> Option<&str> {
        let url = self.redis_url.as_ref().map(Secret::as_str);
        url.filter(|url| !url.is_empty())
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
}
