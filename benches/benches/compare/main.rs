//! Our store beside the stores that others publish or write, on one Redis and in one run.
//!
//! ```text
//! cargo bench -p session-benches --bench compare --features peers
//! cargo bench -p session-benches --bench compare -- --only validate --tasks 64
//! ```
//!
//! The first measures everything, beside all peers, in about ten minutes; the second a part of it.
//! The report goes to `target/benchmarks/compare.md`, with its charts. `cargo test` runs a short form, whose
//! figures mean nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its report")]

mod arena;
mod contestant;
mod contestants;
mod entry;
mod memory;
mod races;
mod run;
mod speed;
mod subject;
mod tell;

use session_benches::{Args, Machine, Outcome};
use session_test::RedisServer;

use crate::run::Run;

#[tokio::main]
async fn main() -> Outcome {
    let args = Args::read();
    // A database for each contestant and purpose.
    let server = RedisServer::builder().argument("--databases", "64").start();
    let results = Run::new(&args, &server).await?.finish().await?;
    let report = tell::report(&results, &Machine::with(&server), &args);
    println!("{}", report.text());
    println!("{}", report.write()?.display());
    Ok(())
}
