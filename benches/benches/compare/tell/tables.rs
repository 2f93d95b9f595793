use session_benches::{Table, amount, rate};

use crate::entry::ENTRIES;
use crate::races::Count;
use crate::run::{Results, SpeedResult};
use crate::speed::Measured;
use crate::subject::Race;

/// Where a contestant has no such call.
const NONE: &str = "—";

fn by_tasks(result: &SpeedResult, cell: fn(&Measured) -> String) -> Table {
    let tasks = result.tasks.iter().map(ToString::to_string);
    let mut table = Table::new([String::new()].into_iter().chain(tasks));
    for (name, measured) in &result.rows {
        table.row(
            [(*name).to_owned()]
                .into_iter()
                .chain(measured.iter().map(cell)),
        );
    }
    table
}

pub(super) fn rates(result: &SpeedResult) -> Table {
    by_tasks(result, |measured| rate(measured.rate))
}

pub(super) fn latencies(result: &SpeedResult) -> Table {
    by_tasks(result, |measured| measured.latency.map(amount).join(" / "))
}

/// The number of tasks whose costs are told.
fn busy(result: &SpeedResult) -> usize {
    let busy = result.tasks.iter().rposition(|tasks| *tasks <= 64);
    busy.unwrap_or(0)
}

pub(super) fn about_costs(result: &SpeedResult) -> String {
    let tasks = result.tasks.get(busy(result)).copied().unwrap_or(0);
    format!(
        "What a call costs, from {tasks} tasks: processor time of the client and of Redis, Redis's \
         own time for the commands, µs; commands, those within scripts included; bytes over the \
         network; round trips, counted from one task:"
    )
}

pub(super) fn costs(result: &SpeedResult) -> Table {
    let mut table = Table::new([
        "",
        "client CPU",
        "Redis CPU",
        "of it, commands",
        "commands",
        "bytes",
        "round trips",
    ]);
    let alone = result.tasks.iter().position(|tasks| *tasks == 1);
    for (name, measured) in &result.rows {
        let Some(Measured { cost, .. }) = measured.get(busy(result)) else {
            continue;
        };
        let trips = alone.and_then(|alone| measured.get(alone));
        table.row([
            (*name).to_owned(),
            amount(cost.client_cpu_micros),
            amount(cost.redis_cpu_micros),
            amount(cost.command_micros),
            amount(cost.commands),
            rate(cost.bytes),
            trips.map_or(NONE.into(), |measured| amount(measured.cost.reads)),
        ]);
    }
    table
}

pub(super) fn memory(memory: &[(&'static str, f64)]) -> Table {
    let mut table = Table::new(["", "bytes a session"]);
    for (name, bytes) in memory {
        table.row([(*name).to_owned(), rate(*bytes)]);
    }
    table
}

pub(super) fn races(results: &Results) -> Table {
    let heads = results.races.iter().map(|(race, _)| {
        let race = race.to_string();
        race.trim_start_matches("race: ").to_owned()
    });
    let mut table = Table::new([String::new()].into_iter().chain(heads));
    let cell = |name: &str, (race, counts): &(Race, Vec<(&'static str, Count)>)| {
        let (_, count) = counts.iter().find(|(of, _)| *of == name)?;
        Some(match race {
            Race::Expiry => format!("{} bytes, {} keys", rate(count.wrong as f64), count.of),
            _ => format!("{} of {}", rate(count.wrong as f64), rate(count.of as f64)),
        })
    };
    for entry in ENTRIES {
        let cells = results.races.iter().map(|race| cell(entry.name, race));
        let cells: Vec<Option<String>> = cells.collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or(NONE.into()));
            table.row([entry.name.to_owned()].into_iter().chain(cells));
        }
    }
    table
}
