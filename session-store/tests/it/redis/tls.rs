//! TLS, with a certificate that only this test trusts.

use std::fs;

use deadpool_redis::{Manager, Pool, Runtime};
use redis::{Client, TlsCertificates};
use session_store::{Config, ConnectError, RedisOptions, RedisStore, SessionStore};
use session_test::{Certificate, RedisServer};

use super::documented;

/// The server, and the URL of its encrypted port.
fn server(certificate: &Certificate) -> (RedisServer, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let server = RedisServer::builder()
        .argument("--tls-port", &port)
        .argument("--tls-cert-file", certificate.file().to_str().unwrap())
        .argument("--tls-key-file", certificate.key_file().to_str().unwrap())
        .argument("--tls-auth-clients", "no")
        .start();
    (server, format!("rediss://127.0.0.1:{port}"))
}

#[tokio::test]
async fn a_pool_brings_the_certificate_that_it_trusts() {
    let certificate = Certificate::new();
    let (_server, url) = server(&certificate);

    let distrusted = RedisStore::connect(&url, Config::default(), RedisOptions::default()).await;
    assert!(matches!(
        distrusted.unwrap_err(),
        ConnectError::Unreachable { .. }
    ));

    let trusted = TlsCertificates {
        client_tls: None,
        root_cert: Some(fs::read(certificate.file()).unwrap()),
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
