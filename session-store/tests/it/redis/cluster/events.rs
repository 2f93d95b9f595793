//! The stream of events in a cluster.

use session_store::{Config, EventsMissed, SessionStore, UserId};
use session_test::RedisServer;
use tokio::time::timeout;

use super::{HANG, connect, documented, start, users};

fn has_subscriber(node: &RedisServer) -> bool {
    let list: String = redis::cmd("CLIENT")
        .arg(&["LIST", "TYPE", "pubsub"])
        .query(&mut node.connection())
        .unwrap();
    !list.is_empty()
}

#[tokio::test]
async fn one_node_tells_what_happens_on_all_and_another_takes_over() {
    let mut cluster = start();
    let store = connect(&cluster, Config::default()).await;
    let users = users(&cluster);
    let mut events = store.events().await.unwrap();
    for user in &users {
        let created = store.create(documented(user.clone(), "a")).await.unwrap();
        let event = timeout(HANG, events.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(event.session_id, created.session.id);
    }

    let telling: Vec<_> = cluster.nodes().iter().map(has_subscriber).collect();
    assert_eq!(telling.iter().filter(|telling| **telling).count(), 1);
    let telling = telling.iter().position(|telling| *telling).unwrap();
    cluster.nodes_mut()[telling].kill();
    let missed = timeout(HANG, events.next()).await.unwrap().unwrap();
    assert_eq!(missed, Err(EventsMissed));
    let others = users
        .iter()
        .enumerate()
        .filter(|(node, _)| *node != telling);
    for (_, user) in others {
        // The session of before is replaced.
        store.create(documented(user.clone(), "a")).await.unwrap();
        for _ in 0..2 {
            let event = timeout(HANG, events.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!(event.user_id, UserId::clone(user));
        }
    }
}
