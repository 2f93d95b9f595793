use session_benches::{Table, amount, rate};

use crate::entry::{
    BARE, ENTRIES, HAND_WRITTEN, HAND_WRITTEN_LIMIT, LEAST, LEAST_FULL, LEAST_PLAIN,
    LEAST_TRANSACTION, OURS, PLAIN, Side, WITHOUT_HISTORY,
};
use crate::run::{Results, SpeedResult};
use crate::speed::Measured;
use crate::subject::Operation;

/// What the figures come to: ours, beside the yardstick and the best of the others.
pub(super) fn ratios(results: &Results) -> Table {
    let mut table = Table::new(["", "ours", "other", "ours / other"]);
    for tasks in [64, 256] {
        if let Some(validate) = Cells::of(results, Operation::Validate, tasks) {
            let what = format!("validate, {tasks} tasks, calls a second");
            validate.compare(&mut table, &what, OURS, validate.named(BARE));
            validate.compare(&mut table, &what, OURS, validate.fastest_peer());
            validate.compare_p99(&mut table, &format!("validate, {tasks} tasks, p99, µs"));
        }
    }
    let operations = [
        (Operation::Create, OURS, Some(HAND_WRITTEN_LIMIT)),
        (Operation::Create, OURS, Some(HAND_WRITTEN)),
        (Operation::Create, OURS, Some(LEAST_FULL)),
        (Operation::Create, PLAIN, None),
        (Operation::Create, PLAIN, Some(LEAST)),
        (Operation::Create, PLAIN, Some(LEAST_PLAIN)),
        (Operation::Create, LEAST_PLAIN, None),
        (Operation::Create, LEAST, None),
        (Operation::Create, LEAST_TRANSACTION, None),
        (Operation::Touch, OURS, None),
        (Operation::Rotate, OURS, None),
        (Operation::List(3), OURS, Some(HAND_WRITTEN)),
        (Operation::List(3), OURS, Some(LEAST)),
        (Operation::List(100), OURS, Some(HAND_WRITTEN)),
        (Operation::RevokeAll(3), OURS, Some(HAND_WRITTEN)),
        (Operation::RevokeAll(3), PLAIN, Some(HAND_WRITTEN)),
        (Operation::RevokeAll(3), OURS, Some(LEAST_FULL)),
        (Operation::RevokeAll(3), PLAIN, Some(LEAST_PLAIN)),
        (Operation::RevokeAll(3), LEAST_FULL, Some(HAND_WRITTEN)),
        (Operation::RevokeAll(3), LEAST, Some(HAND_WRITTEN)),
        (Operation::RevokeAll(100), OURS, Some(HAND_WRITTEN)),
    ];
    for (operation, ours, other) in operations {
        if let Some(cells) = Cells::of(results, operation, 64) {
            let what = match ours {
                OURS => format!("{operation}, 64 tasks, calls a second"),
                PLAIN => format!("{operation}, plain, 64 tasks, calls a second"),
                yardstick => format!("{operation}, not ours but {yardstick}, calls a second"),
            };
            let other = other.map_or_else(|| cells.fastest_peer(), |name| cells.named(name));
            cells.compare(&mut table, &what, ours, other);
        }
    }
    memory(results, &mut table);
    table
}

fn memory(results: &Results, table: &mut Table) {
    let peers = results.memory.iter().filter(|(name, _)| is_peer(name));
    let Some((smallest, least)) = peers.min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
        return;
    };
    for ours in [OURS, WITHOUT_HISTORY] {
        if let Some((_, bytes)) = results.memory.iter().find(|(name, _)| *name == ours) {
            table.row([
                format!("memory, {ours}, bytes a session"),
                rate(*bytes),
                format!("{} ({smallest})", rate(*least)),
                amount(bytes / least),
            ]);
        }
    }
}

fn is_peer(name: &str) -> bool {
    let entry = ENTRIES.iter().find(|entry| entry.name == name);
    entry.is_some_and(|entry| entry.side == Side::Peer)
}

/// What all contestants did with one load.
struct Cells<'a>(Vec<(&'static str, &'a Measured)>);

impl<'a> Cells<'a> {
    fn of(results: &'a Results, operation: Operation, tasks: usize) -> Option<Self> {
        let is_it = |result: &&SpeedResult| result.operation == operation;
        let result = results.speed.iter().find(is_it)?;
        let column = result.tasks.iter().position(|of| *of == tasks)?;
        let cells = result
            .rows
            .iter()
            .map(|(name, measured)| (*name, &measured[column]));
        Some(Self(cells.collect()))
    }

    fn named(&self, name: &str) -> Option<(&'static str, &'a Measured)> {
        self.0.iter().find(|(of, _)| *of == name).copied()
    }

    fn peers(&self) -> impl Iterator<Item = (&'static str, &'a Measured)> {
        self.0.iter().copied().filter(|(name, _)| is_peer(name))
    }

    fn fastest_peer(&self) -> Option<(&'static str, &'a Measured)> {
        self.peers()
            .max_by(|(_, a), (_, b)| a.rate.total_cmp(&b.rate))
    }

    fn compare(
        &self,
        table: &mut Table,
        what: &str,
        ours: &str,
        other: Option<(&'static str, &Measured)>,
    ) {
        if let (Some((_, ours)), Some((name, other))) = (self.named(ours), other) {
            table.row([
                what.to_owned(),
                rate(ours.rate),
                format!("{} ({name})", rate(other.rate)),
                amount(ours.rate / other.rate),
            ]);
        }
    }

    fn compare_p99(&self, table: &mut Table, what: &str) {
        let p99 = |measured: &Measured| measured.latency[1];
        let best = self
            .peers()
            .min_by(|(_, a), (_, b)| p99(a).total_cmp(&p99(b)));
        if let (Some((_, ours)), Some((name, best))) = (self.named(OURS), best) {
            table.row([
                what.to_owned(),
                amount(p99(ours)),
                format!("{} ({name})", amount(p99(best))),
                amount(p99(ours) / p99(best)),
            ]);
        }
    }
}
