//! Deadlines without a timer for each call.
//!
//! A timer costs a call about a seventh of all that a `GET` costs the client. All calls of a node
//! have the same deadline, so one beat serves them all: whoever still waits at a beat counts it, and
//! gives up at the last one. That is never later than the deadline, and at most a beat earlier.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

/// Beats within a deadline.
const BEATS: u32 = 8;
/// What the runtime's timers can tell apart.
const SHORTEST: Duration = Duration::from_millis(1);

/// The deadline of all calls of a node. Somebody has to [keep beating](Self::beat).
pub(super) struct Deadline {
    pub(super) after: Duration,
    beats: Notify,
}

/// The deadline has passed.
pub(super) struct Passed;

impl Deadline {
    pub(super) fn new(after: Duration) -> Self {
        Self {
            after,
            beats: Notify::new(),
        }
    }

    fn pause(&self) -> Duration {
        (self.after / BEATS).max(SHORTEST)
    }

    /// Beats for ever.
    pub(super) async fn beat(&self) {
        let mut beats = interval(self.pause());
        // After a time without the processor, calls have as long as always to get their answers.
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.beats.notify_waiters();
        }
    }

    /// Waits for `work`, but not for longer than the deadline.
    pub(super) async fn bound<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Passed> {
        // The first beat may come at once, so a single one says nothing.
        let fewest = if self.pause() > SHORTEST { 1 } else { 2 };
        let beats = self.after.as_nanos() / self.pause().as_nanos();
        let mut left = beats.max(fewest);
        let mut beat = pin!(self.beats.notified());
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            while beat.as_mut().poll(cx).is_ready() {
                left -= 1;
                if left == 0 {
                    return Poll::Ready(Err(Passed));
                }
                beat.set(self.beats.notified());
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;

    /// How long a call waits that begins `late` after a beat.
    async fn wait(after: Duration, late: Duration) -> Duration {
        let deadline = Arc::new(Deadline::new(after));
        let beating = deadline.clone();
        let beating = tokio::spawn(async move { beating.beat().await });
        tokio::time::sleep(after + late).await;
        let begun = Instant::now();
        let outcome = deadline.bound(pin!(pending::<()>())).await;
        assert!(outcome.is_err());
        beating.abort();
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_given_up_by_its_deadline_and_hardly_earlier() {
        for millis in [20, 80, 1000, 30_000] {
            let after = Duration::from_millis(millis);
            for late in [0, 1, millis / 16, millis / 9] {
                let waited = wait(after, Duration::from_millis(late)).await;
                assert!(waited <= after, "{waited:?} of {after:?}");
                assert!(waited >= after * 6 / 8, "{waited:?} of {after:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_deadline_leaves_time_for_an_answer() {
        let waited = wait(SHORTEST, Duration::ZERO).await;
        assert!(waited >= SHORTEST, "{waited:?}");
    }

    #[tokio::test]
    async fn what_is_done_is_not_waited_for() {
        let deadline = Deadline::new(Duration::from_secs(1));
        assert!(matches!(deadline.bound(pin!(ready(7))).await, Ok(7)));
    }
}
