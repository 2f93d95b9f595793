//! Numbers for the operator, as Prometheus reads them. No label holds a user, a token or an id.
//! <https://prometheus.io/docs/practices/naming/>

mod listener;
mod measured;
mod operations;
mod requests;
mod state;

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use session_store::StoreStatus;

pub(crate) use listener::listen;
pub(crate) use measured::Measured;
pub(crate) use operations::Operations;
pub(crate) use requests::Requests;

use self::state::State;
use crate::body::{self, Body};

/// Everything that is counted, and where it is read.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Requests,
    pub(crate) operations: Arc<Operations>,
    state: State,
    /// How the store fares now, and how many follow events.
    look: OnceLock<Look>,
}

type Look = Box<dyn Fn() -> (StoreStatus, usize) + Send + Sync>;

impl Metrics {
    pub(crate) fn new(has_near_cache: bool) -> Self {
        let mut registry = Registry::with_prefix("session_server");
        let requests = Requests::register(&mut registry);
        let operations = Arc::new(Operations::register(&mut registry));
        let state = State::register(&mut registry, has_near_cache);
        Self {
            registry,
            requests,
            operations,
            state,
            look: OnceLock::new(),
        }
    }

    /// Says where to look for what nobody counts.
    pub(crate) fn look_at(&self, look: impl Fn() -> (StoreStatus, usize) + Send + Sync + 'static) {
        let _ = self.look.set(Box::new(look));
    }

    /// All figures as they are now.
    pub(crate) fn page(&self) -> Response<Body> {
        if let Some(look) = self.look.get() {
            let (status, streams) = look();
            self.state.set(status, streams);
        }
        let mut text = String::with_capacity(8 * 1024);
        encode(&mut text, &self.registry).expect("a string takes what is written to it");
        let mut response = body::whole(text);
        let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let media_type = HeaderValue::from_static(media_type);
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// From a tenth of a millisecond, what a near cache takes, to more than any deadline.
fn seconds() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        10.0,
    ])
}
