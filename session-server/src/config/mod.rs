//! Every setting: one flag and one environment variable each, with its default beside it. A struct
//! for each concern.

mod cookie;
mod cors;
mod credentials;
mod error;
mod jwt;
mod limits;
mod log;
mod proxies;
mod rates;
mod sessions;
mod store;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{Arg, CommandFactory as _, FromArgMatches as _};

use crate::jwt::AccessTokens;

pub use cookie::{Browsers, Cookie, CookieArgs, SameSite};
pub use cors::{Cors, CorsArgs};
pub use credentials::{CredentialArgs, Credentials, ServiceKey};
pub use error::SettingError;
pub use jwt::JwtArgs;
pub use limits::Limits;
pub use log::{LogArgs, LogFormat};
pub use proxies::{ForwardingHeader, Proxies, ProxyArgs};
pub use rates::{Allowance, Rates};
pub use sessions::{FingerprintChange, Policy, SessionArgs};
pub use store::StoreArgs;
pub use values::Secret;

/// What the server itself goes by, once the settings are checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may call.
    pub credentials: Credentials,
    /// Whether a create needs a `device_fingerprint`.
    pub require_device_fingerprint: bool,
    /// Whose access tokens are taken, where any are.
    pub(crate) access_tokens: Option<Arc<AccessTokens>>,
    /// What happens where a session's fingerprint changes.
    pub fingerprint_change: FingerprintChange,
    /// What browsers hold.
    pub browsers: Browsers,
    /// Which web pages may call.
    pub cors: Cors,
    /// Whose word is taken for where a request comes from.
    pub proxies: Proxies,
    /// How old what the store answers may be, at most: the bound of a near cache.
    pub staleness: Duration,
    /// How often sessions may be created.
    pub rates: Rates,
    /// What a client may take up.
    pub limits: Limits,
}

impl Settings {
    /// Whether nobody could create a session.
    #[must_use]
    pub fn has_no_credential(&self) -> bool {
        self.credentials.service_keys.is_empty() && self.access_tokens.is_none()
    }
}

/// Lists, revokes and verifies user sessions over HTTP.
///
/// Without REDIS_URL sessions are kept in this process, and are gone when it ends.
///
/// Every setting can be given as a flag or as an environment variable; the flag wins. What is on
/// the command line can be read by every user of the machine (in `ps`): give secrets as environment
/// variables, or better as files.
#[derive(Debug, clap::Parser)]
#[command(name = "session-server", version, max_term_width = 80)]
pub struct Args {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(
        long,
        env,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    #[arg(value_parser = values::listen_addr)]
    pub listen_addr: String,

    /// Where /metrics is served instead, for Prometheus alone.
    #[arg(long, env, value_name = "ADDRESS:PORT")]
    #[arg(value_parser = values::listen_addr)]
    pub metrics_addr: Option<String>,

    /// Where sessions are kept.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How sessions live and end.
    #[command(flatten)]
    pub sessions: SessionArgs,
    /// Who may call.
    #[command(flatten)]
    pub credentials: CredentialArgs,
    /// Whose access tokens are taken.
    #[command(flatten)]
    pub jwt: JwtArgs,
    /// What browsers hold.
    #[command(flatten)]
    pub browsers: CookieArgs,
    /// Which web pages may call.
    #[command(flatten)]
    pub cors: CorsArgs,
    /// Which proxies are in front.
    #[command(flatten)]
    pub proxies: ProxyArgs,
    /// How often sessions may be created.
    #[command(flatten)]
    pub rates: Rates,
    /// What a client may take up.
    #[command(flatten)]
    pub limits: Limits,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

impl Args {
    /// Reads flags and environment variables. A variable that is empty counts as not set.
    ///
    /// # Errors
    ///
    /// What the process has to end with: `--help` and `--version` have been printed, or what is
    /// wrong, in one line.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        let command = Self::command().mut_args(unset_if_empty);
        let matches = command.try_get_matches_from(args);
        let read = matches.and_then(|matches| Self::from_arg_matches(&matches));
        read.map_err(|error| error::report(&error))
    }

    /// Checks what clap can't, and reads the files that settings name.
    ///
    /// # Errors
    ///
    /// The first setting that is wrong; no credential to log in with on a real Redis is one.
    pub fn settings(&self) -> Result<Settings, SettingError> {
        let credentials = self.credentials.read()?;
        let settings = Settings {
            access_tokens: self.jwt.read(&credentials.admin_roles)?,
            credentials,
            require_device_fingerprint: self.sessions.require_device_fingerprint,
            fingerprint_change: self.sessions.fingerprint_change,
            browsers: self.browsers.read(),
            cors: self.cors.read()?,
            proxies: self.proxies.read(),
            staleness: self.store.staleness(),
            rates: self.rates,
            limits: self.limits.clone(),
        };
        if self.store.redis_url().is_some() && settings.has_no_credential() {
            let reason = "with REDIS_URL, set this, SERVICE_KEYS_FILE or a key of access tokens \
                          (JWT_SECRET, …): nobody could create a session otherwise";
            return Err(SettingError::new("SERVICE_KEYS", reason));
        }
        Ok(settings)
    }
}

/// Compose files and unit files often can't leave a variable out, only empty.
fn unset_if_empty(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(std::env::var_os);
    match value.is_some_and(|value| value.is_empty()) {
        true => arg.env(Resettable::Reset),
        false => arg,
    }
}
