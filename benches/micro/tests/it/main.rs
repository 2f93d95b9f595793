//! How many instructions each step takes, as valgrind's callgrind counts them.
//!
//! Counted is the release build, as services run it. Two things make a figure another one without
//! any change here: another compiler, which is allowed for, and what valgrind says of the processor:
//! it has no SHA extensions there, so digests are what they cost where none are, about six times as
//! much as with them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// The one place where these figures stand: instructions each time. A test that fails prints all of
/// them as they are now, to be pasted.
#[rustfmt::skip]
const STATED: &[(&str, u64)] = &[
    ("token: mint and expose", 4428),
    ("token: parse", 581),
    ("digest: verifier", 3555),
    ("digest: fingerprint", 3616),
    ("record: encode", 1012),
    ("record: decode", 2866),
    ("key: of a record", 454),
    ("key: of an index, with its bucket", 3874),
    ("MemoryStore: validate", 6601),
];

/// The release of Rust that [`STATED`] was counted with, and how far a figure may be off, in per cent:
/// with that release, and with any other.
const RUST: &str = "1.95";
const TOLERANCE: (u64, u64) = (5, 40);

#[test]
fn each_step_takes_as_many_instructions_as_stated() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    session_test::ensure_program("valgrind", "valgrind");
    let program = build();
    let counted: Vec<_> = session_micro::steps()
        .iter()
        .map(|step| (step.name, instructions(&program, step.name)))
        .collect();
    let mut report = String::new();
    for figure in &counted {
        let _ = writeln!(report, "    {figure:?},");
    }
    let tolerance = tolerance();
    let held = counted.len() == STATED.len()
        && counted
            .iter()
            .zip(STATED)
            .all(|((step, now), (name, stated))| {
                step == name && 100 * now.abs_diff(*stated) <= tolerance * stated
            });
    assert!(
        held,
        "by more than {tolerance} %, the figures are now\n{report}stated are {STATED:#?}"
    );
}

/// Builds the program as services are built; answers where it is.
fn build() -> PathBuf {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--release",
            "-p",
            "session-micro",
            "--message-format",
            "json",
        ])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = messages.rsplit_once(r#""executable":""#).unwrap().1;
    executable.split_once('"').unwrap().0.into()
}

/// The instructions of a step: what a thousand times more take more, each.
fn instructions(program: &PathBuf, step: &str) -> u64 {
    let [few, many] = [100, 1100].map(|times: u32| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args([step, &times.to_string()])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{log}");
        let (_, collected) = log.split_once("Collected : ").unwrap();
        collected
            .lines()
            .next()
            .unwrap()
            .trim()
            .parse::<u64>()
            .unwrap()
    });
    (many - few) / 1000
}

fn tolerance() -> u64 {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .unwrap()
        .stdout;
    let version = String::from_utf8(version).unwrap();
    if version.starts_with(&format!("rustc {RUST}.")) {
        TOLERANCE.0
    } else {
        TOLERANCE.1
    }
}
