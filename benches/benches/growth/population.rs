use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_benches::{Load, Outcome, Sample, Until};
use session_store::{Config, NewSession, RedisOptions, RedisStore, SessionStore, Token, UserId};
use session_test::RedisServer;

/// How many calls are under way at a time.
pub(super) const TASKS: usize = 64;

/// So many sessions, on a Redis of their own.
pub(super) struct Population {
    pub(super) server: RedisServer,
    pub(super) store: RedisStore,
    pub(super) size: Size,
    /// By how much Redis's memory grew, for each session.
    pub(super) bytes_per_session: f64,
    tokens: Arc<Tokens>,
    picks: AtomicU64,
}

/// Each task's tokens. Session n is task n % [`TASKS`]'s, so no two tasks ever rotate or replace the
/// same one.
type Tokens = [Mutex<Vec<Token>>; TASKS];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) sessions_of_a_user: usize,
    pub(super) sessions: usize,
}

/// Where a session stands in its [`Population`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    task: usize,
    index: usize,
}

impl Size {
    /// About as many sessions as asked for: each user has all of theirs, and each task one at least.
    pub(super) fn new(sessions_of_a_user: usize, sessions: usize) -> Self {
        let users = sessions.max(TASKS).div_ceil(sessions_of_a_user);
        Self {
            sessions_of_a_user,
            sessions: users * sessions_of_a_user,
        }
    }

    fn login(self, nth: usize) -> NewSession {
        let user = nth / self.sessions_of_a_user;
        login(user_id(user), nth % self.sessions_of_a_user)
    }
}

impl Population {
    pub(super) async fn create(size: Size) -> Outcome<Arc<Self>> {
        let server = RedisServer::start();
        let options = RedisOptions {
            // A machine that is busy with something else must not end a run of minutes.
            deadline: Duration::from_secs(60),
            ..RedisOptions::default()
        };
        let store = RedisStore::connect(&server.url(), config(), options).await?;
        let tokens: Arc<Tokens> = Arc::new(std::array::from_fn(|_| Mutex::default()));
        let before = used_memory(&server)?;
        let (filled, creating) = (tokens.clone(), store.clone());
        each(size.sessions, move |nth| {
            let (tokens, store) = (filled.clone(), creating.clone());
            async move {
                let created = store.create(size.login(nth)).await?;
                lock(&tokens[nth % TASKS]).push(created.token);
                Ok(())
            }
        })
        .await?;
        let grown = used_memory(&server)? - before;
        Ok(Arc::new(Self {
            bytes_per_session: grown / size.sessions as f64,
            server,
            store,
            size,
            tokens,
            picks: AtomicU64::new(0),
        }))
    }

    pub(super) fn users(&self) -> usize {
        self.size.sessions / self.size.sessions_of_a_user
    }

    /// One of a task's sessions, anywhere among them.
    pub(super) fn pick(&self, task: usize) -> Place {
        let sessions = lock(&self.tokens[task]).len() as u64;
        // Multiples of the golden ratio are spread evenly, and never the same twice in a row.
        let pick = self.picks.fetch_add(1, Ordering::Relaxed);
        let spread = pick.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let index = usize::try_from(spread % sessions).unwrap_or(0);
        Place { task, index }
    }

    pub(super) fn token(&self, place: Place) -> Token {
        lock(&self.tokens[place.task])[place.index].clone()
    }

    pub(super) fn set_token(&self, place: Place, token: Token) {
        lock(&self.tokens[place.task])[place.index] = token;
    }

    /// As the session was created: same user, same device.
    pub(super) fn login(&self, place: Place) -> NewSession {
        self.size.login(place.index * TASKS + place.task)
    }
}

/// Makes so many calls, from [`TASKS`] tasks; each is told its number. Number n is made by task
/// n % [`TASKS`].
pub(super) async fn each<F, T>(calls: usize, call: F) -> Outcome<Sample>
where
    F: Fn(usize) -> T + Send + Sync + 'static,
    T: Future<Output = Outcome> + Send,
{
    let load = Load {
        tasks: TASKS,
        until: Until::Calls(calls as u64),
    };
    let caller = move |task: usize, nth: u64| call(nth as usize * TASKS + task);
    load.run(&Arc::new(caller)).await
}

pub(super) fn user_id(user: usize) -> UserId {
    UserId::from(user as u64)
}

/// A session with every documented field, on the user's device number `device`.
pub(super) fn login(user: UserId, device: usize) -> NewSession {
    let mut new = NewSession::new(user);
    new.username = Some("alice".into());
    new.role = Some("user".into());
    new.fingerprint = Some(format!("device-{device}"));
    new.device.name = Some("Chrome on Windows 10".into());
    new.device.device_type = Some("web".into());
    new.device.browser = Some("Chrome".into());
    new.device.ip_address = Some("192.168.1.1".into());
    new
}

/// Everything on but a limit, by which no user could have many sessions. No touch becomes due while
/// the benchmark runs, so that a validate is one.
fn config() -> Config {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    Config {
        idle_timeout: Some(24 * HOUR),
        touch_interval: HOUR,
        ..Config::default()
    }
}

fn used_memory(server: &RedisServer) -> Outcome<f64> {
    let info = server.info("memory");
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.ok_or("INFO has no used_memory")?.trim().parse()?)
}

fn lock(tokens: &Mutex<Vec<Token>>) -> MutexGuard<'_, Vec<Token>> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}
