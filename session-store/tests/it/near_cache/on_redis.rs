//! In front of a real Redis: who changes a session, how that is told, and what happens while it
//! isn't.

use std::time::{Duration, Instant};

use redis::Commands as _;
use session_store::{
    ChangesError, Config, Error, NearCache, NearCacheOptions, RedisOptions, RedisStore,
    RevokeReason, Session, SessionStore, Token, Update, UserId,
};
use session_test::{Proxy, RedisServer};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::redis::{connect, documented};

/// Far beyond anything that is waited for here: what takes as long hangs.
const HANG: Duration = Duration::from_secs(30);

type Near = NearCache<RedisStore>;

async fn near(store: RedisStore) -> Near {
    NearCache::new(store, NearCacheOptions::default())
        .await
        .unwrap()
}

/// A store that gives up soon.
async fn hasty(url: &str) -> RedisStore {
    let options = RedisOptions {
        deadline: Duration::from_millis(300),
        ..RedisOptions::default()
    };
    let store = RedisStore::connect(url, Config::default(), options).await;
    store.unwrap()
}

async fn validate(near: &Near, token: &Token) -> Option<Session> {
    near.validate(token, None).await.unwrap()
}

/// Waits until it is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            yield_now().await;
        }
    };
    timeout(HANG, waiting).await.expect("it comes about");
}

/// How many records clients have read.
fn reads(server: &RedisServer) -> u64 {
    server.command_calls().get("get").copied().unwrap_or(0)
}

/// Waits until the session is at hand: told changes of it have all come in.
async fn at_hand(server: &RedisServer, near: &Near, token: &Token) {
    until(async || {
        let before = reads(server);
        assert!(validate(near, token).await.is_some());
        reads(server) == before
    })
    .await;
}

#[tokio::test]
async fn a_session_at_hand_costs_redis_nothing() {
    let server = RedisServer::start();
    let near = near(connect(&server, Config::default()).await).await;
    let token = near.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &near, &token).await;
    let before = reads(&server);
    let session = validate(&near, &token).await;
    for _ in 0..1000 {
        assert_eq!(validate(&near, &token).await, session);
        assert_eq!(near.peek(&token).await.unwrap(), session);
        assert_eq!(near.get(token.id()).await.unwrap(), session);
    }
    assert_eq!(reads(&server), before);
}

#[tokio::test]
async fn whoever_ends_a_session_it_ends_here() {
    let server = RedisServer::start();
    let other = connect(&server, Config::default()).await;
    let near = near(connect(&server, Config::default()).await).await;
    let (user, reason) = (UserId::from(74), RevokeReason::Revoked);
    let run = |command: &[&str]| {
        let name = redis::cmd(command[0])
            .arg(&command[1..])
            .exec(&mut server.connection());
        name.unwrap();
    };
    for way in [
        "revoke",
        "revoke_all",
        "rotate",
        "replace",
        "del",
        "expire",
        "flush",
        "evict",
    ] {
        let created = near.create(documented(74, "a")).await.unwrap();
        let (token, id) = (created.token, created.session.id);
        at_hand(&server, &near, &token).await;
        let (bucket, local) = id.as_str().split_at(2);
        let key = format!("sess:{{{bucket}}}:s:{local}");
        match way {
            "revoke" => assert!(other.revoke(id, reason).await.unwrap().is_some()),
            "revoke_all" => assert_eq!(other.revoke_all(&user, reason).await.unwrap().count, 1),
            "rotate" => assert!(other.rotate(&token).await.unwrap().is_some()),
            "replace" => drop(other.create(documented(74, "a")).await.unwrap()),
            "del" => run(&["DEL", &key]),
            "expire" => run(&["PEXPIRE", &key, "1"]),
            "flush" => run(&["FLUSHALL"]),
            "evict" => {
                run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
                run(&["CONFIG", "SET", "maxmemory", "1"]);
                let refused = server.connection().set::<_, _, ()>("other", "");
                refused.unwrap_err();
                run(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            other => unreachable!("{other}"),
        }
        until(async || validate(&near, &token).await.is_none()).await;
    }
}

#[tokio::test]
async fn whoever_changes_a_session_it_changes_here() {
    let server = RedisServer::start();
    let other = connect(&server, Config::default()).await;
    let near = near(connect(&server, Config::default()).await).await;
    let token = near.create(documented(74, "a")).await.unwrap().token;
    for round in 0..20 {
        at_hand(&server, &near, &token).await;
        let current = other.peek(&token).await.unwrap().unwrap();
        let changed = if round % 2 == 0 {
            other.touch(token.id(), None).await.unwrap()
        } else {
            let update = Update {
                role: Some(round.to_string()),
                ..Update::default()
            };
            let updated = other.update(&current, update).await.unwrap();
            updated.map(|updated| updated.session)
        };
        until(async || validate(&near, &token).await == changed).await;
    }
}

#[tokio::test]
async fn a_session_expires_here_when_redis_expires_it() {
    let server = RedisServer::builder().stopped_clock().start();
    let near = near(connect(&server, Config::default()).await).await;
    let token = near.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &near, &token).await;
    server.advance(Config::default().absolute_timeout + Duration::from_millis(1));
    near.ping().await.unwrap();
    assert_eq!(validate(&near, &token).await, None);
}

#[tokio::test]
async fn a_store_of_another_prefix_is_not_heard() {
    let server = RedisServer::start();
    let near = near(connect(&server, Config::default()).await).await;
    let options = RedisOptions {
        prefix: "sess:other".into(),
        ..RedisOptions::default()
    };
    let other = RedisStore::connect(&server.url(), Config::default(), options).await;
    let other = other.unwrap();
    let token = near.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &near, &token).await;
    let before = reads(&server);
    for user in 0..50 {
        other.create(documented(user, "a")).await.unwrap();
        assert!(validate(&near, &token).await.is_some());
    }
    assert_eq!(reads(&server), before);
}

#[tokio::test]
async fn while_redis_is_away_nothing_is_served() {
    let mut server = RedisServer::builder().append_only().start();
    let near = near(hasty(&server.url()).await).await;
    let token = near.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &near, &token).await;
    server.kill();
    until(async || near.validate(&token, None).await.is_err()).await;
    for _ in 0..100 {
        let error = near.validate(&token, None).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(_) | Error::Timeout { .. }),
            "{error:?}"
        );
    }
    server.restart();
    until(async || near.validate(&token, None).await.is_ok()).await;
    at_hand(&server, &near, &token).await;
}

#[tokio::test]
async fn what_happens_while_a_connection_is_broken_is_not_missed() {
    let server = RedisServer::start();
    let other = connect(&server, Config::default()).await;
    let near = near(connect(&server, Config::default()).await).await;
    for round in 0..5 {
        let created = near
            .create(documented(74, &round.to_string()))
            .await
            .unwrap();
        let token = created.token;
        at_hand(&server, &near, &token).await;
        // All of them: the store's own, and the one that tells.
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal"])
            .exec(&mut server.connection())
            .unwrap();
        until(async || {
            let revoked = other.revoke(token.id(), RevokeReason::Revoked).await;
            revoked.is_ok_and(|ended| ended.is_some())
        })
        .await;
        until(async || {
            near.validate(&token, None)
                .await
                .is_ok_and(|found| found.is_none())
        })
        .await;
    }
}

/// Who is a client of the server, by `CLIENT LIST`; those that track, or those that don't.
fn clients(server: &RedisServer, tracking: bool) -> Vec<String> {
    let mut list = redis::cmd("CLIENT");
    let list: String = list.arg("LIST").query(&mut server.connection()).unwrap();
    let is_tracking = |line: &str| {
        let flags = line
            .split(' ')
            .find_map(|field| field.strip_prefix("flags="));
        flags.unwrap().contains('B')
    };
    let id = |line: &str| {
        let id = line.split(' ').next().unwrap();
        id.strip_prefix("id=").unwrap().to_owned()
    };
    let lines = list.lines().filter(|line| is_tracking(line) == tracking);
    // Whoever asks is no client of a store.
    let lines = lines.filter(|line| !line.contains("cmd=client|list"));
    lines.map(id).collect()
}

#[tokio::test]
async fn when_the_stores_connection_is_replaced_the_one_that_tells_is_too() {
    let server = RedisServer::start();
    let near = near(connect(&server, Config::default()).await).await;
    let token = near.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &near, &token).await;
    let telling = clients(&server, true);
    assert_eq!(telling.len(), 1);
    for client in clients(&server, false) {
        let mut kill = redis::cmd("CLIENT");
        kill.arg(&["KILL", "ID", &client]);
        kill.exec(&mut server.connection()).unwrap();
    }
    until(async || {
        let _ = near.validate(&token, None).await;
        let now = clients(&server, true);
        now.len() == 1 && now != telling
    })
    .await;
    at_hand(&server, &near, &token).await;
}

/// What a server with a silent network in between changes is seen within the bound, for from then on
/// nothing is served.
#[tokio::test]
async fn a_silent_partition_ends_the_serving_within_the_bound() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let direct = connect(&server, Config::default()).await;
    let near = near(hasty(&proxy.url()).await).await;
    let token = near.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &near, &token).await;
    proxy.stall();
    direct
        .revoke(token.id(), RevokeReason::Revoked)
        .await
        .unwrap()
        .unwrap();
    let revoked = Instant::now();
    until(async || {
        let asked = Instant::now();
        let answer = near.validate(&token, None).await;
        let is_served = matches!(answer, Ok(Some(_)));
        let bound = NearCacheOptions::default().max_staleness;
        assert!(!is_served || asked <= revoked + bound);
        !is_served
    })
    .await;
    near.validate(&token, None).await.unwrap_err();
    proxy.restore();
    until(async || near.validate(&token, None).await.is_ok()).await;
    assert_eq!(validate(&near, &token).await, None);
}

#[tokio::test]
async fn connections_that_lead_to_different_servers_are_found_out() {
    let (server, other) = (RedisServer::start(), RedisServer::start());
    let pool = deadpool_redis::Config::from_url(server.url());
    let pool = || {
        pool.create_pool(Some(deadpool_redis::Runtime::Tokio1))
            .unwrap()
    };
    let from_pool = async |events| {
        let options = RedisOptions {
            events,
            ..RedisOptions::default()
        };
        RedisStore::from_pool(pool(), Config::default(), options)
            .await
            .unwrap()
    };
    let client = |server: &RedisServer| redis::Client::open(server.url()).unwrap();
    let options = NearCacheOptions::default;
    let wrong = NearCache::new(from_pool(Some(client(&other))).await, options()).await;
    assert!(matches!(wrong, Err(ChangesError::Untold)), "{wrong:?}");
    let missing = NearCache::new(from_pool(None).await, options()).await;
    assert!(
        matches!(missing, Err(ChangesError::Unsupported(_))),
        "{missing:?}"
    );
    let right = near(from_pool(Some(client(&server))).await).await;
    let token = right.create(documented(74, "a")).await.unwrap().token;
    at_hand(&server, &right, &token).await;
}

#[tokio::test]
async fn its_connection_ends_with_it() {
    let server = RedisServer::start();
    let store = connect(&server, Config::default()).await;
    let near = near(store.clone()).await;
    assert_eq!(clients(&server, true).len(), 1);
    let other = near.clone();
    drop(near);
    assert_eq!(clients(&server, true).len(), 1);
    drop(other);
    until(async || clients(&server, true).is_empty()).await;
    store.ping().await.unwrap();
}
