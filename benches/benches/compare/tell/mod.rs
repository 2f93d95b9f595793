//! The report: ratios, charts, tables, and what each contestant was set to.

mod charts;
mod ratios;
mod tables;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use session_benches::{Args, Machine, Report};

use crate::run::{Results, SpeedResult};
use crate::speed::Measured;

pub(crate) fn report(results: &Results, machine: &Machine, args: &Args) -> Report {
    let mut report = Report::new(
        "compare",
        "session-store beside other session stores",
        machine,
        args,
    );
    report.paragraph(&format!(
        "Medians of rounds in which all take turns, on one Redis; {} s in all. Clients and Redis \
         share the machine's processors.",
        results.elapsed.as_secs()
    ));
    let ratios = ratios::ratios(results);
    if !ratios.is_empty() {
        report.section("In short");
        report.table(&ratios);
    }
    for result in &results.speed {
        report.section(&capitalised(&result.operation.to_string()));
        let slug = result.operation.to_string().replace(' ', "-");
        let alt = format!("{} a second, by contestant and tasks", result.operation);
        report.chart(&slug, &alt, charts::rates(result).to_svg());
        report.paragraph("Calls a second, from so many tasks:");
        report.table(&tables::rates(result));
        report.paragraph("Latency at 50 / 99 / 99.9 per cent, µs:");
        report.table(&tables::latencies(result));
        report.paragraph(&tables::about_costs(result));
        report.table(&tables::costs(result));
    }
    if !results.memory.is_empty() {
        report.section("Memory");
        let alt = "Bytes of Redis memory for each session, by contestant";
        report.chart("memory", alt, charts::memory(&results.memory).to_svg());
        report.paragraph(
            "Bytes of Redis memory for each session, at 200,000 sessions, three a user, with \
             everything: records, indexes, Redis's own tables.",
        );
        report.table(&tables::memory(&results.memory));
    }
    if !results.races.is_empty() {
        report.section("What goes wrong");
        report.paragraph(
            "Counted over rounds in which both calls are made at the same time, and 64 rounds at \
             once. *Orphans* are records that no index knows and entries of an index that lead \
             nowhere, also where readers skip these. *Left behind* is what 3,000 sessions leave \
             that expired untouched, after each contestant's own cleaning up: session-store keeps \
             history and known devices for their time, on purpose, and nothing else, as its \
             *forgetful* row shows. *—*: has no such call.",
        );
        report.table(&tables::races(results));
    }
    report.section("Contestants");
    for entry in &results.entries {
        report.item(&format!("**{}**: {}", entry.name, entry.note));
    }
    report.figures("speed", speed_figures(&results.speed));
    report.figures(
        "memory",
        json!(results.memory.iter().copied().collect::<BTreeMap<_, _>>()),
    );
    report.figures("races", race_figures(results));
    report
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn speed_figures(speed: &[SpeedResult]) -> Value {
    let mut operations = Map::new();
    for result in speed {
        let mut rows = Map::new();
        for (name, measured) in &result.rows {
            let by_tasks = result.tasks.iter().zip(measured);
            let by_tasks: Map<String, Value> = by_tasks
                .map(|(tasks, measured)| (tasks.to_string(), figures(measured)))
                .collect();
            rows.insert((*name).to_owned(), by_tasks.into());
        }
        operations.insert(result.operation.to_string(), rows.into());
    }
    operations.into()
}

fn figures(measured: &Measured) -> Value {
    let [p50, p99, p999] = measured.latency;
    json!({
        "operations_per_second": measured.rate,
        "p50_micros": p50,
        "p99_micros": p99,
        "p999_micros": p999,
        "client_cpu_micros": measured.cost.client_cpu_micros,
        "redis_cpu_micros": measured.cost.redis_cpu_micros,
        "redis_command_micros": measured.cost.command_micros,
        "commands": measured.cost.commands,
        "reads": measured.cost.reads,
        "network_bytes": measured.cost.bytes,
    })
}

fn race_figures(results: &Results) -> Value {
    let mut races = Map::new();
    for (race, counts) in &results.races {
        let counts: Map<String, Value> = counts
            .iter()
            .map(|(name, count)| {
                let figures = json!({ "wrong": count.wrong, "of": count.of });
                ((*name).to_owned(), figures)
            })
            .collect();
        races.insert(race.to_string(), counts.into());
    }
    races.into()
}
