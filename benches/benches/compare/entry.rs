use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use session_benches::Outcome;

use crate::arena::{Arena, Ground};
use crate::contestant::Place;
#[cfg(feature = "peers")]
use crate::contestants::{ActixSession, AsyncRedisSession, SessionGuard, TowerSessions};
use crate::contestants::{Bare, Features, HandWritten, Least, Ours, Way};
use crate::subject::{Operation, Race, Subject};

/// A contestant of the comparison: what it is called, what it takes part in, and how it is used.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    /// What was chosen for it, for the report.
    pub(crate) note: &'static str,
    pub(crate) takes_part: fn(Subject) -> bool,
    open: Open,
}

type Open = fn(Place) -> BoxFuture<'static, Outcome<Box<dyn Arena>>>;

/// Which of the ratios in the report a contestant stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Peer,
    Yardstick,
}

impl Entry {
    pub(crate) async fn open(&self, place: Place) -> Outcome<Arc<dyn Arena>> {
        Ok(Arc::from((self.open)(place).await?))
    }
}

macro_rules! open {
    (|$place:ident| $contestant:expr) => {
        |$place| {
            let arena = async move {
                let contestant = $contestant;
                Ok(Box::new(Ground::new(contestant, &$place).await?) as Box<dyn Arena>)
            };
            arena.boxed()
        }
    };
}

pub(crate) const OURS: &str = "session-store";
pub(crate) const PLAIN: &str = "session-store, plain";
pub(crate) const WITHOUT_HISTORY: &str = "session-store, no history";
pub(crate) const HAND_WRITTEN: &str = "hand-written";
pub(crate) const HAND_WRITTEN_LIMIT: &str = "hand-written, limit of 3";
pub(crate) const BARE: &str = "bare GET";
pub(crate) const LEAST: &str = "least script";
pub(crate) const LEAST_PLAIN: &str = "least script, our plain commands";
pub(crate) const LEAST_FULL: &str = "least script, our full commands";
pub(crate) const LEAST_TRANSACTION: &str = "least transaction";

/// Ours, then the peers by name, then what anybody could write, then the yardstick.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: OURS,
        side: Side::Ours,
        note: "one shared connection; device rule, limit of 3, index, history, events",
        takes_part: |_| true,
        open: open!(|place| Ours::connect(&place, Features::Full).await?),
    },
    Entry {
        name: PLAIN,
        side: Side::Ours,
        note: "the same without device rule, limit and history",
        takes_part: |_| true,
        open: open!(|place| Ours::connect(&place, Features::Plain).await?),
    },
    Entry {
        name: WITHOUT_HISTORY,
        side: Side::Ours,
        note: "as the first, without history",
        takes_part: |subject| subject == Subject::Memory,
        open: open!(|place| Ours::connect(&place, Features::WithoutHistory).await?),
    },
    Entry {
        name: "session-store, forgetful",
        side: Side::Ours,
        note: "as the first; history and known devices are kept no longer than a session lives",
        takes_part: |subject| subject == Subject::Race(Race::Expiry),
        open: open!(|place| Ours::connect(&place, Features::Forgetful).await?),
    },
    Entry {
        name: "session-store, unix socket",
        side: Side::Ours,
        note: "as the first, over Redis's unix socket",
        takes_part: is_validate,
        open: open!(|place| Ours::connect(&place.over_unix(), Features::Full).await?),
    },
    #[cfg(feature = "peers")]
    Entry {
        name: "actix-session",
        side: Side::Peer,
        note: "0.11, `RedisSessionStore::new`: redis-rs's connection manager; no index",
        takes_part: keeps_no_index,
        open: open!(|place| ActixSession::connect(&place).await?),
    },
    #[cfg(feature = "peers")]
    Entry {
        name: "async-redis-session",
        side: Side::Peer,
        note: "0.2, a connection for each call, over the unix socket; in the races alone; no index",
        takes_part: |subject| {
            let races = [Race::LogOutAndTouch, Race::LogOutAndUpdate, Race::Expiry];
            races.into_iter().any(|race| subject == Subject::Race(race))
        },
        open: open!(|place| AsyncRedisSession::connect(&place.over_unix())?),
    },
    #[cfg(feature = "peers")]
    Entry {
        name: "session-guard",
        side: Side::Peer,
        note: "0.3, `Guard` with `ValkeyStore::new`, its own risk checks and event log included; \
               it keeps a client fingerprint and no fields of the service's",
        takes_part: |subject| subject != Subject::Race(Race::LogOutAndUpdate),
        open: open!(|place| SessionGuard::connect(&place).await?),
    },
    #[cfg(feature = "peers")]
    Entry {
        name: "tower-sessions",
        side: Side::Peer,
        note: "tower-sessions-redis-store 0.16 on a fred pool of 6; no index",
        takes_part: keeps_no_index,
        open: open!(|place| TowerSessions::connect(&place).await?),
    },
    Entry {
        name: HAND_WRITTEN,
        side: Side::Peer,
        note: "deadpool-redis, 16 connections, a checkout for each operation; JSON, a set a user",
        takes_part: |_| true,
        open: open!(|place| HandWritten::connect(&place, None)?),
    },
    Entry {
        name: HAND_WRITTEN_LIMIT,
        side: Side::Peer,
        note: "the same, which counts and evicts after each create",
        takes_part: |subject| subject == Subject::Speed(Operation::Create),
        open: open!(|place| HandWritten::connect(&place, Some(3))?),
    },
    Entry {
        name: BARE,
        side: Side::Yardstick,
        note: "one multiplexed connection; our record's bytes, and nothing done with them",
        takes_part: is_validate,
        open: open!(|place| Bare::connect(&place).await?),
    },
    Entry {
        name: "bare GET, unix socket",
        side: Side::Yardstick,
        note: "the same over Redis's unix socket",
        takes_part: is_validate,
        open: open!(|place| Bare::connect(&place.over_unix()).await?),
    },
    Entry {
        name: LEAST,
        side: Side::Yardstick,
        note: "one multiplexed connection; a Lua script that does no more than set or take out 120 \
               bytes and an entry of the user's sorted set",
        takes_part: |subject| {
            use Operation::{Create, List, RevokeAll};
            let few = [Create, List(1), List(3), RevokeAll(1), RevokeAll(3)];
            few.into_iter().any(|few| subject == Subject::Speed(few))
        },
        open: open!(|place| Least::connect(&place, Way::Script).await?),
    },
    Entry {
        name: LEAST_PLAIN,
        side: Side::Yardstick,
        note: "the same with the commands that our plain store runs, and next to no Lua besides",
        takes_part: has_commands_of_ours,
        open: open!(|place| Least::connect(&place, Way::PlainCommands).await?),
    },
    Entry {
        name: LEAST_FULL,
        side: Side::Yardstick,
        note: "the same with the commands of our store with all that it has",
        takes_part: has_commands_of_ours,
        open: open!(|place| Least::connect(&place, Way::FullCommands).await?),
    },
    Entry {
        name: LEAST_TRANSACTION,
        side: Side::Yardstick,
        note: "the same by `MULTI` and `EXEC`",
        takes_part: |subject| subject == Subject::Speed(Operation::Create),
        open: open!(|place| Least::connect(&place, Way::Transaction).await?),
    },
];

fn is_validate(subject: Subject) -> bool {
    subject == Subject::Speed(Operation::Validate)
}

fn has_commands_of_ours(subject: Subject) -> bool {
    let few = [Operation::Create, Operation::RevokeAll(3)];
    few.into_iter().any(|few| subject == Subject::Speed(few))
}

/// What a store can do that doesn't know whose a session is.
#[cfg(feature = "peers")]
fn keeps_no_index(subject: Subject) -> bool {
    !matches!(
        subject,
        Subject::Speed(Operation::List(_) | Operation::RevokeAll(_))
            | Subject::Race(Race::CreateAndRevokeAll | Race::DroppedCreate)
    )
}
