use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use session_store::{EndReason, Error};

use super::seconds;

/// What the store is asked, and how it fares; sessions that this server began and ended.
#[derive(Debug)]
pub(crate) struct Operations {
    duration: Family<Operation, Histogram, fn() -> Histogram>,
    /// As of [`VALIDATED`], looked up once: it is made with each request of every user.
    validated: Histogram,
    begun: Counter,
    ended: Family<Reason, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
    outcome: &'static str,
}

const VALIDATED: Operation = Operation {
    operation: "validate",
    outcome: "ok",
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Operations {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let duration = Family::new_with_constructor(seconds as fn() -> Histogram);
        let operations = Self {
            validated: duration.get_or_create_owned(&VALIDATED),
            duration,
            begun: Counter::default(),
            ended: Family::default(),
        };
        registry.register_with_unit(
            "store_operation_duration",
            "Calls of the store, by what they are and how they came out",
            Unit::Seconds,
            operations.duration.clone(),
        );
        registry.register(
            "sessions_begun",
            "Sessions that this server created",
            operations.begun.clone(),
        );
        registry.register(
            "sessions_ended",
            "Sessions that this server ended, by reason; not those that expired by themselves",
            operations.ended.clone(),
        );
        operations
    }

    pub(super) fn made(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        let (labels, took) = (Operation { operation, outcome }, took.as_secs_f64());
        match labels == VALIDATED {
            true => self.validated.observe(took),
            false => self.duration.get_or_create(&labels).observe(took),
        }
    }

    pub(super) fn begun(&self) {
        self.begun.inc();
    }

    pub(super) fn ended(&self, reason: EndReason, count: u64) {
        let reason = reason.as_str();
        self.ended.get_or_create(&Reason { reason }).inc_by(count);
    }
}

/// How a call that failed came out.
pub(super) fn outcome(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) => "invalid",
        Error::Conflict { .. } => "conflict",
        Error::LimitReached { .. } => "limit",
        Error::Record { .. } => "unreadable",
        Error::Unavailable(_) => "unavailable",
        Error::Timeout { .. } => "timeout",
        Error::Refused(_) => "refused",
        Error::Full { .. } => "full",
        _ => "error",
    }
}
