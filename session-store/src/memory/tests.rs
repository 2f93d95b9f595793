//! What the contract doesn't ask of every store: bounds, and what is left behind.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;

use super::{ManualClock, MemoryStore};
use crate::{
    Config, Created, Error, EventsMissed, History, KnownDevices, List, NewSession, RevokeReason,
    SessionStore, UserId,
};

const SECOND: Duration = Duration::from_secs(1);

/// Everything is over after two minutes without activity.
fn short() -> Config {
    Config {
        absolute_timeout: 60 * SECOND,
        history: Some(History {
            retention: 30 * SECOND,
            ..History::default()
        }),
        known_devices: KnownDevices {
            retention: 60 * SECOND,
            ..KnownDevices::default()
        },
        ..Config::default()
    }
}

fn store(config: Config, bound: usize) -> (ManualClock, MemoryStore) {
    let clock = ManualClock::new();
    let now = clock.clone();
    let store = MemoryStore::build(config, bound, move || now.now());
    (clock, store.expect("a sound configuration"))
}

/// No call of this store ever waits.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("the call is ready at once")
}

fn device(user: i32) -> NewSession {
    let mut new = NewSession::new(UserId::from(user));
    new.fingerprint = Some("a".into());
    new
}

fn login(store: &MemoryStore, user: i32) -> Created {
    at_once(store.create(device(user))).expect("create")
}

fn logout(store: &MemoryStore, user: i32) {
    let all = at_once(store.revoke_all(&UserId::from(user), RevokeReason::Logout));
    assert_eq!(all.expect("revoke_all").count, 1);
}

fn is_known(store: &MemoryStore, user: i32) -> bool {
    let page = at_once(store.list(&UserId::from(user), List::default()));
    page.expect("list").known_user
}

#[test]
fn nothing_is_left_once_everything_is_over() {
    let (clock, store) = store(short(), 100);
    for user in 0..10 {
        login(&store, user);
        login(&store, user);
        clock.advance(SECOND);
    }
    logout(&store, 3);
    assert_eq!(
        store.0.state.lock().expect("lock").sizes(),
        [9, 10, 9, 1, 10, 0, 0]
    );
    clock.advance(60 * SECOND);
    at_once(store.ping()).expect("ping");
    at_once(store.count(&UserId::from(0))).expect("count");
    let sizes = store.0.state.lock().expect("lock").sizes();
    assert_eq!(sizes[..4], [0, 10, 0, 10]);
    clock.advance(61 * SECOND);
    at_once(store.count(&UserId::from(0))).expect("count");
    assert_eq!(store.0.state.lock().expect("lock").sizes(), [0; 7]);
}

#[test]
fn a_full_store_creates_nothing_more() {
    let (clock, store) = store(short(), 2);
    let first = login(&store, 1);
    clock.advance(SECOND);
    login(&store, 2);
    let full = at_once(store.create(device(3)));
    assert!(matches!(full, Err(Error::Full { max: 2 })));
    assert!(!is_known(&store, 3));
    // What takes another's place needs no room.
    assert_eq!(login(&store, 2).ended.len(), 1);
    assert!(at_once(store.peek(&first.token)).expect("peek").is_some());
    let full = at_once(store.create(device(3)));
    assert!(matches!(full, Err(Error::Full { .. })));
    // What has expired takes none.
    clock.advance(60 * SECOND);
    login(&store, 3);
}

#[test]
fn the_users_whose_memory_ends_soonest_make_room() {
    let (clock, store) = store(short(), 2);
    for user in [2, 1, 3] {
        login(&store, user);
        logout(&store, user);
        clock.advance(SECOND);
    }
    assert_eq!(
        [1, 2, 3].map(|user| is_known(&store, user)),
        [true, false, true]
    );
    assert_eq!(login(&store, 2).new_device, Some(true));
    // A user with a session takes no room among those without.
    assert_eq!(
        [1, 2, 3].map(|user| is_known(&store, user)),
        [true, true, true]
    );
    assert_eq!(login(&store, 1).new_device, Some(false));
}

#[test]
fn a_history_is_dropped_where_its_user_is() {
    let (_, store) = store(short(), 0);
    assert!(matches!(
        at_once(store.create(device(1))),
        Err(Error::Full { max: 0 })
    ));
    let (clock, store) = self::store(short(), 1);
    for user in 0..5 {
        login(&store, user);
        logout(&store, user);
        clock.advance(SECOND);
    }
    at_once(store.count(&UserId::from(0))).expect("count");
    assert_eq!(
        store.0.state.lock().expect("lock").sizes(),
        [0, 1, 0, 1, 1, 0, 0]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_dropped_while_nobody_calls() {
    let (clock, store) = store(short(), 100);
    login(&store, 1);
    clock.advance(61 * SECOND);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(
        store.0.state.lock().expect("lock").sizes(),
        [0, 1, 0, 1, 1, 0, 0]
    );
    clock.advance(30 * SECOND);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(
        store.0.state.lock().expect("lock").sizes(),
        [0, 1, 0, 1, 0, 0, 0]
    );
    clock.advance(30 * SECOND);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(store.0.state.lock().expect("lock").sizes(), [0; 7]);
}

#[tokio::test(start_paused = true)]
async fn the_background_task_ends_with_the_store() {
    let (_, store) = store(short(), 100);
    let clone = store.clone();
    tokio::time::sleep(2 * SECOND).await;
    drop(store);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
    drop(clone);
    tokio::task::yield_now().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test]
async fn a_reader_who_is_too_slow_is_told_so() {
    let (_, store) = store(Config::default(), 10_000);
    let mut events = store.events().await.expect("events");
    for user in 0..2000 {
        login(&store, user);
    }
    assert_eq!(events.next().await, Some(Err(EventsMissed)));
    let next = events.next().await.expect("the store is there");
    assert!(next.expect("no more are missed").user_id != UserId::from(0));
}

#[tokio::test]
async fn the_events_end_with_the_store() {
    let (_, store) = store(Config::default(), 100);
    let mut events = store.events().await.expect("events");
    login(&store, 1);
    drop(store);
    assert!(matches!(events.next().await, Some(Ok(_))));
    assert_eq!(events.next().await, None);
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let config = Config {
        absolute_timeout: Duration::ZERO,
        ..Config::default()
    };
    let refused = MemoryStore::new(config).expect_err("it is refused");
    assert_eq!(
        refused.to_string(),
        "absolute_timeout: must be at least 1 ms"
    );
}
