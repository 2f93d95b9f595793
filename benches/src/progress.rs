use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error that tells how far a benchmark is. Nothing is drawn where standard error
/// is no terminal.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of so many measurements.
    pub fn of(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let style = ProgressStyle::with_template("{elapsed} {wide_bar} {pos}/{len} {msg} ({eta})");
        bar.set_style(style.expect("the template is well-formed"));
        // Drawing is rare, so that it doesn't compete with what is measured.
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(2));
        Self { bar }
    }

    /// For tests.
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
        }
    }

    /// What is being measured now.
    pub fn tell(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// One measurement is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// All are done; answers how long they took.
    pub fn finish(&self) -> Duration {
        let elapsed = self.bar.elapsed();
        self.bar.finish_and_clear();
        elapsed
    }
}
