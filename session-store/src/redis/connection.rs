//! The way to Redis: one server, or the masters of a cluster.
//!
//! Either is made of [nodes](super::node): supervised connections that everyone here shares. What
//! a call costs on one server is what its node does; a cluster finds the node of the call's key
//! first.

use std::time::Instant;

use redis::{Cmd, FromRedisValue, ScriptInvocation};

use super::cluster::Cluster;
use super::node::Node;
use crate::error::Result;
use crate::status::Connections;
use crate::timestamp::Timestamp;

pub(super) enum Connection {
    Single(Node),
    Cluster(Cluster),
}

impl Connection {
    /// What the server's clock shows now, as far as can be told without asking. Never behind it; in
    /// a cluster, never behind any master's.
    pub(super) fn server_time(&self) -> Timestamp {
        self.server_time_at(Instant::now())
    }

    /// As [`server_time`](Self::server_time), for who has asked the local clock already.
    pub(super) fn server_time_at(&self, now: Instant) -> Timestamp {
        match self {
            Self::Single(node) => node.time(now),
            Self::Cluster(cluster) => cluster.time(now),
        }
    }

    /// Which connection to the one server this is: another number is another connection, to another
    /// server perhaps. `None` in a cluster, which has many.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Single(node) => Some(node.number()),
            Self::Cluster(_) => None,
        }
    }

    /// How many connections stand.
    pub(super) fn status(&self) -> Connections {
        match self {
            Self::Single(node) => count([node.is_up()]),
            Self::Cluster(cluster) => count(cluster.are_up()),
        }
    }

    /// Runs a script, where its first key is.
    pub(super) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        match self {
            Self::Single(node) => node.run(call).await,
            Self::Cluster(cluster) => Box::pin(cluster.run(call)).await,
        }
    }

    /// Runs a command, where its first key is.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        match self {
            Self::Single(node) => node.query(command).await,
            // In a box, so that calls on a single server needn't have the room for it.
            Self::Cluster(cluster) => Box::pin(cluster.query(command)).await,
        }
    }

    /// Asks the server, or every master, for the time, and remembers it.
    pub(super) async fn ping(&self) -> Result<()> {
        match self {
            Self::Single(node) => node.ping().await,
            Self::Cluster(cluster) => cluster.ping().await,
        }
    }
}

fn count(are_up: impl IntoIterator<Item = bool>) -> Connections {
    let mut connections = Connections::default();
    for is_up in are_up {
        match is_up {
            true => connections.up += 1,
            false => connections.down += 1,
        }
    }
    connections
}
