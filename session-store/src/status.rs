//! How a store fares.

use std::time::Duration;

/// How a store fares, as far as it can tell without asking anyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStatus {
    /// Its connections to servers; `None` where it has none to have.
    pub connections: Option<Connections>,
    /// The cache in front of it, where there is one.
    pub near_cache: Option<NearCacheUsage>,
}

/// The connections of a store to its servers: one, or one to each master of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// Those that stand.
    pub up: usize,
    /// Those that are broken, and being made anew.
    pub down: usize,
}

/// What a near cache holds, and how it fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearCacheUsage {
    /// Sessions.
    pub entries: usize,
    /// Bytes that they take, as far as that can be told without asking the allocator.
    pub bytes: u64,
    /// Calls that were answered from memory.
    pub hits: u64,
    /// Calls that could have been, and had to ask the store.
    pub misses: u64,
    /// How old an answer from memory may be now; `None` while nothing is answered so, because
    /// changes aren't told.
    pub age: Option<Duration>,
}
