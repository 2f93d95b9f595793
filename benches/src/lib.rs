//! What the benchmarks share: how a load is put on a store and measured, and how the figures are
//! written down.
//!
//! A benchmark compares contestants within one run. They take turns in every one of several rounds,
//! so that a slow moment of the machine hits them alike, and what is told is the median.
//! `cargo bench` measures; `cargo test` runs the [short form](Form), whose figures mean nothing, so
//! that no benchmark can rot.

mod args;
mod chart;
mod counters;
mod load;
mod machine;
mod progress;
mod report;
mod rounds;
mod table;

pub use args::{Args, Form};
pub use chart::{Bars, Lines};
pub use counters::{Cost, Counters};
pub use load::{Caller, Latency, Load, Sample, Until};
pub use machine::Machine;
pub use progress::Progress;
pub use report::Report;
pub use rounds::{median, take_turns};
pub use table::{Table, amount, rate};

/// What a benchmark ends with: any error ends it, since a figure beside a failed call is worthless.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
