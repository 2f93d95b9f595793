//! Redis dies, stands still, is cut off: errors that say "try again", and then service again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_store::{
    Config, Error, List, RedisOptions, RedisStore, Result, RevokeReason, SessionStore, Token,
    Update, UserId,
};
use session_test::{Proxy, RedisServer};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::documented;

const DEADLINE: Duration = Duration::from_millis(300);
/// Far beyond any deadline: what takes as long hangs.
const HANG: Duration = Duration::from_secs(20);

async fn connect(url: &str) -> RedisStore {
    let options = RedisOptions {
        deadline: DEADLINE,
        ..RedisOptions::default()
    };
    RedisStore::connect(url, Config::default(), options)
        .await
        .unwrap()
}

fn is_try_again(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout { .. })
}

/// Calls until a call succeeds.
async fn resumes(store: &RedisStore) {
    let resumed = async { while store.ping().await.is_err() {} };
    timeout(HANG, resumed)
        .await
        .expect("service resumes by itself");
}

/// Every method, with what it answers for a live session turned into "there is one".
async fn every_call(store: &RedisStore, token: &Token) -> Vec<(&'static str, Result<bool>)> {
    let (id, user) = (token.id(), UserId::from(74));
    let mut answers = Vec::new();
    macro_rules! call {
        ($name:literal, $call:expr, $alive:expr) => {
            let answer = timeout(HANG, $call).await.expect($name);
            answers.push(($name, answer.map($alive)));
        };
    }
    call!("ping", store.ping(), |()| true);
    call!("validate", store.validate(token, None), |found| found
        .is_some());
    call!("peek", store.peek(token), |found| found.is_some());
    call!("get", store.get(id), |found| found.is_some());
    call!("touch", store.touch(id, None), |found| found.is_some());
    call!("list", store.list(&user, List::default()), |page| !page
        .sessions
        .is_empty());
    call!("count", store.count(&user), |count| count > 0);
    call!("create", store.create(documented(75, "b")), |_| true);
    call!(
        "revoke_others",
        store.revoke_others(id, RevokeReason::Logout),
        |count| count.is_some()
    );
    answers
}

#[tokio::test]
async fn while_redis_is_away_every_call_says_try_again() {
    let mut server = RedisServer::builder().append_only().start();
    let store = connect(&server.url()).await;
    let created = store.create(documented(74, "a")).await.unwrap();
    let token = created.token;

    server.kill();
    for (name, answer) in every_call(&store, &token).await {
        assert!(is_try_again(&answer.expect_err(name)), "{name}");
    }
    let update = store.update(&created.session, Update::default()).await;
    assert!(is_try_again(&update.unwrap_err()));
    assert!(is_try_again(&store.rotate(&token).await.unwrap_err()));
    let revoked = store.revoke(token.id(), RevokeReason::Logout).await;
    assert!(is_try_again(&revoked.unwrap_err()));
    assert!(is_try_again(&store.events().await.unwrap_err()));

    server.restart();
    resumes(&store).await;
    for (name, answer) in every_call(&store, &token).await {
        assert!(answer.expect(name), "{name}");
    }
}

#[tokio::test]
async fn a_server_that_stands_still_times_out() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    server.pause();
    for (name, answer) in every_call(&store, &token).await {
        assert!(is_try_again(&answer.expect_err(name)), "{name}");
    }
    server.resume();
    resumes(&store).await;
    assert!(store.validate(&token, None).await.unwrap().is_some());
}

#[tokio::test]
async fn a_silent_partition_is_noticed_and_left_behind() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = connect(&proxy.url()).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    proxy.stall();
    for (name, answer) in every_call(&store, &token).await {
        assert!(is_try_again(&answer.expect_err(name)), "{name}");
    }
    proxy.restore();
    resumes(&store).await;
    assert!(store.validate(&token, None).await.unwrap().is_some());
}

#[tokio::test]
async fn a_revoke_whose_answer_is_lost_has_revoked() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = connect(&proxy.url()).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    proxy.drop_replies();
    let revoked = store.revoke(token.id(), RevokeReason::Logout).await;
    assert!(is_try_again(&revoked.unwrap_err()));
    proxy.restore();
    resumes(&store).await;
    assert!(store.validate(&token, None).await.unwrap().is_none());
    assert_eq!(store.count(&UserId::from(74)).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_redis_is_missed_and_nobody_is_logged_out() {
    let mut server = RedisServer::builder().append_only().start();
    let store = Arc::new(connect(&server.url()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let (mut tasks, mut tallies) = (Vec::new(), Vec::new());
    for user in 0..32_i64 {
        let token = store.create(documented(user, "a")).await.unwrap().token;
        let (store, stop) = (store.clone(), stop.clone());
        let tally = watch::Sender::new(Tally::default());
        tallies.push(tally.subscribe());
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let read = timeout(HANG, store.validate(&token, None)).await;
                let write = timeout(HANG, store.touch(token.id(), None)).await;
                for answer in [read, write] {
                    let up = match answer.expect("no call hangs") {
                        Ok(session) => session.expect("an outage logs nobody out"),
                        Err(error) => {
                            assert!(is_try_again(&error), "{error:?}");
                            tally.send_modify(|tally| tally.failed += 1);
                            continue;
                        }
                    };
                    assert_eq!(up.user_id, UserId::from(user));
                    tally.send_modify(|tally| tally.served += 1);
                }
            }
        }));
    }
    // Waits until each task has seen some more outcomes of the kind.
    let mut each = async |count: fn(&Tally) -> u64| {
        for tally in &mut tallies {
            let before = count(&tally.borrow_and_update());
            let more = tally.wait_for(|tally| count(tally) > before + 1);
            timeout(HANG, more).await.expect("goes on").unwrap();
        }
    };
    for _ in 0..3 {
        each(|tally| tally.served).await;
        server.kill();
        each(|tally| tally.failed).await;
        server.restart();
        each(|tally| tally.served).await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
}

#[derive(Default)]
struct Tally {
    served: u64,
    failed: u64,
}

#[tokio::test]
async fn no_task_outlives_the_store() {
    let mut server = RedisServer::start();
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for killed in [false, true] {
        let store = connect(&server.url()).await;
        let events = store.events().await.unwrap();
        store.create(documented(74, "a")).await.unwrap();
        assert!(alive() > before);
        if killed {
            server.kill();
            assert!(store.ping().await.is_err());
        }
        drop((store, events));
        let ended = async {
            while alive() > before {
                tokio::task::yield_now().await;
            }
        };
        timeout(HANG, ended).await.expect("every task ends");
    }
}
