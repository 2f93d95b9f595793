//! The README's calls, made as they stand there; what they answer is what stands below them.
//!
//! `UPDATE_README=1 cargo test -p session-server readme` writes the answers anew.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::support::ServerProcess;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
/// Where the README's server listens; the one here listens elsewhere.
const ADDRESS: &str = "127.0.0.1:8080";

#[tokio::test]
async fn the_calls_of_the_readme_answer_what_it_says() {
    session_test::ensure_program("curl", "curl");
    let mut server = ServerProcess::start(&mut ServerProcess::command());
    let mut shell = Shell {
        address: server.address().await,
        variables: Vec::new(),
        answer: String::new(),
        key: key_in(&server.stderr_line("curl").await),
    };
    let readme = fs::read_to_string(Path::new(README)).unwrap();
    let (mut rewritten, mut calls) = (String::new(), 0);
    let mut lines = readme.lines().peekable();
    let mut in_console = false;
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").filter(|_| in_console);
        if let Some((name, _)) = command.and_then(assignment) {
            let _ = writeln!(rewritten, "$ {name}={}", shell.copy(name));
            continue;
        }
        let _ = writeln!(rewritten, "{line}");
        if line.starts_with("```") {
            in_console = line == "```console";
        }
        let Some(command) = command else {
            continue;
        };
        let mut expected = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && *line != "```") {
            let _ = writeln!(expected, "{line}");
        }
        let answer = shell.run(command).await;
        if env::var_os("UPDATE_README").is_none() {
            assert_eq!(stable(&expected), stable(&answer), "{command}");
        }
        rewritten.push_str(&answer);
        calls += 1;
    }
    assert!(calls > 10, "the README makes its calls in console blocks");
    if env::var_os("UPDATE_README").is_some() {
        fs::write(README, rewritten).unwrap();
    }
}

/// What a reader has: a shell, and what the server and the answers have told.
struct Shell {
    address: SocketAddr,
    key: String,
    answer: String,
    variables: Vec<(String, String)>,
}

impl Shell {
    /// Copies what the reader is to copy: the key from what the server printed, the rest from the
    /// last answer.
    fn copy(&mut self, name: &str) -> String {
        let field = if name == "ID" { "id" } else { "token" };
        let told = match name {
            "KEY" => self.key.clone(),
            _ => {
                let answer: serde_json::Value = serde_json::from_str(&self.answer).unwrap();
                answer[field].as_str().unwrap().to_owned()
            }
        };
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), told.clone()));
        told
    }

    async fn run(&mut self, command: &str) -> String {
        let command = command.replace(ADDRESS, &self.address.to_string());
        let output = Command::new("sh")
            .args(["-c", &command])
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        self.answer = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}: {}", self.answer);
        let answer = self.answer.replace(&self.address.to_string(), ADDRESS);
        format!("{}\n", answer.replace('\r', "").trim_end())
    }
}

/// `NAME=value`.
fn assignment(command: &str) -> Option<(&str, &str)> {
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    command.split_once('=').filter(|(name, _)| is_name(name))
}

fn key_in(line: &str) -> String {
    let (_, key) = line.split_once("Bearer ").unwrap();
    key.split('\'').next().unwrap().to_owned()
}

/// An answer without what differs from run to run: ids, tokens, times.
fn stable(answer: &str) -> String {
    let is_word = |character: char| character.is_ascii_alphanumeric() || "-_:.".contains(character);
    let answer = answer.lines().filter(|line| !line.starts_with("date: "));
    let answer = answer.collect::<Vec<_>>().join("\n");
    let mut words = String::new();
    for part in answer.split_inclusive(|character| !is_word(character)) {
        let word = part.trim_end_matches(|character| !is_word(character));
        let rest = &part[word.len()..];
        let is_date = word.starts_with("20") && word.ends_with('Z');
        let is_id = matches!(word.len(), 18 | 36 | 61) && word != "device_fingerprint";
        words.push_str(if is_date || is_id { "…" } else { word });
        words.push_str(rest);
    }
    words
}
