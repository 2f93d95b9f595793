//! A node dies, or stands still: errors that say "try again" for its sessions, and then service
//! again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_store::{
    Config, Created, List, RedisOptions, RedisStore, Result, RevokeReason, SessionStore, UserId,
};
use session_test::RedisCluster;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{HANG, documented, is_try_again, users};

const DEADLINE: Duration = Duration::from_millis(300);

async fn connect(cluster: &RedisCluster) -> RedisStore {
    let options = RedisOptions {
        deadline: DEADLINE,
        ..RedisOptions::default()
    };
    RedisStore::connect(&cluster.url(), Config::default(), options)
        .await
        .unwrap()
}

/// A cluster whose nodes lose nothing, and never find each other dead.
fn durable() -> RedisCluster {
    RedisCluster::builder()
        .stopped_clock()
        .argument("--appendonly", "yes")
        .argument("--appendfsync", "always")
        .start()
}

async fn resumes(store: &RedisStore) {
    let resumed = async { while store.ping().await.is_err() {} };
    timeout(HANG, resumed)
        .await
        .expect("service resumes by itself");
}

/// Every kind of call for one user, with what it answers turned into "there is a session".
async fn every_call(store: &RedisStore, login: &Created) -> Vec<(&'static str, Result<bool>)> {
    let (token, id, user) = (&login.token, login.session.id, &login.session.user_id);
    let mut answers = Vec::new();
    macro_rules! call {
        ($name:literal, $call:expr, $alive:expr) => {
            let answer = timeout(HANG, $call).await.expect($name);
            answers.push(($name, answer.map($alive)));
        };
    }
    call!("validate", store.validate(token, None), |s| s.is_some());
    call!("peek", store.peek(token), |s| s.is_some());
    call!("get", store.get(id), |s| s.is_some());
    call!("touch", store.touch(id, None), |s| s.is_some());
    call!("list", store.list(user, List::default()), |page| !page
        .sessions
        .is_empty());
    call!("count", store.count(user), |count| count > 0);
    call!(
        "create",
        store.create(documented(user.clone(), "b")),
        |_| { true }
    );
    call!(
        "revoke_others",
        store.revoke_others(id, RevokeReason::Logout),
        |count| count.is_some()
    );
    answers
}

async fn log_in_everywhere(store: &RedisStore, cluster: &RedisCluster) -> Vec<Created> {
    let mut logins = Vec::new();
    for user in users(cluster) {
        logins.push(store.create(documented(user, "a")).await.unwrap());
    }
    logins
}

async fn all_serve(store: &RedisStore, logins: &[Created]) {
    for login in logins {
        for (name, answer) in every_call(store, login).await {
            assert!(answer.expect(name), "{name}");
        }
    }
}

#[tokio::test]
async fn while_a_master_is_away_its_sessions_wait_and_all_others_are_served() {
    let mut cluster = durable();
    let store = connect(&cluster).await;
    let logins = log_in_everywhere(&store, &cluster).await;
    all_serve(&store, &logins).await;

    cluster.nodes_mut()[1].kill();
    for (name, answer) in every_call(&store, &logins[1]).await {
        assert!(is_try_again(&answer.expect_err(name)), "{name}");
    }
    let rotated = store.rotate(&logins[1].token).await;
    assert!(is_try_again(&rotated.unwrap_err()));
    assert!(is_try_again(&store.ping().await.unwrap_err()));
    all_serve(&store, &[logins[0].clone(), logins[2].clone()]).await;

    cluster.nodes_mut()[1].restart();
    cluster.wait_until_ok();
    resumes(&store).await;
    all_serve(&store, &logins).await;
}

#[tokio::test]
async fn a_master_that_stands_still_holds_up_its_own_sessions_alone() {
    let cluster = durable();
    let store = connect(&cluster).await;
    let logins = log_in_everywhere(&store, &cluster).await;
    cluster.nodes()[1].pause();
    for (name, answer) in every_call(&store, &logins[1]).await {
        assert!(is_try_again(&answer.expect_err(name)), "{name}");
        all_serve(&store, &logins[..1]).await;
    }
    cluster.nodes()[1].resume();
    resumes(&store).await;
    all_serve(&store, &logins).await;
}

/// Its answer came too late: it has run, and nobody may send it again.
#[tokio::test]
async fn a_script_whose_answer_is_late_runs_once() {
    let cluster = durable();
    let store = connect(&cluster).await;
    let logins = log_in_everywhere(&store, &cluster).await;
    cluster.nodes()[1].reset_stats();
    cluster.nodes()[1].pause();
    let rotated = store.rotate(&logins[1].token).await;
    assert!(is_try_again(&rotated.unwrap_err()));
    cluster.nodes()[1].resume();
    resumes(&store).await;
    assert!(
        store
            .validate(&logins[1].token, None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.get(logins[1].session.id).await.unwrap().is_some());
    let calls = cluster.nodes()[1].command_calls();
    assert_eq!(calls.get("evalsha"), Some(&1));
}

/// On a real clock, so that the other nodes find the dead one dead and refuse to serve, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_killed_under_load_is_missed_and_nobody_is_logged_out() {
    let mut cluster = RedisCluster::builder()
        .argument("--appendonly", "yes")
        .argument("--appendfsync", "always")
        .argument("--cluster-node-timeout", "500")
        .start();
    let store = connect(&cluster).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (mut tasks, mut tallies) = (Vec::new(), Vec::new());
    for login in log_in_everywhere(&store, &cluster).await {
        let (store, stop) = (store.clone(), stop.clone());
        let tally = watch::Sender::new(Tally::default());
        tallies.push(tally.subscribe());
        tasks.push(tokio::spawn(async move {
            let (token, user) = (login.token, login.session.user_id);
            while !stop.load(Ordering::Relaxed) {
                let read = timeout(HANG, store.validate(&token, None)).await;
                let write = timeout(HANG, store.touch(token.id(), None)).await;
                for answer in [read, write] {
                    tell(answer.expect("no call hangs"), &user, &tally);
                }
            }
        }));
    }
    let more = async |tally: &mut watch::Receiver<Tally>, count: fn(&Tally) -> u64| {
        let before = count(&tally.borrow_and_update());
        let more = tally.wait_for(|tally| count(tally) > before + 1);
        timeout(HANG, more).await.expect("goes on").unwrap();
    };
    for node in [1, 0] {
        for tally in &mut tallies {
            more(tally, |tally| tally.served).await;
        }
        cluster.nodes_mut()[node].kill();
        // A cluster that lacks slots serves none.
        for tally in &mut tallies {
            more(tally, |tally| tally.failed).await;
        }
        cluster.nodes_mut()[node].restart();
    }
    for tally in &mut tallies {
        more(tally, |tally| tally.served).await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
}

fn tell(
    answer: Result<Option<session_store::Session>>,
    user: &UserId,
    tally: &watch::Sender<Tally>,
) {
    match answer {
        Ok(session) => {
            let session = session.expect("an outage logs nobody out");
            assert_eq!(session.user_id, *user);
            tally.send_modify(|tally| tally.served += 1);
        }
        Err(error) => {
            assert!(is_try_again(&error), "{error:?}");
            tally.send_modify(|tally| tally.failed += 1);
        }
    }
}

#[derive(Default)]
struct Tally {
    served: u64,
    failed: u64,
}

#[tokio::test]
async fn no_task_outlives_the_store() {
    let mut cluster = super::start();
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for killed in [false, true] {
        let store = connect(&cluster).await;
        let events = store.events().await.unwrap();
        store.create(documented(74, "a")).await.unwrap();
        assert!(alive() > before);
        if killed {
            cluster.nodes_mut()[2].kill();
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
