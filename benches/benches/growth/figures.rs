use serde_json::json;
use session_benches::{Lines, Report, Table, amount, rate};

use super::calls::{CALLS, Measured};
use super::{Grown, Growth};

/// One of the figures of a call, and how it is written.
struct Figure {
    slug: &'static str,
    title: &'static str,
    of: fn(Measured) -> f64,
    write: fn(f64) -> String,
}

const FIGURES: [Figure; 3] = [
    Figure {
        slug: "rate",
        title: "calls a second, from 64 tasks",
        of: |measured| measured.calls,
        write: rate,
    },
    Figure {
        slug: "redis",
        title: "Redis's own time for a call, µs",
        of: |measured| measured.redis_micros,
        write: amount,
    },
    Figure {
        slug: "cpu",
        title: "Redis's processor time for a call, µs",
        of: |measured| measured.redis_cpu_micros,
        write: amount,
    },
];

/// Tables and charts of what was measured at each size.
pub(super) fn tell(report: &mut Report, growth: Growth, grown: &[Grown]) {
    report.section(&format!("With the {}", growth.name()));
    for figure in &FIGURES {
        report.table(&table(figure, growth, grown));
        let slug = format!("{}-{}", growth.slug(), figure.slug);
        let svg = chart(figure, growth, grown).to_svg();
        report.chart(
            &slug,
            &format!("{} by {}", figure.title, growth.name()),
            svg,
        );
    }
    report.table(&memory(growth, grown));
    report.figures(growth.slug(), for_programs(growth, grown));
}

/// The last column is the last size's figure by the first's: 1.00 is flat.
fn table(figure: &Figure, growth: Growth, grown: &[Grown]) -> Table {
    let mut table = Table::new(head(figure.title, growth, grown).chain(["last / first".into()]));
    for (call, name) in CALLS.iter().map(|call| call.name()).enumerate() {
        let values: Vec<Option<f64>> = grown
            .iter()
            .map(|at| at.calls[call].map(figure.of))
            .collect();
        let cells = values
            .iter()
            .map(|value| value.map_or("—".into(), figure.write));
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        let Some((first, last)) = known.first().zip(known.last()) else {
            continue;
        };
        let ratio = format!("{:.2}", last / first);
        table.row([name.to_owned()].into_iter().chain(cells).chain([ratio]));
    }
    table
}

fn memory(growth: Growth, grown: &[Grown]) -> Table {
    let mut table = Table::new(head("Redis's memory", growth, grown));
    let bytes = grown.iter().map(|at| rate(at.bytes_per_session));
    table.row(
        ["bytes for a session, all keys counted".to_owned()]
            .into_iter()
            .chain(bytes),
    );
    table
}

fn head(title: &str, growth: Growth, grown: &[Grown]) -> impl Iterator<Item = String> {
    let sizes = grown.iter().map(move |at| rate(growth.of(at.size) as f64));
    [format!("{title}, by {}", growth.name())]
        .into_iter()
        .chain(sizes)
}

fn chart(figure: &Figure, growth: Growth, grown: &[Grown]) -> Lines {
    let points = |call: usize| {
        let point = |at: &Grown| Some((growth.of(at.size) as f64, (figure.of)(at.calls[call]?)));
        grown.iter().filter_map(point).collect()
    };
    let series = CALLS.iter().enumerate();
    Lines {
        title: figure.title.into(),
        size_axis: growth.name().into(),
        value_axis: figure.title.into(),
        log_values: true,
        series: series
            .map(|(call, which)| (which.name().replace('`', ""), points(call)))
            .collect(),
    }
}

fn for_programs(growth: Growth, grown: &[Grown]) -> serde_json::Value {
    let calls = |at: &Grown| -> serde_json::Map<String, serde_json::Value> {
        let told = CALLS.iter().zip(&at.calls);
        told.filter_map(|(call, measured)| {
            let measured = measured.as_ref()?;
            let figures = json!({
                "calls": measured.calls,
                "redis_micros": measured.redis_micros,
                "redis_cpu_micros": measured.redis_cpu_micros,
            });
            Some((call.name().replace('`', ""), figures))
        })
        .collect()
    };
    let sizes = grown.iter().map(|at| {
        json!({
            "size": growth.of(at.size),
            "bytes_per_session": at.bytes_per_session,
            "calls": calls(at),
        })
    });
    sizes.collect()
}
