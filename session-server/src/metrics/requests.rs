use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::seconds;

/// What the server is asked, and how it answers.
#[derive(Debug)]
pub(crate) struct Requests {
    answered: Family<Answer, Counter>,
    duration: Family<Endpoint, Histogram, fn() -> Histogram>,
    verified: (Answer, Counter, Histogram),
    in_flight: Gauge,
    connections: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    endpoint: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    endpoint: &'static str,
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let answered = Family::default();
        let duration = Family::new_with_constructor(seconds as fn() -> Histogram);
        let requests = Self {
            verified: verified(&answered, &duration),
            answered,
            duration,
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        };
        registry.register(
            "requests",
            "Requests answered, by endpoint, method and status",
            requests.answered.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From a request's head to its answer's",
            Unit::Seconds,
            requests.duration.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests that are being answered",
            requests.in_flight.clone(),
        );
        registry.register(
            "connections",
            "Connections of clients",
            requests.connections.clone(),
        );
        requests
    }

    /// A request was answered. `endpoint` is its path as the table has it; empty where none has.
    pub(crate) fn answered(
        &self,
        endpoint: &'static str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let answer = Answer {
            endpoint,
            method: known(method),
            status: status.as_u16(),
        };
        let took = took.as_secs_f64();
        let (usual, verified, duration) = &self.verified;
        if answer == *usual {
            verified.inc();
            duration.observe(took);
            return;
        }
        self.answered.get_or_create(&answer).inc();
        let duration = self.duration.get_or_create(&Endpoint { endpoint });
        duration.observe(took);
    }

    /// Counts a request as in flight for as long as the value lives.
    pub(crate) fn begin(&self) -> Held {
        Held::new(&self.in_flight)
    }

    /// Counts a connection for as long as the value lives.
    pub(crate) fn connected(&self) -> Held {
        Held::new(&self.connections)
    }
}

/// The one answer that proxies want with each request of every user, looked up once: to look it up
/// costs more than to count it.
fn verified(
    answered: &Family<Answer, Counter>,
    duration: &Family<Endpoint, Histogram, fn() -> Histogram>,
) -> (Answer, Counter, Histogram) {
    let endpoint = "/sessions/verify";
    let answer = Answer {
        endpoint,
        method: "GET",
        status: 200,
    };
    let counter = answered.get_or_create_owned(&answer);
    let duration = duration.get_or_create_owned(&Endpoint { endpoint });
    (answer, counter, duration)
}

/// Counts for as long as it lives.
#[derive(Debug)]
pub(crate) struct Held(Gauge);

impl Held {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A client may send any method: what it makes up is no label.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}
