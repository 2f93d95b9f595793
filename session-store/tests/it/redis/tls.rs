//! TLS, with a certificate that only this test trusts.

use std::fs;
use std::path::Path;
use std::process::Command;

use deadpool_redis::{Manager, Pool, Runtime};
use redis::{Client, TlsCertificates};
use session_store::{Config, ConnectError, RedisOptions, RedisStore, SessionStore};
use session_test::RedisServer;
use tempfile::TempDir;

use super::documented;

/// A certificate for the loopback address, signed by itself.
fn certificate(dir: &Path) {
    session_test::ensure_program("openssl", "openssl");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
}

/// The server, and the URL of its encrypted port.
fn server(dir: &Path) -> (RedisServer, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let file = |name: &str| dir.join(name).display().to_string();
    let server = RedisServer::builder()
        .argument("--tls-port", &port)
        .argument("--tls-cert-file", &file("cert.pem"))
        .argument("--tls-key-file", &file("key.pem"))
        .argument("--tls-auth-clients", "no")
        .start();
    (server, format!("rediss://127.0.0.1:{port}"))
}

#[tokio::test]
async fn a_pool_brings_the_certificate_that_it_trusts() {
    let dir = TempDir::with_prefix("tls-").unwrap();
    certificate(dir.path());
    let (_server, url) = server(dir.path());

    let distrusted = RedisStore::connect(&url, Config::default(), RedisOptions::default()).await;
    assert!(matches!(
        distrusted.unwrap_err(),
        ConnectError::Unreachable { .. }
    ));

    let trusted = TlsCertificates {
        client_tls: None,
        root_cert: Some(fs::read(dir.path().join("cert.pem")).unwrap()),
    };
    let client = Client::build_with_tls(&*url, trusted).unwrap();
    let manager = Manager::new(client.get_connection_info().clone()).unwrap();
    let pool = Pool::builder(manager)
        .runtime(Runtime::Tokio1)
        .build()
        .unwrap();
    let options = RedisOptions {
        events: Some(client),
        ..RedisOptions::default()
    };
    let store = RedisStore::from_pool(pool, Config::default(), options)
        .await
        .unwrap();
    let mut events = store.events().await.unwrap();
    let created = store.create(documented(74, "a")).await.unwrap();
    let found = store.validate(&created.token, None).await.unwrap();
    assert_eq!(found, Some(created.session));
    events.next().await.unwrap().unwrap();
}
