//! What goes wrong when calls meet, are cut off, or are followed by nothing but time.
//!
//! Nothing here is arranged: the calls are simply made at the same time, many rounds at once, as
//! requests of many users are. Each round looks at the outcome once both calls have been answered.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::poll_fn;
use redis::aio::MultiplexedConnection;
use session_benches::{Load, Outcome, Until};
use tokio::task::yield_now;

use crate::arena::Ground;
use crate::contestant::{Contestant, Login};

/// How many rounds at once.
const TASKS: usize = 64;

/// What went wrong, and in how many rounds it could have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) wrong: u64,
    pub(crate) of: u64,
}

/// Plays rounds, each for a user of its own; counts those that went wrong.
async fn play<T>(rounds: u64, round: impl Fn(u64) -> T + Send + Sync + 'static) -> Outcome<Count>
where
    T: Future<Output = Outcome<bool>> + Send + 'static,
{
    let wrong = Arc::new(AtomicU64::new(0));
    let counted = wrong.clone();
    let caller = Arc::new(move |task: usize, nth: u64| {
        let (wrong, went_wrong) = (wrong.clone(), round(nth * TASKS as u64 + task as u64));
        async move {
            wrong.fetch_add(u64::from(went_wrong.await?), Ordering::Relaxed);
            Ok(())
        }
    });
    let load = Load {
        tasks: TASKS,
        until: Until::Calls(rounds),
    };
    let of = load.run(&caller).await?.calls;
    let wrong = counted.load(Ordering::Relaxed);
    Ok(Count { wrong, of })
}

fn from_device(user: u64, device: u64) -> Login {
    Login { user, device }
}

/// Lets the other call have a head start, which differs from round to round.
async fn hold_back(round: u64) {
    for _ in 0..round % 4 {
        yield_now().await;
    }
}

pub(crate) async fn log_out_and_touch<C: Contestant>(
    ground: &Ground<C>,
    rounds: u64,
) -> Outcome<Count> {
    ground.clear().await?;
    let contestant = ground.contestant.clone();
    let count = play(rounds, move |round| {
        let contestant = contestant.clone();
        async move {
            let session = contestant.create(from_device(round, 0)).await?;
            let session = session.ok_or("a create was refused")?;
            let touch = contestant.touch(&session);
            let log_out = async {
                hold_back(round).await;
                contestant.log_out(&session).await
            };
            // The touch may have found nothing to touch, which is right.
            let (touched, logged_out) = tokio::join!(touch, log_out);
            touched?;
            logged_out?;
            contestant.validate(&session).await
        }
    });
    count.await
}

pub(crate) async fn log_out_and_update<C: Contestant>(
    ground: &Ground<C>,
    rounds: u64,
) -> Outcome<Count> {
    ground.clear().await?;
    let contestant = ground.contestant.clone();
    let count = play(rounds, move |round| {
        let contestant = contestant.clone();
        async move {
            let session = contestant.create(from_device(round, 0)).await?;
            let session = session.ok_or("a create was refused")?;
            let update = contestant.update(&session);
            let log_out = async {
                hold_back(round).await;
                contestant.log_out(&session).await
            };
            let (updated, logged_out) = tokio::join!(update, log_out);
            logged_out?;
            // The client shows what the update answered, which may be another token by now.
            let shown = updated?.unwrap_or_else(|| session.clone());
            Ok(contestant.validate(&session).await? || contestant.validate(&shown).await?)
        }
    });
    count.await
}

pub(crate) async fn create_and_revoke_all<C: Contestant>(
    ground: &Ground<C>,
    rounds: u64,
) -> Outcome<Count> {
    ground.clear().await?;
    let contestant = ground.contestant.clone();
    let count = play(rounds, move |round| {
        let contestant = contestant.clone();
        async move {
            let before = contestant.create(from_device(round, 0)).await?;
            let create = contestant.create(from_device(round, 1));
            let revoke = async {
                hold_back(round).await;
                contestant.revoke_all(round).await
            };
            let (created, revoked) = tokio::join!(create, revoke);
            revoked?;
            let mut alive = 0;
            for session in before.iter().chain(&created?) {
                alive += u64::from(contestant.validate(session).await?);
            }
            Ok(alive != contestant.list(round).await?)
        }
    });
    count.await
}

pub(crate) async fn dropped_create<C: Contestant>(
    ground: &Ground<C>,
    rounds: u64,
) -> Outcome<Count> {
    ground.clear().await?;
    let contestant = ground.contestant.clone();
    let finished = play(rounds, move |round| {
        let contestant = contestant.clone();
        async move {
            // Dropped at one of the moments at which a create waits.
            let create = contestant.create(from_device(round, 0));
            let polls = 1 + round % 8;
            Ok(up_to(polls, create).await.transpose()?.is_some())
        }
    });
    let finished = finished.await?;
    // What had been sent before the drop may still be under way.
    settled(&ground.database).await?;
    let keys = ground.keys().await?;
    let users: Vec<u64> = (0..finished.of).collect();
    Ok(Count {
        wrong: ground.contestant.orphans(&keys, &users).await?,
        of: finished.of - finished.wrong,
    })
}

/// Polls a future so many times and drops it; `None` where it wasn't ready by then.
async fn up_to<F: Future>(polls: u64, future: F) -> Option<F::Output> {
    let (mut future, mut polled) = (pin!(future), 0);
    let ready = poll_fn(|context| {
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    ready.await
}

/// Waits until no key comes or goes any more.
async fn settled(database: &MultiplexedConnection) -> Outcome {
    let size = || async {
        let mut database = database.clone();
        Outcome::<u64>::Ok(redis::cmd("DBSIZE").query_async(&mut database).await?)
    };
    let (mut last, mut same) = (size().await?, 0);
    while same < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = size().await?;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    Ok(())
}

/// How long a session lives whose end is waited for: the shortest that all can be told, some of whom
/// count in seconds and round down.
pub(crate) const SHORT_LIFE: Duration = Duration::from_secs(2);

/// Sessions, three a user, that will expire untouched.
pub(crate) async fn let_expire<C: Contestant>(ground: &Ground<C>, sessions: u64) -> Outcome {
    ground.clear().await?;
    ground.provide(0, sessions.div_ceil(3), 3).await?;
    Ok(())
}

/// What is left of them once they have expired, and the time is over for which anything was to be
/// remembered: bytes, and keys.
pub(crate) async fn left_behind<C: Contestant>(ground: &Ground<C>) -> Outcome<Count> {
    ground.contestant.clean_up().await?;
    let mut bytes = 0;
    let keys = ground.keys().await?;
    for key in &keys {
        let mut usage = redis::cmd("MEMORY");
        usage.arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        let usage: Option<u64> = usage.query_async(&mut ground.database.clone()).await?;
        bytes += usage.unwrap_or(0);
    }
    Ok(Count {
        wrong: bytes,
        of: keys.len() as u64,
    })
}
