//! The way to Redis: one server, or the masters of a cluster.
//!
//! Either is made of [nodes](super::node): supervised connections that everyone here shares. What
//! a call costs on one server is what its node does; a cluster finds the node of the call's key
//! first.

use redis::{Cmd, FromRedisValue, ScriptInvocation};

use super::cluster::Cluster;
use super::node::Node;
use crate::error::Result;
use crate::timestamp::Timestamp;

pub(super) enum Connection {
    Single(Node),
    Cluster(Cluster),
}

impl Connection {
    /// What the server's clock shows now, as far as can be told without asking. Never behind it; in
    /// a cluster, never behind any master's.
    pub(super) fn server_time(&self) -> Timestamp {
        match self {
            Self::Single(node) => node.time(),
            Self::Cluster(cluster) => cluster.time(),
        }
    }

    /// Runs a script, where its first key is.
    pub(super) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        match self {
            Self::Single(node) => node.run(call).await,
            Self::Cluster(cluster) => cluster.run(call).await,
        }
    }

    /// Runs a command, where its first key is.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        match self {
            Self::Single(node) => node.query(command).await,
            Self::Cluster(cluster) => cluster.query(command).await,
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
