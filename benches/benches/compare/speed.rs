//! The loads: each sets up what it works on, and only then measures.

use std::sync::{Arc, Mutex};

use session_benches::{Caller, Cost, Counters, Load, Outcome, Until, median};

use crate::arena::{Ground, Users};
use crate::contestant::{Contestant, Login};

/// How many sessions a person has.
const A_FEW: u64 = 3;

/// The figures of one load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) rate: f64,
    /// At 50, 99 and 99.9 per cent, µs.
    pub(crate) latency: [f64; 3],
    pub(crate) cost: Cost,
}

impl Measured {
    /// The middle of each figure.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        Self {
            rate: of(|round| round.rate),
            latency: [
                of(|round| round.latency[0]),
                of(|round| round.latency[1]),
                of(|round| round.latency[2]),
            ],
            cost: Cost {
                client_cpu_micros: of(|round| round.cost.client_cpu_micros),
                redis_cpu_micros: of(|round| round.cost.redis_cpu_micros),
                command_micros: of(|round| round.cost.command_micros),
                commands: of(|round| round.cost.commands),
                reads: of(|round| round.cost.reads),
                bytes: of(|round| round.cost.bytes),
            },
        }
    }
}

async fn measure(
    caller: impl Caller,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    let caller = Arc::new(caller);
    let before = Counters::read(counting)?;
    let sample = load.run(&caller).await?;
    let after = Counters::read(counting)?;
    Ok(Measured {
        rate: sample.rate(),
        latency: [50.0, 99.0, 99.9].map(|percent| sample.latency.micros(percent)),
        cost: after.since(&before, sample.calls),
    })
}

fn check(is_right: bool, what: &str) -> Outcome {
    if is_right { Ok(()) } else { Err(what.into()) }
}

struct Validating<C: Contestant> {
    contestant: Arc<C>,
    users: Arc<Users<C::Session>>,
}

impl<C: Contestant> Validating<C> {
    /// Tasks go through all sessions, each from a place of its own.
    fn session(&self, task: usize, nth: u64) -> &C::Session {
        let sessions = &self.users.sessions;
        &sessions[(task * 97 + nth as usize) % sessions.len()]
    }
}

impl<C: Contestant> Caller for Validating<C> {
    async fn call(&self, task: usize, nth: u64) -> Outcome {
        let found = self.contestant.validate(self.session(task, nth)).await?;
        check(found, "a session wasn't found")
    }
}

pub(crate) async fn validate<C: Contestant>(
    ground: &Ground<C>,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    let contestant = ground.contestant.clone();
    let users = ground.users_with(A_FEW).await?;
    measure(Validating { contestant, users }, load, counting).await
}

struct Touching<C: Contestant>(Validating<C>);

impl<C: Contestant> Caller for Touching<C> {
    async fn call(&self, task: usize, nth: u64) -> Outcome {
        let session = self.0.session(task, nth);
        let found = self.0.contestant.touch(session).await?;
        check(found, "a session wasn't there to be touched")
    }
}

pub(crate) async fn touch<C: Contestant>(
    ground: &Ground<C>,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    let contestant = ground.contestant.clone();
    let users = ground.users_with(A_FEW).await?;
    measure(Touching(Validating { contestant, users }), load, counting).await
}

struct Rotating<C: Contestant> {
    contestant: Arc<C>,
    tasks: usize,
    /// Each task rotates sessions of its own: what clients show changes.
    sessions: Vec<Mutex<C::Session>>,
}

impl<C: Contestant> Caller for Rotating<C> {
    async fn call(&self, task: usize, nth: u64) -> Outcome {
        let share = self.sessions.len() / self.tasks;
        let session = &self.sessions[task * share + nth as usize % share];
        let shown = session.lock().map_err(|_| "a task panicked")?.clone();
        let rotated = self.contestant.rotate(shown).await?;
        *session.lock().map_err(|_| "a task panicked")? =
            rotated.ok_or("a session wasn't there to be rotated")?;
        Ok(())
    }
}

pub(crate) async fn rotate<C: Contestant>(
    ground: &Ground<C>,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    ground.clear().await?;
    let users = ground.provide(0, ground.users, A_FEW).await?;
    let caller = Rotating {
        contestant: ground.contestant.clone(),
        tasks: load.tasks,
        sessions: users.sessions.into_iter().map(Mutex::new).collect(),
    };
    measure(caller, load, counting).await
}

struct Creating<C: Contestant> {
    contestant: Arc<C>,
    tasks: u64,
    users: u64,
}

impl<C: Contestant> Caller for Creating<C> {
    async fn call(&self, task: usize, nth: u64) -> Outcome {
        let nth = nth * self.tasks + task as u64;
        let login = Login {
            user: nth % self.users,
            // One that has no session at the moment: each has had its turn before.
            device: (nth / self.users + A_FEW) % (A_FEW + 1),
        };
        let created = self.contestant.create(login).await?;
        check(created.is_some(), "a create was refused")
    }
}

/// Users who have three sessions log in once more: whoever has a limit of three, evicts one.
pub(crate) async fn create<C: Contestant>(
    ground: &Ground<C>,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    ground.clear().await?;
    ground.provide(0, ground.users, A_FEW).await?;
    let caller = Creating {
        contestant: ground.contestant.clone(),
        tasks: load.tasks as u64,
        users: ground.users,
    };
    measure(caller, load, counting).await
}

struct Listing<C: Contestant> {
    contestant: Arc<C>,
    first: u64,
    users: u64,
    sessions: u64,
}

impl<C: Contestant> Caller for Listing<C> {
    async fn call(&self, task: usize, nth: u64) -> Outcome {
        let user = self.first + (task as u64 * 7 + nth) % self.users;
        let listed = self.contestant.list(user).await?;
        check(listed == self.sessions, "a list wasn't complete")
    }
}

pub(crate) async fn list<C: Contestant>(
    ground: &Ground<C>,
    sessions: u64,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    let users = ground.users_with(sessions).await?;
    let caller = Listing {
        contestant: ground.contestant.clone(),
        first: users.first,
        users: users.count,
        sessions,
    };
    measure(caller, load, counting).await
}

struct Revoking<C: Contestant> {
    contestant: Arc<C>,
    tasks: u64,
    sessions: u64,
}

impl<C: Contestant> Caller for Revoking<C> {
    async fn call(&self, task: usize, nth: u64) -> Outcome {
        let user = nth * self.tasks + task as u64;
        let ended = self.contestant.revoke_all(user).await?;
        check(ended == self.sessions, "a revocation missed a session")
    }
}

pub(crate) async fn revoke_all<C: Contestant>(
    ground: &Ground<C>,
    sessions: u64,
    load: Load,
    counting: &mut redis::Connection,
) -> Outcome<Measured> {
    let tasks = load.tasks as u64;
    // Each user's sessions end once, so there have to be enough users for the load to settle, and
    // few enough that making them doesn't take most of the time.
    let users = match load.until {
        Until::Calls(calls) => calls,
        Until::Elapsed(_) => (tasks.min(10) * 1500 / sessions).max(tasks).max(2),
    };
    ground.clear().await?;
    ground.provide(0, users, sessions).await?;
    let caller = Revoking {
        contestant: ground.contestant.clone(),
        tasks,
        sessions,
    };
    let load = Load {
        until: Until::Calls(users),
        ..load
    };
    measure(caller, load, counting).await
}
