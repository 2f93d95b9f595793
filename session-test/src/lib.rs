//! What the tests of `session-store` and `session-server` share: a real Redis of their own, or
//! a cluster, whose clock they can move, and a proxy that shows what a real Redis can't be made to do.

mod certificate;
mod clock;
mod provision;
mod proxy;
mod redis_cluster;
mod redis_server;
mod signing_key;

pub use certificate::Certificate;
pub use clock::Clock;
pub use provision::ensure_program;
pub use proxy::Proxy;
pub use redis_cluster::{ClusterBuilder, RedisCluster};
pub use redis_server::{Builder, RedisServer};
pub use signing_key::SigningKey;
