use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use clap::builder::BoolishValueParser;
use session_store::{Config, ConfigError, History, Limit, LimitPolicy, Pepper};

use super::SettingError;
use super::values::{self, Secret};

/// How sessions live and end.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Sessions")]
pub struct SessionArgs {
    /// How many sessions a user may have at once; 0 is no limit.
    #[arg(long, env, value_name = "NUMBER", default_value_t = 3)]
    pub max_sessions_per_user: u32,

    /// What a login does when the user has that many.
    #[arg(long, env, value_name = "POLICY", default_value = "evict-oldest")]
    pub limit_policy: Policy,

    /// A session ends this long after it was created. Decimals are allowed.
    #[arg(long = "session-timeout-hours", env = "SESSION_TIMEOUT_HOURS")]
    #[arg(value_name = "HOURS", default_value = "720", value_parser = values::hours)]
    pub session_timeout: Duration,

    /// A session ends this long after its last activity; 0 is off. Decimals are allowed.
    #[arg(long = "idle-timeout-hours", env = "IDLE_TIMEOUT_HOURS")]
    #[arg(value_name = "HOURS", default_value = "0", value_parser = values::hours)]
    pub idle_timeout: Duration,

    /// Activity is written at most this often.
    #[arg(long = "touch-interval-seconds", env = "TOUCH_INTERVAL_SECONDS")]
    #[arg(value_name = "SECONDS", default_value = "60", value_parser = values::seconds)]
    pub touch_interval: Duration,

    /// How long ended sessions are listed with include_inactive; 0 keeps none.
    #[arg(long = "history-retention-days", env = "HISTORY_RETENTION_DAYS")]
    #[arg(value_name = "DAYS", default_value = "30", value_parser = values::days)]
    pub history_retention: Duration,

    /// Whether POST /sessions/create needs a device_fingerprint.
    #[arg(long, env, value_name = "BOOL", default_value = "true")]
    #[arg(action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub require_device_fingerprint: bool,

    /// What happens where a client reports another device fingerprint than its session has: it is
    /// flagged (device_changed), or refused.
    #[arg(long, env, value_name = "ACTION", default_value = "flag")]
    pub fingerprint_change: FingerprintChange,

    /// A secret that keys every stored digest. Changing it logs everyone out. Visible in `ps` when
    /// given as a flag.
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    token_pepper: Option<Secret>,

    /// A file that holds the pepper.
    #[arg(long, env, value_name = "FILE")]
    token_pepper_file: Option<PathBuf>,
}

/// What happens where a session's fingerprint changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FingerprintChange {
    /// The session goes on, and says so.
    Flag,
    /// The report is refused; the session goes on as it was.
    Refuse,
}

/// What a login does when the user has as many sessions as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Policy {
    /// Ends the session that was created first.
    EvictOldest,
    /// Ends the session whose last activity is longest ago.
    EvictLeastRecentlyActive,
    /// Is refused.
    Reject,
}

impl From<Policy> for LimitPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::EvictOldest => Self::EvictOldest,
            Policy::EvictLeastRecentlyActive => Self::EvictLeastRecentlyActive,
            Policy::Reject => Self::Reject,
        }
    }
}

impl SessionArgs {
    /// The same, in the store's terms.
    ///
    /// # Errors
    ///
    /// Settings that don't go together, a pepper that is none.
    pub fn config(&self) -> Result<Config, SettingError> {
        let retention = some(self.history_retention);
        let config = Config {
            absolute_timeout: self.session_timeout,
            idle_timeout: some(self.idle_timeout),
            touch_interval: self.touch_interval,
            limit: Limit::new(self.max_sessions_per_user, self.limit_policy.into()),
            history: retention.map(|retention| History {
                retention,
                ..History::default()
            }),
            pepper: self.pepper()?,
            ..Config::default()
        };
        config.check().map_err(|error| in_our_words(&error))?;
        Ok(config)
    }

    fn pepper(&self) -> Result<Option<Pepper>, SettingError> {
        let variable = Secret::given(self.token_pepper.as_ref());
        let (name, pepper) = match (variable, &self.token_pepper_file) {
            (None, None) => return Ok(None),
            (Some(pepper), None) => ("TOKEN_PEPPER", pepper.as_bytes().to_vec()),
            (None, Some(file)) => {
                let name = "TOKEN_PEPPER_FILE";
                let pepper = std::fs::read(file);
                let pepper = pepper.map_err(|error| {
                    SettingError::new(name, format!("{}: {error}", file.display()))
                })?;
                // Editors end files with a line break, which nobody means to be part of a secret.
                (name, pepper.trim_ascii().to_vec())
            }
            (Some(_), Some(_)) => {
                let reason = "TOKEN_PEPPER is set too: there can be only one";
                return Err(SettingError::new("TOKEN_PEPPER_FILE", reason));
            }
        };
        let pepper = Pepper::new(pepper).map_err(|error| SettingError::new(name, error.reason))?;
        Ok(Some(pepper))
    }
}

/// Zero is how a setting says "none".
fn some(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// The store names its own fields; the operator knows the environment variables.
fn in_our_words(error: &ConfigError) -> SettingError {
    let variable = match error.field {
        "absolute_timeout" => "SESSION_TIMEOUT_HOURS",
        "idle_timeout" => "IDLE_TIMEOUT_HOURS",
        "touch_interval" => "TOUCH_INTERVAL_SECONDS",
        "history.retention" => "HISTORY_RETENTION_DAYS",
        "limit.max" => "MAX_SESSIONS_PER_USER",
        field => field,
    };
    let reason = error.reason.replace("idle_timeout", "IDLE_TIMEOUT_HOURS");
    let reason = reason.replace("None is no limit", "0 is no limit");
    SettingError::new(variable, reason)
}
