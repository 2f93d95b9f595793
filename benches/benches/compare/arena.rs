use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use session_benches::{Load, Outcome};

use crate::contestant::{Contestant, Login, Place};
use crate::speed::{self, Measured};
use crate::subject::{Operation, Race};
use crate::{memory, races};

/// A contestant in a database of its own: what all are put through alike.
pub(crate) trait Arena: Send + Sync {
    /// A load of one operation. `counting` is a connection for reading counters alone.
    fn measure<'a>(
        &'a self,
        operation: Operation,
        load: Load,
        counting: &'a mut redis::Connection,
    ) -> BoxFuture<'a, Outcome<Measured>>;

    /// Bytes of Redis memory for each of so many sessions, three a user.
    fn memory(&self, sessions: u64) -> BoxFuture<'_, Outcome<f64>>;

    /// How many of so many rounds went wrong.
    fn race(&self, race: Race, rounds: u64) -> BoxFuture<'_, Outcome<races::Count>>;

    /// Makes sessions, three a user, that nobody touches any more: for [`Race::Expiry`].
    fn let_expire(&self, sessions: u64) -> BoxFuture<'_, Outcome>;
}

/// A contestant and what was set up for it.
pub(crate) struct Ground<C: Contestant> {
    pub(crate) contestant: Arc<C>,
    /// Another connection to the contestant's database, for what isn't the contestant's business.
    pub(crate) database: MultiplexedConnection,
    /// How many users stand for many.
    pub(crate) users: u64,
    /// Users who have so many sessions each, and these sessions.
    standing: Mutex<HashMap<u64, Arc<Users<C::Session>>>>,
}

/// Users with the same number of sessions, whose ids follow each other.
pub(crate) struct Users<S> {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) sessions: Vec<S>,
}

impl<C: Contestant> Ground<C> {
    pub(crate) async fn new(contestant: C, place: &Place) -> Outcome<Self> {
        let client = redis::Client::open(place.url.as_str())?;
        let patient = Place::patient();
        let database = client.get_multiplexed_async_connection_with_config(&patient);
        Ok(Self {
            contestant: Arc::new(contestant),
            database: database.await?,
            users: place.users,
            standing: Mutex::default(),
        })
    }

    /// Users who have so many sessions each; made once, for operations that leave them as they are.
    pub(crate) async fn users_with(&self, sessions: u64) -> Outcome<Arc<Users<C::Session>>> {
        let standing = || self.standing.lock().expect("nobody panicked");
        if let Some(users) = standing().get(&sessions) {
            return Ok(users.clone());
        }
        // Enough that no two tasks ask for the same user all the time, and few enough to make.
        let count = (10 * self.users / sessions).clamp(2, self.users);
        let users = Arc::new(self.provide(sessions * 1_000_000, count, sessions).await?);
        standing().insert(sessions, users.clone());
        Ok(users)
    }

    /// Makes users with so many sessions each.
    pub(crate) async fn provide(
        &self,
        first: u64,
        count: u64,
        each: u64,
    ) -> Outcome<Users<C::Session>> {
        const TASKS: u64 = 64;
        let share = |task: u64| {
            let contestant = self.contestant.clone();
            tokio::spawn(async move {
                let mut sessions = Vec::new();
                let mut index = task;
                while index < count * each {
                    // One user's sessions by turns, so that no two tasks work on the same user for
                    // long: it is contestants' speed that is measured, and not here.
                    let (user, device) = (first + index % count, index / count);
                    let session = contestant.provide(Login { user, device }).await?;
                    sessions.push(session.ok_or("a create was refused")?);
                    index += TASKS;
                }
                Outcome::Ok(sessions)
            })
        };
        let mut sessions = Vec::new();
        for task in (0..TASKS).map(share).collect::<Vec<_>>() {
            sessions.extend(task.await??);
        }
        Ok(Users {
            first,
            count,
            sessions,
        })
    }

    /// Empties the contestant's database.
    pub(crate) async fn clear(&self) -> Outcome {
        redis::cmd("FLUSHDB")
            .arg("SYNC")
            .exec_async(&mut self.database.clone())
            .await?;
        Ok(())
    }

    /// All keys of the contestant's database. Keys that have expired aren't among them.
    pub(crate) async fn keys(&self) -> Outcome<Vec<String>> {
        let mut database = self.database.clone();
        Ok(redis::cmd("KEYS")
            .arg("*")
            .query_async(&mut database)
            .await?)
    }
}

impl<C: Contestant> Arena for Ground<C> {
    fn measure<'a>(
        &'a self,
        operation: Operation,
        load: Load,
        counting: &'a mut redis::Connection,
    ) -> BoxFuture<'a, Outcome<Measured>> {
        async move {
            match operation {
                Operation::Validate => speed::validate(self, load, counting).await,
                Operation::Touch => speed::touch(self, load, counting).await,
                Operation::Rotate => speed::rotate(self, load, counting).await,
                Operation::Create => speed::create(self, load, counting).await,
                Operation::List(sessions) => speed::list(self, sessions, load, counting).await,
                Operation::RevokeAll(sessions) => {
                    speed::revoke_all(self, sessions, load, counting).await
                }
            }
        }
        .boxed()
    }

    fn memory(&self, sessions: u64) -> BoxFuture<'_, Outcome<f64>> {
        memory::bytes_a_session(self, sessions).boxed()
    }

    fn race(&self, race: Race, rounds: u64) -> BoxFuture<'_, Outcome<races::Count>> {
        async move {
            match race {
                Race::LogOutAndTouch => races::log_out_and_touch(self, rounds).await,
                Race::LogOutAndUpdate => races::log_out_and_update(self, rounds).await,
                Race::CreateAndRevokeAll => races::create_and_revoke_all(self, rounds).await,
                Race::DroppedCreate => races::dropped_create(self, rounds).await,
                Race::Expiry => races::left_behind(self).await,
            }
        }
        .boxed()
    }

    fn let_expire(&self, sessions: u64) -> BoxFuture<'_, Outcome> {
        races::let_expire(self, sessions).boxed()
    }
}
