//! The Redis back end on a real cluster of three masters.

mod connect;
mod contract;
mod cost;
mod events;
mod faults;
mod moving;
mod races;

use std::time::Duration;

use session_store::{Config, Error, RedisOptions, RedisStore, Token, UserId};
use session_test::RedisCluster;

use super::documented;

/// Far beyond any deadline: what takes as long hangs.
const HANG: Duration = Duration::from_secs(20);

async fn connect(cluster: &RedisCluster, config: Config) -> RedisStore {
    RedisStore::connect(&cluster.url(), config, RedisOptions::default())
        .await
        .unwrap()
}

/// A cluster for tests that let no node find another dead. It starts at once.
fn start() -> RedisCluster {
    RedisCluster::builder().stopped_clock().start()
}

/// A key in the slot of all keys of this user.
fn key_of(user: &UserId) -> String {
    let token = Token::mint(user).unwrap();
    // An id begins with the hash tag.
    format!("{{{}}}", &token.id().as_str()[..2])
}

/// A user of each node.
fn users(cluster: &RedisCluster) -> [UserId; RedisCluster::MASTERS] {
    std::array::from_fn(|node| {
        let mut users = (0_i64..).map(UserId::from);
        let of_node = |user: &UserId| cluster.node_of(&key_of(user)) == node;
        users.find(of_node).expect("there are enough users")
    })
}

fn is_try_again(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout { .. })
}
