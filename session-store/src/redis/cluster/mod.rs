//! A Redis Cluster: a [node](super::node) for each master, and which slots are whose.
//!
//! Every call's keys are in one slot, so each call is the business of one master, over a connection
//! that everyone here shares; one that is dead, or stands still, takes nothing from the others.
//! `redis`'s own cluster connection isn't used, see "Decisions" in ARCHITECTURE.md.

mod map;
mod route;
mod slots;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::future::{join_all, try_join_all};
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, RedisError, ScriptInvocation,
};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

use self::map::Map;
use self::route::Route;
use self::slots::{Address, Range};
use super::check::Check;
use super::connect::{self, ConnectError};
use super::node::{CallError, Node, NodePool};
use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// How often the map of slots is read where nobody complains about it. What a call meets first
/// (a slot that has moved, a master that is gone) has it read at once.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// The least pause between two readings.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// The masters of a cluster. Dropping it ends all its tasks.
pub(super) struct Cluster {
    shared: Arc<Shared>,
    follower: JoinHandle<()>,
}

pub(super) struct Shared {
    /// What the URL names. All that a node isn't asked for (credentials, TLS) is as there.
    seeds: Vec<ConnectionInfo>,
    check: Check,
    map: ArcSwap<Map>,
    /// Wakes the follower: somebody's call failed, or went to the wrong master.
    doubt: Notify,
    /// Changes whenever the map has been read.
    read: watch::Sender<()>,
    deadline: Duration,
}

/// A master of some slots.
pub(super) struct Master {
    address: Address,
    node: Node,
}

impl Cluster {
    /// Connects to every master, and goes on following the cluster. Must be called inside a tokio
    /// runtime.
    pub(super) async fn open(
        seeds: Vec<ConnectionInfo>,
        check: Check,
    ) -> Result<Self, ConnectError> {
        let ranges = ask_seeds(&seeds, &check).await?;
        let opening = map::addresses(&ranges)
            .into_iter()
            .map(|address| open_master(&seeds[0], address, &check));
        let masters = try_join_all(opening).await?;
        let map = Map::new(&ranges, masters);
        if let Some(slot) = map.gap() {
            let address = "the cluster".into();
            let source = Error::Unavailable(Box::new(unserved(slot)));
            return Err(ConnectError::Unreachable { address, source });
        }
        let shared = Arc::new(Shared {
            deadline: check.deadline,
            seeds,
            check,
            map: ArcSwap::from_pointee(map),
            doubt: Notify::new(),
            read: watch::Sender::new(()),
        });
        let follower = tokio::spawn(follow(shared.clone()));
        Ok(Self { shared, follower })
    }

    /// What the clock shows that is furthest ahead.
    pub(super) fn time(&self, now: Instant) -> Timestamp {
        let map = self.shared.map.load();
        let times = map.masters().iter().map(|master| master.node.time(now));
        times.max().unwrap_or(Timestamp::from_millis(0))
    }

    /// Of each master, whether the connection to it stands.
    pub(super) fn are_up(&self) -> Vec<bool> {
        let map = self.shared.map.load();
        map.masters()
            .iter()
            .map(|master| master.node.is_up())
            .collect()
    }

    pub(super) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        let mut route = Route::new(&self.shared);
        // As on a single server: one deadline for a script that has to be loaded first.
        let outcome = match timeout(self.shared.deadline, call.invoke_async(&mut route)).await {
            Ok(outcome) => outcome.map_err(CallError::Redis),
            Err(_) => Err(CallError::Timeout),
        };
        self.shared.judge(&route, outcome).await
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        let mut route = Route::new(&self.shared);
        let outcome = command.query_async(&mut route).await;
        let outcome = outcome.map_err(CallError::Redis);
        self.shared.judge(&route, outcome).await
    }

    /// Asks every master for the time, and remembers it.
    pub(super) async fn ping(&self) -> Result<()> {
        let map = self.shared.map.load_full();
        let pings = map.masters().iter().map(|master| master.node.ping());
        let outcome = try_join_all(pings).await;
        let outcome = match map.gap() {
            Some(slot) => Err(Error::Unavailable(Box::new(unserved(slot)))),
            None => outcome.map(drop),
        };
        if outcome.is_err() {
            self.shared.doubt.notify_one();
        }
        outcome
    }

    /// What can tell where the nodes are.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Shared {
    /// Where any node can be reached, those first that are connected, in an order of its own for
    /// each call: one node alone mustn't get everybody's streams.
    pub(super) fn clients(&self) -> Vec<Client> {
        let map = self.map.load();
        let (mut up, down): (Vec<_>, Vec<_>) = map
            .masters()
            .iter()
            .partition(|master| master.node.connection().is_ok());
        let start = random() % up.len().max(1) as u64;
        up.rotate_left(usize::try_from(start).unwrap_or(0));
        let masters = up.into_iter().chain(down);
        let masters = masters.map(|master| info(&self.seeds[0], &master.address));
        let nodes = masters.chain(self.seeds.iter().cloned());
        nodes.filter_map(|node| Client::open(node).ok()).collect()
    }

    /// Has each master that is there publish a message of its own, and answers these. None of them
    /// is an event.
    pub(super) async fn mark(&self, channel: &str) -> Vec<String> {
        let (map, nonce) = (self.map.load_full(), random());
        let masters = map.masters().iter().enumerate();
        let marking = masters.map(async |(number, master)| {
            let mark = format!("mark {nonce:016x} {number}");
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(channel).arg(&mark);
            let published = master.node.query::<u64>(&publish).await;
            published.is_ok().then_some(mark)
        });
        join_all(marking).await.into_iter().flatten().collect()
    }

    fn master_of(&self, slot: u16) -> Result<Arc<Master>, RedisError> {
        let master = self.map.load().of_slot(slot).cloned();
        master.ok_or_else(|| unserved(usize::from(slot)).into())
    }

    /// The master that a slot has moved to: has the map read, and waits for it where the master is
    /// a new one.
    async fn master_at(&self, address: &Address) -> Result<Arc<Master>, RedisError> {
        let mut read = self.read.subscribe();
        self.doubt.notify_one();
        let known = self.map.load().at(address).cloned();
        if let Some(master) = known {
            return Ok(master);
        }
        // The sender is in `self`, so this ends with a reading and in no other way.
        let _ = read.changed().await;
        let found = self.map.load().at(address).cloned();
        found
            .ok_or_else(|| io::Error::other("a slot has moved to a master that can't serve").into())
    }

    /// Lets the supervisor look at the master, and the follower at the map, where an outcome casts
    /// doubt on them.
    async fn judge<T>(&self, route: &Route<'_>, outcome: Result<T, CallError>) -> Result<T> {
        let outcome = match route.master() {
            Some(master) => master.node.judge(outcome).await,
            None => {
                // As `Node::judge` does: callers that try again in a loop must not starve the task.
                yield_now().await;
                outcome.map_err(|error| error.into_error(self.deadline))
            }
        };
        if matches!(outcome, Err(Error::Unavailable(_) | Error::Timeout { .. })) {
            self.doubt.notify_one();
        }
        outcome
    }

    /// Brings the map up to date: connects to masters that are new, and lets go of those that are
    /// masters no more. Where one of the new ones can't be used, that is the error, and its slots
    /// are nobody's until the next time.
    async fn refresh(&self) -> Result<(), ConnectError> {
        let known = self.map.load_full();
        let ranges = match self.ask_masters(&known).await {
            Some(ranges) => ranges,
            None => ask_seeds(&self.seeds, &self.check).await?,
        };
        let opening =
            map::addresses(&ranges)
                .into_iter()
                .map(async |address| match known.at(&address) {
                    Some(master) => Ok(master.clone()),
                    None => open_master(&self.seeds[0], address, &self.check).await,
                });
        let (mut masters, mut outcome) = (Vec::new(), Ok(()));
        for opened in join_all(opening).await {
            match opened {
                Ok(master) => masters.push(master),
                Err(error) => outcome = Err(error),
            }
        }
        self.map.store(Arc::new(Map::new(&ranges, masters)));
        outcome
    }

    /// Whose slots are whose, by the first master that knows of all slots, or else by the one that
    /// knows of most: a node that was just emptied, or cut off, must not be believed first.
    async fn ask_masters(&self, known: &Map) -> Option<Vec<Range>> {
        let mut best: Option<Vec<Range>> = None;
        for master in known.masters() {
            let Ok(mut connection) = master.node.connection() else {
                continue;
            };
            let Ok(ranges) = slots::read(&mut connection, &master.address.0).await else {
                continue;
            };
            let more = best
                .as_deref()
                .is_none_or(|best| slots::count(best) < slots::count(&ranges));
            if more {
                best = Some(ranges);
            }
            if best
                .as_deref()
                .is_some_and(|best| slots::count(best) == slots::SLOTS)
            {
                break;
            }
        }
        best.filter(|best| !best.is_empty())
    }
}

/// Keeps the map of slots up to date.
async fn follow(shared: Arc<Shared>) {
    let mut sound = true;
    loop {
        let _ = timeout(REFRESH_INTERVAL, shared.doubt.notified()).await;
        let outcome = shared.refresh().await;
        if let (Err(error), true) = (&outcome, sound) {
            // Once, and not ten times a second for as long as it lasts.
            tracing::warn!(%error, "can't follow the cluster");
        }
        sound = outcome.is_ok();
        shared.read.send_replace(());
        sleep(REFRESH_PAUSE).await;
    }
}

/// Asks the nodes of the URL, one after the other, whose slots are whose. That a server can't be
/// used at all is said at once.
async fn ask_seeds(seeds: &[ConnectionInfo], check: &Check) -> Result<Vec<Range>, ConnectError> {
    let mut last = None;
    for seed in seeds {
        let mut connection = match check.connect(seed).await {
            Err(error @ ConnectError::Unreachable { .. }) => {
                last = Some(error);
                continue;
            }
            outcome => outcome?,
        };
        match slots::read(&mut connection, host(seed)).await {
            Ok(ranges) => return Ok(ranges),
            Err(error) => last = Some(check.refused("CLUSTER SLOTS", seed, error)),
        }
    }
    Err(last.expect("a URL names at least one node"))
}

async fn open_master(
    seed: &ConnectionInfo,
    address: Address,
    check: &Check,
) -> Result<Arc<Master>, ConnectError> {
    let info = info(seed, &address);
    let name = info.addr().to_string();
    let pool = NodePool {
        pool: connect::pool(info, check.deadline).map_err(ConnectError::Url)?,
        is_timed: true,
    };
    let node = check.open(pool, &name).await?;
    Ok(Arc::new(Master { address, node }))
}

/// How to reach the node at an address: as the URL says, but for the address.
fn info(seed: &ConnectionInfo, (host, port): &Address) -> ConnectionInfo {
    let (host, port) = (host.clone(), *port);
    let address = match seed.addr().clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    seed.clone().set_addr(address)
}

fn host(seed: &ConnectionInfo) -> &str {
    match seed.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    }
}

/// A number that no two calls share. What it decides is nobody's secret.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn unserved(slot: usize) -> io::Error {
    io::Error::other(format!("no master that can be used has the slot {slot}"))
}
