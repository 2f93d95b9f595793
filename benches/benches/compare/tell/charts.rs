use session_benches::Bars;

use crate::run::SpeedResult;

pub(super) fn rates(result: &SpeedResult) -> Bars {
    let series = result.rows.iter().map(|(name, measured)| {
        let rates = measured.iter().map(|measured| Some(measured.rate));
        ((*name).to_owned(), rates.collect())
    });
    Bars {
        title: format!("{}, by contestant", result.operation),
        group_axis: "concurrent tasks".into(),
        value_axis: "calls a second".into(),
        groups: result.tasks.iter().map(ToString::to_string).collect(),
        series: series.collect(),
    }
}

pub(super) fn memory(memory: &[(&'static str, f64)]) -> Bars {
    let series = memory
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), vec![Some(*bytes)]));
    Bars {
        title: "Redis memory for each session".into(),
        group_axis: "200,000 sessions, 3 a user".into(),
        value_axis: "bytes".into(),
        groups: vec![String::new()],
        series: series.collect(),
    }
}
