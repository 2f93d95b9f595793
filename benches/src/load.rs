use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use hdrhistogram::Histogram;

use crate::Outcome;

/// So many tasks that call as fast as answers come.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many calls are under way at a time.
    pub tasks: usize,
    /// When they stop.
    pub until: Until,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After so long.
    Elapsed(Duration),
    /// After so many calls by all tasks together: for calls that use up what they work on.
    Calls(u64),
}

/// What the tasks of a load call.
pub trait Caller: Send + Sync + 'static {
    /// One call, the `nth` of this task. Should fail where the answer isn't the right one: a load in
    /// which a call fails has no figures.
    fn call(&self, task: usize, nth: u64) -> impl Future<Output = Outcome> + Send;
}

impl<F, T> Caller for F
where
    F: Fn(usize, u64) -> T + Send + Sync + 'static,
    T: Future<Output = Outcome> + Send,
{
    fn call(&self, task: usize, nth: u64) -> impl Future<Output = Outcome> + Send {
        self(task, nth)
    }
}

/// What a load met with.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How many calls were answered.
    pub calls: u64,
    /// In what time.
    pub elapsed: Duration,
    /// How long each took.
    pub latency: Latency,
}

impl Load {
    /// Calls until the end; every call is waited for and counted.
    ///
    /// # Errors
    ///
    /// The first that a call ends with.
    pub async fn run(self, caller: &Arc<impl Caller>) -> Outcome<Sample> {
        let begun = Instant::now();
        let tasks = (0..self.tasks).map(|task| {
            let caller = caller.clone();
            tokio::spawn(async move {
                let mut latency = Latency::new();
                let mut now = Instant::now();
                let mut nth = 0;
                while self.goes_on(task, nth, now - begun) {
                    caller.call(task, nth).await?;
                    // One look at the clock a call: it ends one and begins the next.
                    let answered = Instant::now();
                    latency.record(answered - now);
                    now = answered;
                    nth += 1;
                }
                Outcome::Ok((latency, now))
            })
        });
        let mut latency = Latency::new();
        let mut end = begun;
        for task in try_join_all(tasks).await? {
            let (of_task, ended) = task?;
            latency.add(&of_task);
            end = end.max(ended);
        }
        Ok(Sample {
            calls: latency.calls(),
            elapsed: end - begun,
            latency,
        })
    }

    fn goes_on(self, task: usize, nth: u64, elapsed: Duration) -> bool {
        match self.until {
            Until::Elapsed(duration) => elapsed < duration,
            Until::Calls(calls) => nth * (self.tasks as u64) + (task as u64) < calls,
        }
    }
}

impl Sample {
    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// How long calls took: from 1 ns to a minute, to one per cent.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    const MAX_NANOS: u64 = 60_000_000_000;
    /// Each task has a histogram of its own, and hundreds of finer ones would wash through the
    /// processor's cache.
    const DIGITS: u8 = 2;

    /// Of no call yet.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, Self::MAX_NANOS, Self::DIGITS);
        Self {
            histogram: histogram.expect("the bounds are in order"),
        }
    }

    /// One call more.
    pub fn record(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(nanos.max(1));
    }

    /// The calls of another.
    pub fn add(&mut self, other: &Self) {
        let added = self.histogram.add(&other.histogram);
        added.expect("all have the same bounds");
    }

    /// How many calls.
    pub fn calls(&self) -> u64 {
        self.histogram.len()
    }

    /// What so many per cent of the calls took at most, µs.
    pub fn micros(&self, percent: f64) -> f64 {
        self.histogram.value_at_percentile(percent) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_number_of_calls_is_shared_out_and_each_is_counted() {
        let sum = Arc::new(AtomicU64::new(0));
        let added = sum.clone();
        let caller = Arc::new(move |task: usize, nth: u64| {
            let sum = sum.clone();
            async move {
                sum.fetch_add(nth * 3 + task as u64, Ordering::Relaxed);
                Ok(())
            }
        });
        let load = Load {
            tasks: 3,
            until: Until::Calls(10),
        };
        assert_eq!(load.run(&caller).await.unwrap().calls, 10);
        assert_eq!(added.load(Ordering::Relaxed), 45);
    }

    #[tokio::test]
    async fn a_call_that_fails_ends_the_load() {
        let caller = Arc::new(|_, _| async { Err("no".into()) });
        let load = Load {
            tasks: 2,
            until: Until::Elapsed(Duration::from_secs(60)),
        };
        assert!(load.run(&caller).await.is_err());
    }
}
