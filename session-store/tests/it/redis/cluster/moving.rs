//! Slots that move to another master.

use session_store::{Config, Error, SessionStore, UserId};
use session_test::RedisCluster;
use tokio::time::timeout;

use super::{HANG, connect, documented, key_of, start, users};

fn cluster_command(cluster: &RedisCluster, node: usize, words: &[&str]) -> String {
    redis::cmd("CLUSTER")
        .arg(words)
        .query(&mut cluster.nodes()[node].connection())
        .unwrap()
}

/// The user's slot, as the commands take it.
fn slot_of(cluster: &RedisCluster, user: &UserId) -> String {
    let slot: u16 = redis::cmd("CLUSTER")
        .arg(&["KEYSLOT", &key_of(user)])
        .query(&mut cluster.nodes()[0].connection())
        .unwrap();
    slot.to_string()
}

#[tokio::test]
async fn a_slot_that_has_moved_is_followed() {
    let cluster = start();
    let store = connect(&cluster, Config::default()).await;
    let [user, ..] = users(&cluster);
    let slot = slot_of(&cluster, &user);
    let target = cluster_command(&cluster, 1, &["MYID"]);
    // The target first: the slot is never nobody's.
    for node in [1, 0, 2] {
        cluster_command(&cluster, node, &["SETSLOT", &slot, "NODE", &target]);
    }
    let created = store.create(documented(user, "a")).await.unwrap();
    let found = store.validate(&created.token, None).await.unwrap();
    assert_eq!(found, Some(created.session));

    // Before long nobody goes the long way round.
    let direct = async {
        loop {
            cluster.nodes()[0].reset_stats();
            store.peek(&created.token).await.unwrap().unwrap();
            if !cluster.nodes()[0].command_calls().contains_key("get") {
                break;
            }
        }
    };
    timeout(HANG, direct).await.expect("the map is read again");
}

/// Half of the user's keys may be on either side.
#[tokio::test]
async fn a_slot_that_is_moving_is_to_be_tried_again() {
    let cluster = start();
    let store = connect(&cluster, Config::default()).await;
    let [user, ..] = users(&cluster);
    let slot = slot_of(&cluster, &user);
    let (source, target) = (
        cluster_command(&cluster, 0, &["MYID"]),
        cluster_command(&cluster, 1, &["MYID"]),
    );
    cluster_command(&cluster, 1, &["SETSLOT", &slot, "IMPORTING", &source]);
    cluster_command(&cluster, 0, &["SETSLOT", &slot, "MIGRATING", &target]);
    let refused = store.create(documented(user.clone(), "a")).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");

    cluster_command(&cluster, 0, &["SETSLOT", &slot, "STABLE"]);
    assert!(store.create(documented(user, "a")).await.is_ok());
}
