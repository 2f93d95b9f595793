use std::sync::Arc;
use std::time::Duration;

use session_benches::{Counters, Load, Outcome, Sample, Until};
use session_store::{List, RevokeReason, SessionStore, UserId};

use super::population::{Population, Size, TASKS, each, login, user_id};

/// What is measured. None of these changes how many sessions there are in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Validate,
    Touch,
    Rotate,
    Replace,
    CreateAndRevoke,
    Count,
    List,
    NextPage,
    RevokeAll,
}

pub(super) const CALLS: [Call; 9] = [
    Call::Validate,
    Call::Touch,
    Call::Rotate,
    Call::Replace,
    Call::CreateAndRevoke,
    Call::Count,
    Call::List,
    Call::NextPage,
    Call::RevokeAll,
];

/// The figures of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// A second.
    pub(super) calls: f64,
    /// Of Redis's time, by its own count: from the begin to the end of the command.
    pub(super) redis_micros: f64,
    /// Of Redis's processor time: the network and parsing included, and nothing that others take.
    pub(super) redis_cpu_micros: f64,
}

const PAGE: usize = 50;
/// Of users with few sessions, as many are revoked at a time as have so many together.
const SESSIONS_TO_REVOKE: usize = 6000;

impl Call {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Validate => "`validate`",
            Self::Touch => "`touch`",
            Self::Rotate => "`rotate`",
            Self::Replace => "`create` on a device that has a session",
            Self::CreateAndRevoke => "`create`, and `revoke_token` of it",
            Self::Count => "`count`",
            Self::List => "`list`, the first 50",
            Self::NextPage => "`list`, the next 50",
            Self::RevokeAll => "`revoke_all`, for each session",
        }
    }

    /// Whether there is anything to measure.
    pub(super) fn fits(self, size: Size) -> bool {
        self != Self::NextPage || size.sessions_of_a_user > PAGE
    }

    pub(super) async fn measure(
        self,
        population: &Arc<Population>,
        duration: Duration,
    ) -> Outcome<Measured> {
        if self == Self::RevokeAll {
            return revoke_all(population).await;
        }
        let pages = match self {
            Self::NextPage => next_pages(population).await?,
            _ => Vec::new(),
        };
        let load = Load {
            tasks: TASKS,
            until: Until::Elapsed(duration),
        };
        let pages = Arc::new(pages);
        let asked = population.clone();
        let caller = Arc::new(move |task, _| {
            let (population, pages) = (asked.clone(), pages.clone());
            async move { self.once(&population, task, &pages).await }
        });
        let mut connection = population.server.connection();
        let before = Counters::read(&mut connection)?;
        let sample = load.run(&caller).await?;
        let after = Counters::read(&mut connection)?;
        Ok(Measured::of(&sample, sample.calls, &before, &after))
    }

    async fn once(self, population: &Population, task: usize, pages: &[(UserId, List)]) -> Outcome {
        let store = &population.store;
        let place = population.pick(task);
        let token = population.token(place);
        let user = || population.login(place).user_id;
        let found = match self {
            Self::Validate => store.validate(&token, None).await?.is_some(),
            Self::Touch => store.touch(token.id(), None).await?.is_some(),
            Self::Rotate => {
                let rotated = store.rotate(&token).await?.ok_or("a session is gone")?;
                population.set_token(place, rotated.token);
                true
            }
            Self::Replace => {
                let created = store.create(population.login(place)).await?;
                population.set_token(place, created.token);
                created.ended.len() == 1
            }
            Self::CreateAndRevoke => {
                let mut new = population.login(place);
                new.fingerprint = None;
                let token = store.create(new).await?.token;
                let ended = store.revoke_token(&token, RevokeReason::Logout).await?;
                ended.is_some()
            }
            Self::Count => store.count(&user()).await? > 0,
            Self::List => !store.list(&user(), page()).await?.sessions.is_empty(),
            Self::NextPage => {
                let (user, next) = pages[task % pages.len()].clone();
                !store.list(&user, next).await?.sessions.is_empty()
            }
            Self::RevokeAll => return Err("it has its own way".into()),
        };
        if found {
            Ok(())
        } else {
            Err("a call found nothing".into())
        }
    }
}

impl Measured {
    fn of(sample: &Sample, calls: u64, before: &Counters, after: &Counters) -> Self {
        let cost = after.since(before, calls);
        Self {
            calls: calls as f64 / sample.elapsed.as_secs_f64(),
            redis_micros: cost.command_micros,
            redis_cpu_micros: cost.redis_cpu_micros,
        }
    }
}

fn page() -> List {
    List {
        limit: PAGE,
        ..List::default()
    }
}

/// Second pages, one for each of some users.
async fn next_pages(population: &Population) -> Outcome<Vec<(UserId, List)>> {
    let mut pages = Vec::new();
    for user in (0..population.users().min(TASKS)).map(user_id) {
        let cursor = population.store.list(&user, page()).await?.next;
        let next = List {
            cursor: Some(cursor.ok_or("there is no second page")?),
            ..page()
        };
        pages.push((user, next));
    }
    Ok(pages)
}

/// Ends all sessions of users who were made for it, with as many sessions as the others have.
async fn revoke_all(population: &Arc<Population>) -> Outcome<Measured> {
    let of_a_user = population.size.sessions_of_a_user;
    let (first, users) = (population.users(), (SESSIONS_TO_REVOKE / of_a_user).max(1));
    let sessions = users * of_a_user;
    let store = population.store.clone();
    let creating = each(sessions, move |nth| {
        let store = store.clone();
        let new = login(user_id(first + nth / of_a_user), nth % of_a_user);
        async move {
            store.create(new).await?;
            Ok(())
        }
    });
    creating.await?;
    let mut connection = population.server.connection();
    let before = Counters::read(&mut connection)?;
    let store = population.store.clone();
    let revoking = each(users, move |nth| {
        let store = store.clone();
        async move {
            let user = user_id(first + nth);
            let ended = store.revoke_all(&user, RevokeReason::Revoked).await?;
            if ended.count == of_a_user as u64 {
                Ok(())
            } else {
                Err("a session was missed".into())
            }
        }
    });
    let sample = revoking.await?;
    let after = Counters::read(&mut connection)?;
    Ok(Measured::of(&sample, sessions as u64, &before, &after))
}
