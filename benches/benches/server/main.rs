//! How many requests a second the server answers, beside a bare hyper server and a service that reads
//! its session with axum and tower-sessions.
//!
//! `cargo bench -p session-benches --bench server` measures. Every server is a process of its own,
//! asked over loopback by `wrk` with one thread and 64 connections, and all take turns. `--only verify`
//! picks what has that in its name. `cargo test` runs a short form, whose figures mean nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

mod client;
mod contestants;
mod peers;
#[allow(dead_code, reason = "the idle listeners' benchmark needs more of it")]
mod process;
mod wrk;

use std::time::Duration;

use serde_json::json;
use session_benches::{
    Args, Form, Machine, Outcome, Progress, Report, Table, amount, median, rate, take_turns,
};
use session_test::{RedisServer, ensure_program};
use tempfile::TempDir;

use crate::contestants::{BARE_HYPER, Contestant, Field};

fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, peer @ ..] = &arguments[..]
        && flag == "--peer"
    {
        return peers::run(peer);
    }
    let args = Args::read();
    ensure_program("wrk", "wrk");
    let release = args.form() == Form::Full;
    let program = process::build_session_server(release)?;
    let redis = RedisServer::start();
    let dir = TempDir::with_prefix("server-bench-")?;
    let field = Field::set_up(dir.path(), &program, &redis.url())?;
    let report = measure_all(&field, &args, &Machine::with(&redis))?;
    println!("{}", report.text());
    println!("{}", report.write()?.display());
    Ok(())
}

/// What one contestant did in one round.
#[derive(Clone, Copy, Debug)]
struct Turn {
    rate: f64,
    p50_us: f64,
    p99_us: f64,
    /// The server's processor time for each request, µs.
    cpu_us: f64,
    /// What it logged for each request.
    log_bytes: f64,
}

fn measure_all(field: &Field, args: &Args, machine: &Machine) -> Outcome<Report> {
    let contestants: Vec<_> = field.contestants.iter().collect();
    let wanted = |it: &&Contestant| match args.form() {
        Form::Full => it.name == BARE_HYPER || args.wants(&it.name),
        // wrk takes a second at least, and every contestant has answered once by now.
        Form::Short => {
            it.name == BARE_HYPER || it.name.starts_with("`GET /sessions/verify`, embedded")
        }
    };
    let contestants: Vec<_> = contestants.into_iter().filter(wanted).collect();
    // wrk counts in whole seconds.
    let seconds = args.duration_or(Duration::from_secs(2)).as_secs().max(1);
    let rounds = args.rounds_or(5);
    let progress = Progress::of(rounds * contestants.len());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let turns = take_turns(&contestants, rounds, &progress, async |contestant| {
        progress.tell(&*contestant.name);
        measure(field, contestant, seconds)
    });
    let turns = runtime.block_on(turns)?;
    progress.finish();
    Ok(report(&contestants, &turns, args, machine))
}

fn measure(field: &Field, contestant: &Contestant, seconds: u64) -> Outcome<Turn> {
    let server = &field.servers[contestant.server];
    server.take_log()?;
    let before = server.cpu()?;
    let sample = wrk::run(server.address, &contestant.requests, seconds)
        .map_err(|error| format!("{}: {error}", contestant.name))?;
    let cpu = server.cpu()?.saturating_sub(before);
    Ok(Turn {
        rate: sample.requests / sample.seconds,
        p50_us: sample.p50_us,
        p99_us: sample.p99_us,
        cpu_us: cpu.as_secs_f64() * 1e6 / sample.requests.max(1.0),
        log_bytes: server.take_log()? as f64 / sample.requests.max(1.0),
    })
}

fn report(
    contestants: &[&Contestant],
    turns: &[Vec<Turn>],
    args: &Args,
    machine: &Machine,
) -> Report {
    let mut report = Report::new("server", "session-server", machine, args);
    report.paragraph(
        "`wrk` with one thread and 64 connections, against one server at a time; medians. CPU is the \
         server's own processor time for each request, without wrk's and Redis's.",
    );
    let mut table = Table::new([
        "who is asked, and for what",
        "requests/s",
        "of bare hyper",
        "p50 µs",
        "p99 µs",
        "CPU µs",
    ]);
    let mut figures = Vec::new();
    let middle = |turns: &[Turn], figure: fn(&Turn) -> f64| median(turns.iter().map(figure));
    let hyper = turns
        .first()
        .map_or(0.0, |turns| middle(turns, |turn| turn.rate));
    for (contestant, turns) in contestants.iter().zip(turns) {
        let rate_ = middle(turns, |turn| turn.rate);
        let p50 = middle(turns, |turn| turn.p50_us);
        let p99 = middle(turns, |turn| turn.p99_us);
        let cpu = middle(turns, |turn| turn.cpu_us);
        table.row([
            contestant.name.clone(),
            rate(rate_),
            amount(rate_ / hyper),
            rate(p50),
            rate(p99),
            amount(cpu),
        ]);
        figures.push(json!({
            "name": contestant.name,
            "requests_per_second": rate_,
            "of_bare_hyper": rate_ / hyper,
            "p50_us": p50,
            "p99_us": p99,
            "server_cpu_us": cpu,
            "log_bytes": middle(turns, |turn| turn.log_bytes),
        }));
    }
    report.table(&table);
    report.figures("server", json!(figures));
    report
}
