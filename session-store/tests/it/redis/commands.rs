//! How many commands Redis runs for each call: exact, and the same on every machine.

mod calls;
mod count;

use std::fmt::Write as _;
use std::fs;

use self::calls::calls;
use self::count::Counted;

/// A call, its round trips, and the commands that Redis runs for it, those within scripts included.
type Cost = (&'static str, u64, u64);

/// The one place where these figures stand. A test that fails prints all of them as they are now,
/// and the table of [`DOCUMENT`], to be pasted.
#[rustfmt::skip]
const STATED: &[Cost] = &[
    ("`validate`", 1, 1),
    ("`peek`", 1, 1),
    ("`get`", 1, 1),
    ("`create_for`", 1, 13),
    ("`create_for`, again", 2, 3),
    ("`admit`", 1, 3),
    ("`standing`", 1, 1),
    ("`validate` whose touch is due", 2, 9),
    ("`create`", 1, 11),
    ("`create` that replaces the device's", 1, 19),
    ("`create` that evicts one of 3", 1, 18),
    ("`create`, all that can be off is off", 1, 6),
    ("`touch`", 1, 8),
    ("`touch` from another address", 1, 9),
    ("`rotate`", 1, 9),
    ("`update`", 1, 4),
    ("`update` with another fingerprint", 1, 11),
    ("`count`", 1, 2),
    ("`list` of 3", 1, 2),
    ("`list`, the first 50 of 200", 1, 7),
    ("`list`, the first 50 of 1,000", 1, 7),
    ("`revoke`", 1, 11),
    ("`revoke_token`", 1, 11),
    ("`revoke_others` of 3", 1, 13),
    ("`revoke_all` of 3", 1, 12),
];

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");
const SECTION: &str = "## What calls cost";
const HEAD: &str = "| call | round trips | commands |\n|---|---:|---:|\n";

#[tokio::test]
async fn each_call_makes_redis_run_as_many_commands_as_stated() {
    let counted = count_thrice().await;
    let costs: Vec<Cost> = counted.iter().map(Counted::cost).collect();
    let mut report = String::new();
    for cost in &costs {
        let _ = writeln!(report, "    {cost:?},");
    }
    for counted in counted.iter().filter(|one| !STATED.contains(&one.cost())) {
        let _ = writeln!(report, "not stated: {counted:?}");
    }
    assert!(costs == STATED, "the figures are now\n{report}");
}

#[test]
fn the_document_states_the_same_figures() {
    let mut table = HEAD.to_owned();
    for (call, round_trips, commands) in STATED {
        let _ = writeln!(table, "| {call} | {round_trips} | {commands} |");
    }
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (_, section) = document.split_once(SECTION).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let agree = rows == table.lines().collect::<Vec<_>>();
    assert!(agree, "{DOCUMENT}, \"{SECTION}\" should say\n{table}");
}

/// The least of three: now and then the connection's supervisor asks for the time in between.
async fn count_thrice() -> Vec<Counted> {
    let mut least = calls().await;
    for _ in 0..2 {
        for (least, again) in least.iter_mut().zip(calls().await) {
            if again.cost() < least.cost() {
                *least = again;
            }
        }
    }
    least
}
