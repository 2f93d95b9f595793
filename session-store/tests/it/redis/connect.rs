//! Making a store: from a URL, from a pool, and from what can't work.

use deadpool_redis::Runtime;
use session_store::{
    Config, ConnectError, Error, List, RedisOptions, RedisStore, SessionStore, Token, Update,
};
use session_test::RedisServer;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::{connect, documented};

async fn error_of(url: &str) -> ConnectError {
    RedisStore::connect(url, Config::default(), RedisOptions::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_unix_socket_is_a_url() {
    let server = RedisServer::start();
    let store = RedisStore::connect(
        &server.unix_url(),
        Config::default(),
        RedisOptions::default(),
    )
    .await
    .unwrap();
    let created = store.create(documented(74, "a")).await.unwrap();
    assert!(
        store
            .validate(&created.token, None)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_pool_that_the_service_has_will_do() {
    let server = RedisServer::start();
    let config = deadpool_redis::Config::from_url(server.url());
    let pool = config.create_pool(Some(Runtime::Tokio1)).unwrap();
    let store = RedisStore::from_pool(pool.clone(), Config::default(), RedisOptions::default())
        .await
        .unwrap();
    let created = store.create(documented(74, "a")).await.unwrap();
    assert!(
        store
            .validate(&created.token, None)
            .await
            .unwrap()
            .is_some()
    );
    // The connection was taken out for good: what the service does with its own can't disturb it.
    assert_eq!(pool.status().size, 0);
    assert!(matches!(store.events().await, Err(Error::Refused(_))));

    let options = RedisOptions {
        events: Some(redis::Client::open(server.url()).unwrap()),
        ..RedisOptions::default()
    };
    let store = RedisStore::from_pool(pool, Config::default(), options)
        .await
        .unwrap();
    assert!(store.events().await.is_ok());
}

#[tokio::test]
async fn two_prefixes_share_a_server_without_knowing_of_each_other() {
    let server = RedisServer::start();
    let first = connect(&server, Config::default()).await;
    let options = RedisOptions {
        prefix: "other".into(),
        ..RedisOptions::default()
    };
    let other = RedisStore::connect(&server.url(), Config::default(), options)
        .await
        .unwrap();
    let token = first.create(documented(74, "a")).await.unwrap().token;
    assert!(other.validate(&token, None).await.unwrap().is_none());
    assert_eq!(other.count(&74.into()).await.unwrap(), 0);
}

#[tokio::test]
async fn what_cannot_work_is_said_clearly() {
    let error = error_of("http://localhost").await;
    assert!(matches!(error, ConnectError::Url(_)));
    assert!(error.to_string().contains("redis://"), "{error}");

    let error = error_of("redis://:secret@127.0.0.1:1").await;
    assert!(matches!(error, ConnectError::Unreachable { .. }));
    assert_eq!(error.to_string(), "no Redis can be reached at 127.0.0.1:1");

    let options = RedisOptions {
        prefix: "a{b}".into(),
        ..RedisOptions::default()
    };
    let error = RedisStore::connect("redis://127.0.0.1:1", Config::default(), options).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "prefix: must not contain braces or control characters"
    );
}

#[tokio::test]
async fn a_wrong_password_is_said_clearly() {
    let server = RedisServer::builder()
        .argument("--requirepass", "right")
        .start();
    let url = server.url().replace("redis://", "redis://:wrong@");
    let error = error_of(&url).await;
    let mut causes = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    assert!(
        causes.iter().any(|cause| cause.contains("assword")),
        "{causes:?}"
    );
    assert!(
        !causes.iter().any(|cause| cause.contains("wrong@")),
        "{causes:?}"
    );
}

#[tokio::test]
async fn a_cluster_node_is_refused() {
    let server = RedisServer::builder()
        .argument("--cluster-enabled", "yes")
        .start();
    assert!(matches!(
        error_of(&server.url()).await,
        ConnectError::Cluster
    ));
}

#[tokio::test]
async fn a_replica_is_refused() {
    let server = RedisServer::start();
    let replica = RedisServer::builder()
        .argument("--replicaof", &format!("127.0.0.1 {}", server.port()))
        .start();
    assert!(matches!(
        error_of(&replica.url()).await,
        ConnectError::Replica
    ));
}

/// A server that is too old can't be had from a package, so this one only says what one says.
#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (reading, mut writing) = stream.split();
                let mut lines = BufReader::new(reading).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let reply: &[u8] = match line.as_str() {
                        "HELLO" => b"*2\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n",
                        "TIME" => b"*2\r\n$1\r\n1\r\n$1\r\n2\r\n",
                        "SCRIPT" | "CLIENT" | "INFO" => b"+OK\r\n",
                        _ => continue,
                    };
                    writing.write_all(reply).await.unwrap();
                }
            });
        }
    });
    let error = error_of(&url).await;
    assert!(
        matches!(&error, ConnectError::TooOld { found } if found == "6.2.14"),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "the server is Redis 6.2.14; at least 7.0 is needed"
    );
}

#[tokio::test]
async fn a_token_of_another_shape_is_not_asked_about() {
    for text in [
        "",
        "short",
        &"x".repeat(60),
        &"x".repeat(62),
        &"ä".repeat(31),
        &"=".repeat(61),
    ] {
        assert!(Token::parse(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn either_protocol_will_do() {
    let server = RedisServer::start();
    let url = format!("{}/3?protocol=resp3", server.url());
    let pool = deadpool_redis::Config::from_url(&*url)
        .create_pool(Some(Runtime::Tokio1))
        .unwrap();
    let options = RedisOptions {
        events: Some(redis::Client::open(&*url).unwrap()),
        ..RedisOptions::default()
    };
    let by_pool = RedisStore::from_pool(pool, Config::default(), options)
        .await
        .unwrap();
    let by_url = RedisStore::connect(&url, Config::default(), RedisOptions::default())
        .await
        .unwrap();
    for store in [by_pool, by_url] {
        let mut events = store.events().await.unwrap();
        let created = store.create(documented(74, "a")).await.unwrap();
        let event = events.next().await.unwrap().unwrap();
        // The second store replaces the first one's session.
        assert_eq!(event.user_id, created.session.user_id);
        let session = store.validate(&created.token, None).await.unwrap();
        assert_eq!(session.as_ref(), Some(&created.session));
        let touched = store.touch(created.token.id(), None).await.unwrap();
        assert!(touched.is_some());
        let updated = store
            .update(&created.session, Update::default())
            .await
            .unwrap();
        assert_eq!(updated.unwrap().session.revision, 1);
        let rotated = store.rotate(&created.token).await.unwrap().unwrap();
        let page = store.list(&74.into(), List::default()).await.unwrap();
        assert_eq!(page.sessions, [rotated.session]);
        assert_eq!(store.count(&74.into()).await.unwrap(), 1);
        let unknown = Token::parse(&"A".repeat(61)).unwrap();
        assert!(store.validate(&unknown, None).await.unwrap().is_none());
        assert!(store.rotate(&unknown).await.unwrap().is_none());
        assert!(store.touch(unknown.id(), None).await.unwrap().is_none());
    }
    // All of it in the database that the URL names.
    let keys: u64 = redis::cmd("DBSIZE")
        .query(&mut server.connection())
        .unwrap();
    assert_eq!(keys, 0);
}
