//! User sessions, kept in Redis: looked up by token, indexed by user, revoked at once.
//!
//! A service that logs users in calls [`create`](SessionStore::create) and hands the [`Token`] to
//! the client; every later request is answered by [`validate`](SessionStore::validate), one plain
//! read. An admin lists a user's sessions and ends them, in one atomic step each:
//!
//! ```
//! use session_store::{Config, List, MemoryStore, NewSession, RevokeReason, SessionStore, UserId};
//!
//! # tokio_test::block_on(async {
//! let store = MemoryStore::new(Config::default())?; // or: RedisStore::connect("redis://…", config).await?
//! let login = store.create(NewSession::new(UserId::from(74))).await?;
//!
//! let page = store.list(&UserId::from(74), List::default()).await?;
//! assert_eq!(page.sessions[0].id, login.session.id);
//!
//! store.revoke_all(&UserId::from(74), RevokeReason::Revoked).await?;
//! assert!(store.validate(&login.token, None).await?.is_none());
//! # Ok::<(), session_store::Error>(())
//! # }).unwrap();
//! ```
//!
//! [`SessionStore`] is the contract. It has two implementors here: [`RedisStore`], for services,
//! and [`MemoryStore`], in-process, for tests and for trying things out. [`NearCache`], around
//! either, answers validates from the service's own memory. All pass the same contract suite
//! (feature `contract`), which a third implementor can run as well.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `redis` | yes | [`RedisStore`] |
//! | `near-cache` | yes | [`NearCache`] |
//! | `tls` | no | `rediss://` and `rediss-cluster://` URLs |
//! | `contract` | no | the contract suite, in the module `contract` |

mod changes;
#[cfg(any(feature = "redis", feature = "internals"))]
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "benchmarks need a part of it")
)]
mod codec;
mod config;
#[cfg(feature = "contract")]
pub mod contract;
mod credential;
mod data;
mod digest;
mod ended;
mod error;
mod event;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
#[cfg(any(feature = "redis", feature = "internals"))]
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "benchmarks need a part of it")
)]
mod keys;
mod memory;
#[cfg(feature = "near-cache")]
mod near_cache;
mod page;
mod rate;
#[cfg(feature = "redis")]
mod redis;
mod session;
mod status;
mod store;
mod timestamp;
mod token;
mod user;

pub use changes::{ChangeFeed, ChangeListener, ChangesError};
pub use config::{Config, ConfigError, History, KnownDevices, Limit, LimitPolicy, Pepper};
pub use credential::{CreatedFor, Credential, Standing};
pub use data::{Data, DataError};
pub use digest::{Digester, Verifier};
pub use ended::{EndReason, EndedSession, RevokeReason};
pub use error::{Error, Invalid, RecordError, Result};
pub use event::{Event, EventKind, EventStream, EventsMissed};
pub use memory::{ManualClock, MemoryStore};
#[cfg(feature = "near-cache")]
pub use near_cache::{NearCache, NearCacheOptions};
pub use page::{Cursor, CursorError, List, Order, Page, Unreadable};
pub use rate::{Admission, Rate, Subject};
#[cfg(feature = "redis")]
pub use redis::{ConnectError, RedisOptions, RedisStore};
pub use session::{Device, Fingerprint, NewSession, Session, Update, limits};
pub use status::{Connections, NearCacheUsage, StoreStatus};
pub use store::{Created, RevokedAll, Rotated, SessionStore, Updated};
pub use timestamp::Timestamp;
pub use token::{SessionId, SessionIdError, Token, TokenError};
pub use user::{UserId, UserIdError};
