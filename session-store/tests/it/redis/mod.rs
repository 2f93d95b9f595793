//! The Redis back end on a real Redis.

mod bulk;
mod collation;
mod connect;
pub(crate) mod contract;
mod cost;
mod events;
mod failover;
mod faults;
mod neglect;
mod races;
mod records;
mod rights;
mod storage;
#[cfg(feature = "tls")]
mod tls;

use session_store::{Config, NewSession, RedisOptions, RedisStore, UserId};
use session_test::RedisServer;

/// A store on a server of the test's own.
pub(crate) async fn connect(server: &RedisServer, config: Config) -> RedisStore {
    RedisStore::connect(&server.url(), config, RedisOptions::default())
        .await
        .unwrap()
}

/// A session with every documented field, on the device `fingerprint`.
pub(crate) fn documented(user: impl Into<UserId>, fingerprint: &str) -> NewSession {
    let mut new = NewSession::new(user.into());
    new.username = Some("alice".into());
    new.role = Some("admin".into());
    new.fingerprint = Some(fingerprint.into());
    new.device.name = Some("Chrome on Windows 10".into());
    new.device.device_type = Some("web".into());
    new.device.browser = Some("Chrome".into());
    new.device.ip_address = Some("192.168.1.1".into());
    new
}
