use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::AsyncConnectionConfig;
use session_benches::Outcome;
use session_test::RedisServer;

/// A way to keep sessions in Redis.
///
/// Each is used as its documentation says, with the settings that it recommends; what was chosen
/// stands in its [`Entry`](crate::entry::Entry). What a contestant has no call for is an error here,
/// and the entry says so, so that it is never asked.
pub(crate) trait Contestant: Sized + Send + Sync + 'static {
    /// What a client shows, and what the contestant's own documentation has at hand beside it.
    type Session: Clone + Send + Sync + 'static;

    /// Creates a session as at a login; `None` where the contestant refused to.
    fn create(&self, login: Login) -> impl Future<Output = Outcome<Option<Self::Session>>> + Send;

    /// A session for others to work on, whatever limit there is.
    fn provide(&self, login: Login) -> impl Future<Output = Outcome<Option<Self::Session>>> + Send {
        self.create(login)
    }

    /// Whether the session is there, with its fields.
    fn validate(&self, session: &Self::Session) -> impl Future<Output = Outcome<bool>> + Send;

    /// Marks the session active; whether it was there.
    fn touch(&self, _: &Self::Session) -> impl Future<Output = Outcome<bool>> + Send {
        no_such_call()
    }

    /// Gives the session another token.
    fn rotate(
        &self,
        _: Self::Session,
    ) -> impl Future<Output = Outcome<Option<Self::Session>>> + Send {
        no_such_call()
    }

    /// Reads the session, changes a field and writes it back, as a request that stores something in
    /// it does. Answers what a client shows from then on.
    fn update(
        &self,
        _: &Self::Session,
    ) -> impl Future<Output = Outcome<Option<Self::Session>>> + Send {
        no_such_call()
    }

    /// Ends the session.
    fn log_out(&self, _: &Self::Session) -> impl Future<Output = Outcome> + Send {
        no_such_call()
    }

    /// How many sessions a list of all of the user's holds, each with its fields.
    fn list(&self, _user: u64) -> impl Future<Output = Outcome<u64>> + Send {
        no_such_call()
    }

    /// Ends all sessions of the user; how many.
    fn revoke_all(&self, _user: u64) -> impl Future<Output = Outcome<u64>> + Send {
        no_such_call()
    }

    /// How many of these users' sessions are in the index without a record, or have a record
    /// without being in the index. `keys` are all keys of the contestant's database.
    fn orphans(
        &self,
        _keys: &[String],
        _users: &[u64],
    ) -> impl Future<Output = Outcome<u64>> + Send {
        no_such_call()
    }

    /// Runs what the contestant's documentation says should run every now and then.
    fn clean_up(&self) -> impl Future<Output = Outcome> + Send {
        async { Ok(()) }
    }
}

async fn no_such_call<T>() -> Outcome<T> {
    Err("this contestant has no such call".into())
}

/// Where a contestant keeps its sessions, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    unix_url: String,
    pub(crate) lifetime: Duration,
    /// How many users stand for many.
    pub(crate) users: u64,
}

impl Place {
    /// A numbered database of a server.
    pub(crate) fn new(
        server: &RedisServer,
        database: usize,
        lifetime: Duration,
        users: u64,
    ) -> Self {
        Self {
            url: format!("{}/{database}", server.url()),
            unix_url: format!("{}?db={database}", server.unix_url()),
            lifetime,
            users,
        }
    }

    /// redis-rs's settings but for its deadline of half a second. Thousands of logins at once, or a
    /// database that is emptied, may take longer, and that isn't what is measured.
    pub(crate) fn patient() -> AsyncConnectionConfig {
        AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)))
    }

    /// The same database over the unix socket.
    pub(crate) fn over_unix(&self) -> Self {
        Self {
            url: self.unix_url.clone(),
            ..self.clone()
        }
    }
}

/// A user logs in from a device: the same fields for every contestant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    pub(crate) user: u64,
    pub(crate) device: u64,
}

impl Login {
    pub(crate) const USERNAME: &'static str = "alice";
    pub(crate) const ROLE: &'static str = "user";
    pub(crate) const DEVICE_NAME: &'static str = "Chrome on Windows 10";
    pub(crate) const DEVICE_TYPE: &'static str = "web";
    pub(crate) const BROWSER: &'static str = "Chrome";
    pub(crate) const ADDRESS: &'static str = "192.168.1.1";

    pub(crate) fn fingerprint(self) -> String {
        format!("device-{}", self.device)
    }

    /// The fields as name and value, for contestants that keep a map.
    #[cfg(feature = "peers")]
    pub(crate) fn fields(self) -> Outcome<[(&'static str, String); 10]> {
        let now = now_millis()?.to_string();
        Ok([
            ("user_id", self.user.to_string()),
            ("username", Self::USERNAME.into()),
            ("role", Self::ROLE.into()),
            ("device_name", Self::DEVICE_NAME.into()),
            ("device_type", Self::DEVICE_TYPE.into()),
            ("browser", Self::BROWSER.into()),
            ("ip_address", Self::ADDRESS.into()),
            ("device_fingerprint", self.fingerprint()),
            ("created_at", now.clone()),
            ("last_activity", now),
        ])
    }
}

/// What contestants write that don't date sessions by themselves.
pub(crate) fn now_millis() -> Outcome<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(u64::try_from(now.as_millis())?)
}
