use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Whether figures are wanted, or only the proof that the benchmark still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `cargo bench`: as long as figures need.
    Full,
    /// `cargo test`: as short as can be.
    Short,
}

/// What every benchmark can be told: `cargo bench -p session-benches --bench NAME -- OPTIONS`.
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// Only what has this in its name; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,

    /// Only contestants that have this in their name; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub who: Vec<String>,

    /// Only from so many tasks; may be given several times.
    #[arg(long, value_name = "N")]
    pub tasks: Vec<usize>,

    /// How often everything is measured; the median is told.
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,

    /// How long one measurement takes.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,

    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/benchmarks"))]
    pub output: PathBuf,

    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// From the command line. `cargo test` hands its own options to benchmarks as well, so without
    /// `--bench` none is read.
    pub fn read() -> Self {
        if std::env::args().any(|argument| argument == "--bench") {
            return Self::parse();
        }
        let mut args = Self::parse_from(["bench"]);
        // The figures of the short form must never be taken for a report.
        args.output.push("short");
        args
    }

    /// Whether figures are wanted.
    pub fn form(&self) -> Form {
        if self.bench { Form::Full } else { Form::Short }
    }

    /// Whether `--only` leaves this one in.
    pub fn wants(&self, name: &str) -> bool {
        is_named(&self.only, name)
    }

    /// Whether `--who` leaves this contestant in.
    pub fn wants_contestant(&self, name: &str) -> bool {
        is_named(&self.who, name)
    }

    /// Whether `--tasks` leaves so many in.
    pub fn wants_tasks(&self, tasks: usize) -> bool {
        self.tasks.is_empty() || self.tasks.contains(&tasks)
    }

    /// How many rounds: what was asked for, or the benchmark's own choice. One in the short form.
    pub fn rounds_or(&self, default: usize) -> usize {
        match self.form() {
            Form::Full => self.rounds.unwrap_or(default).max(1),
            Form::Short => 1,
        }
    }

    /// How long a measurement takes: what was asked for, or the benchmark's own choice. 10 ms in
    /// the short form.
    pub fn duration_or(&self, default: Duration) -> Duration {
        match self.form() {
            Form::Full => self.seconds.map_or(default, Duration::from_secs_f64),
            Form::Short => Duration::from_millis(10),
        }
    }
}

fn is_named(parts: &[String], name: &str) -> bool {
    parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()))
}
