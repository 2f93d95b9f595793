//! How often each has done what is counted.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::rate::{Admission, Rate};
use crate::timestamp::Timestamp;

/// For each who is counted, the moment (in microseconds) from which on nothing would be counted any
/// more; what lies in the past is dropped.
#[derive(Default)]
pub(super) struct Rates {
    by_name: HashMap<String, u64>,
    ends: BTreeSet<(u64, String)>,
}

impl Rates {
    /// As `admit.lua`. Of more than `bound`, those whose time ends soonest are forgotten.
    pub(super) fn admit(
        &mut self,
        name: String,
        rate: Rate,
        now: Timestamp,
        bound: usize,
    ) -> Admission {
        let now = micros(now);
        let from = self.by_name.get(&name).copied().unwrap_or(now);
        let from = from.clamp(now, now + rate.period_us()) + rate.interval_us();
        let wait = from.saturating_sub(now + rate.period_us());
        if wait > 0 {
            return Admission::Wait(Duration::from_millis(wait.div_ceil(1000)));
        }
        if let Some(before) = self.by_name.insert(name.clone(), from) {
            self.ends.remove(&(before, name.clone()));
        }
        self.ends.insert((from, name));
        while self.by_name.len() > bound {
            self.forget_first();
        }
        Admission::Admitted
    }

    pub(super) fn settle(&mut self, now: Timestamp) {
        let now = micros(now);
        while self.ends.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_first();
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.by_name.len()
    }

    fn forget_first(&mut self) {
        if let Some((_, name)) = self.ends.pop_first() {
            self.by_name.remove(&name);
        }
    }
}

fn micros(at: Timestamp) -> u64 {
    at.as_millis().saturating_mul(1000)
}
