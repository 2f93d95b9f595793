//! The address leads to another server, and the one before is a replica now and closes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use session_store::{Config, Error, RedisOptions, RedisStore, SessionStore};
use session_test::RedisServer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{connect, documented};

/// An address whose connections lead to the port that is named at that time, and stay there.
async fn address(port: Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let port = port.load(Ordering::SeqCst);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    url
}

fn command(server: &RedisServer, words: &[&str]) {
    redis::cmd(words[0])
        .arg(&words[1..])
        .exec(&mut server.connection())
        .unwrap();
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_left() {
    let (before, after) = (RedisServer::start(), RedisServer::start());
    let port = Arc::new(AtomicU16::new(before.port()));
    let url = address(port.clone()).await;
    let store = RedisStore::connect(&url, Config::default(), RedisOptions::default())
        .await
        .unwrap();
    store.create(documented(74, "a")).await.unwrap();

    command(&before, &["REPLICAOF", "127.0.0.1", "1"]);
    let refused = store.create(documented(74, "a")).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    port.store(after.port(), Ordering::SeqCst);
    let served = async {
        while store.create(documented(74, "a")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), served)
        .await
        .expect("service resumes by itself");
}

#[tokio::test]
async fn a_server_that_is_busy_is_to_be_tried_again() {
    let server = RedisServer::builder()
        .argument("--busy-reply-threshold", "50")
        .start();
    let store = connect(&server, Config::default()).await;
    let token = store.create(documented(74, "a")).await.unwrap().token;
    let mut connection = server.connection();
    let endless = std::thread::spawn(move || {
        redis::cmd("EVAL")
            .arg(&["while true do end", "0"])
            .exec(&mut connection)
    });
    let error = loop {
        match store.peek(&token).await {
            Ok(_) => {}
            Err(Error::Timeout { .. }) => {}
            Err(error) => break error,
        }
    };
    command(&server, &["SCRIPT", "KILL"]);
    assert!(endless.join().unwrap().is_err());
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let served = async { while store.peek(&token).await.is_err() {} };
    timeout(Duration::from_secs(20), served)
        .await
        .expect("service resumes by itself");
}
