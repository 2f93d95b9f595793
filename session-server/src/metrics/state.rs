use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use session_store::{NearCacheUsage, StoreStatus};

/// What is as it is when somebody looks: nobody counts it before.
#[derive(Debug, Default)]
pub(crate) struct State {
    connections: Family<Connection, Gauge>,
    streams: Gauge,
    near_cache: NearCache,
}

#[derive(Debug, Default)]
struct NearCache {
    hits: Counter,
    misses: Counter,
    entries: Gauge,
    bytes: Gauge,
    age: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Connection {
    state: &'static str,
}

impl State {
    /// Those of a store without a near cache have nothing to say of one.
    pub(super) fn register(registry: &mut Registry, has_near_cache: bool) -> Self {
        let state = Self::default();
        registry.register(
            "store_connections",
            "Connections to the store's servers, by whether they stand",
            state.connections.clone(),
        );
        registry.register(
            "event_streams",
            "Clients that follow events",
            state.streams.clone(),
        );
        if has_near_cache {
            state.near_cache.register(registry);
        }
        state
    }

    pub(super) fn set(&self, status: StoreStatus, streams: usize) {
        self.streams.set(count(streams));
        if let Some(connections) = status.connections {
            for (state, number) in [("up", connections.up), ("down", connections.down)] {
                let gauge = self.connections.get_or_create(&Connection { state });
                gauge.set(count(number));
            }
        }
        if let Some(usage) = status.near_cache {
            self.near_cache.set(usage);
        }
    }
}

impl NearCache {
    fn register(&self, registry: &mut Registry) {
        let (hits, misses) = (self.hits.clone(), self.misses.clone());
        registry.register("near_cache_hits", "Calls answered from memory", hits);
        registry.register(
            "near_cache_misses",
            "Calls that memory could have answered, and the store did",
            misses,
        );
        let entries = self.entries.clone();
        registry.register("near_cache_entries", "Sessions in memory", entries);
        registry.register_with_unit(
            "near_cache_size",
            "Memory that they take",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register_with_unit(
            "near_cache_age",
            "How old an answer from memory may be now; NaN while there are none",
            Unit::Seconds,
            self.age.clone(),
        );
    }

    fn set(&self, usage: NearCacheUsage) {
        self.hits.inner().store(usage.hits, Ordering::Relaxed);
        self.misses.inner().store(usage.misses, Ordering::Relaxed);
        self.entries.set(count(usage.entries));
        self.bytes
            .set(i64::try_from(usage.bytes).unwrap_or(i64::MAX));
        let age = usage.age.map_or(f64::NAN, |age| age.as_secs_f64());
        self.age.set(age);
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
