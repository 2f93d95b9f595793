use std::io;
use std::sync::Arc;

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, ServerErrorKind, Value};
use tokio::time::{Instant, timeout_at};

use super::slots::{self, Address};
use super::{Master, Shared};
use crate::redis::node::CallError;

/// The way of one call: each command goes to the master of its key, one without a key to the master
/// of the command before. (Where a script was run by its digest and is unknown, its source follows.)
///
/// Nothing is sent twice unless the first master said that it did nothing.
pub(super) struct Route<'a> {
    cluster: &'a Shared,
    master: Option<Arc<Master>>,
}

impl<'a> Route<'a> {
    pub(super) fn new(cluster: &'a Shared) -> Self {
        Self {
            cluster,
            master: None,
        }
    }

    /// Where the last command went.
    pub(super) fn master(&self) -> Option<&Master> {
        self.master.as_deref()
    }

    async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let deadline = Instant::now() + self.cluster.deadline;
        if let Some(key) = slots::key_of(command) {
            self.master = Some(self.cluster.master_of(slots::slot(key))?);
        }
        let reply = self.send_on(command).await;
        let Some(mut address) = moved_to(&reply) else {
            return reply;
        };
        if address.0.is_empty() {
            // A node that doesn't know its own host: another port of the one that was asked.
            address.0 = self
                .master()
                .map_or_else(String::new, |master| master.address.0.clone());
        }
        let redirected = async {
            self.master = Some(self.cluster.master_at(&address).await?);
            self.send_on(command).await
        };
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
        timeout_at(deadline, redirected).await.unwrap_or_else(late)
    }

    async fn send_on(&self, command: &Cmd) -> Result<Value, RedisError> {
        let Some(master) = &self.master else {
            return Err((ErrorKind::Client, "a command without a key").into());
        };
        let mut connection = master.node.connection().map_err(|error| match error {
            CallError::Redis(error) => error,
            CallError::Down(cause) => io::Error::other(cause).into(),
            CallError::Timeout => io::Error::from(io::ErrorKind::TimedOut).into(),
        })?;
        connection.req_packed_command(command).await
    }
}

/// Where the master of the slot is, if the one that was asked isn't any more. It has done nothing.
///
/// A slot that is being moved (`ASK`) is not followed: some of a user's keys are here and some
/// there, and a script would find half of them missing.
fn moved_to(reply: &Result<Value, RedisError>) -> Option<Address> {
    let Ok(Value::ServerError(error)) = reply else {
        return None;
    };
    if error.kind() != Some(ServerErrorKind::Moved) {
        return None;
    }
    let error = RedisError::from(error.clone());
    let (address, _) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

impl ConnectionLike for Route<'_> {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(self.send(command))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        _: &'a Pipeline,
        _: usize,
        _: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let error = (ErrorKind::Client, "a pipeline has no one key to go by");
        Box::pin(async move { Err(error.into()) })
    }

    fn get_db(&self) -> i64 {
        0
    }
}
