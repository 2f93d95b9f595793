//! What a server has to be like before the store uses it, so that nothing is left half done later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::Pool;
use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind, Value};

use super::connect::{self, ConnectError};
use super::node::{CallError, Node};
use super::source::Sources;
use crate::error::Error;
use crate::keys::Keys;

/// The oldest server: `PEXPIRETIME` and the `TIME` of a script that writes.
pub(super) const OLDEST: (u32, u32) = (7, 0);

/// What is asked of every server of a store.
#[derive(Clone)]
pub(super) struct Check {
    pub(super) keys: Keys,
    /// What it is told before the first call.
    pub(super) sources: Arc<Sources>,
    pub(super) mode: Mode,
    pub(super) deadline: Duration,
}

/// What the store's URL takes the server for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One Redis.
    Single,
    /// A node of a cluster.
    Cluster,
}

impl Check {
    /// Makes a node of a server that changes can be left to.
    pub(super) async fn open(&self, pool: Pool, address: &str) -> Result<Node, ConnectError> {
        let unreachable = |source| ConnectError::Unreachable {
            address: address.to_owned(),
            source,
        };
        let opened = async {
            let node = Node::open(pool, address, self.deadline, self.sources.clone()).await?;
            let hello = node.query(&redis::cmd("HELLO")).await?;
            Ok((node, Hello(hello)))
        };
        let (node, hello) = opened.await.map_err(&unreachable)?;
        self.server(&hello)?;
        if hello.text("role") != "master" {
            return Err(ConnectError::Replica);
        }
        let missing = self.missing_right(&node).await;
        if let Some(command) = missing.map_err(unreachable)? {
            return Err(self.rights(command));
        }
        warn_of_eviction(&node, address).await;
        Ok(node)
    }

    /// Connects to a server, master or not, that can be asked about its cluster.
    pub(super) async fn connect(
        &self,
        info: &ConnectionInfo,
    ) -> Result<MultiplexedConnection, ConnectError> {
        let client = Client::open(info.clone()).map_err(ConnectError::Url)?;
        let timeouts = connect::timeouts(self.deadline);
        let connected = async {
            let connecting = client.get_multiplexed_async_connection_with_config(&timeouts);
            let mut connection = connecting.await?;
            let hello = redis::cmd("HELLO").query_async(&mut connection).await?;
            Ok((connection, Hello(hello)))
        };
        let (connection, hello) = connected
            .await
            .map_err(|error| self.refused("HELLO", info, error))?;
        self.server(&hello)?;
        Ok(connection)
    }

    /// The error for a server that refuses a command, or can't be reached.
    pub(super) fn refused(
        &self,
        command: &str,
        info: &ConnectionInfo,
        error: RedisError,
    ) -> ConnectError {
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) {
            return self.rights(command.to_owned());
        }
        ConnectError::Unreachable {
            address: info.addr().to_string(),
            source: CallError::Redis(error).into_error(self.deadline),
        }
    }

    fn rights(&self, command: String) -> ConnectError {
        let prefix = self.keys.prefix().to_owned();
        ConnectError::Rights { command, prefix }
    }

    fn server(&self, hello: &Hello) -> Result<(), ConnectError> {
        let found = hello.text("version");
        let mut numbers = found.split('.').map(|number| number.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < OLDEST {
            return Err(ConnectError::TooOld { found });
        }
        match (self.mode, hello.text("mode") == "cluster") {
            (Mode::Single, true) => Err(ConnectError::Cluster),
            (Mode::Cluster, false) => Err(ConnectError::NoCluster),
            _ => Ok(()),
        }
    }

    /// The first command that the store needs and its user may not call.
    async fn missing_right(&self, node: &Node) -> Result<Option<String>, Error> {
        let mut ask = redis::cmd("EVAL");
        ask.arg(include_str!("lua/rights.lua"))
            .arg(0)
            .arg(self.keys.base("AA"))
            .arg(self.keys.channel());
        node.query(&ask).await
    }
}

/// What a server says of itself. `HELLO` needs no right.
struct Hello(HashMap<String, Value>);

impl Hello {
    fn text(&self, name: &str) -> String {
        let value = self.0.get(name).cloned().unwrap_or(Value::Nil);
        redis::from_redis_value(value).unwrap_or_default()
    }
}

/// Says so when Redis may drop sessions to save memory. Not being allowed to ask is fine.
async fn warn_of_eviction(node: &Node, address: &str) {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let Ok(memory) = node.query::<String>(&info).await else {
        return;
    };
    let field = |name: &str| {
        let mut fields = memory.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let policy = field("maxmemory_policy").unwrap_or("noeviction");
    if policy != "noeviction" && field("maxmemory") != Some("0") {
        tracing::warn!(
            address,
            policy,
            "Redis may evict sessions when its memory is full; set maxmemory-policy to noeviction"
        );
    }
}
