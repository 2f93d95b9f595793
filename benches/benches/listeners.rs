//! What idle streams of events cost the server, and how soon an event has reached them all.
//!
//! `cargo bench -p session-benches --bench listeners` measures; `cargo test` runs a short form.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

#[allow(
    dead_code,
    reason = "shared with the server's benchmark, which needs more"
)]
#[path = "server/client.rs"]
mod client;
#[allow(dead_code, reason = "as above")]
#[path = "server/process.rs"]
mod process;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use session_benches::{Args, Form, Machine, Outcome, Report, median};
use session_test::RedisServer;
use tempfile::TempDir;

use crate::client::{Client, request};
use crate::process::{Server, build_session_server};

const KEY: &str = "bench-service-key-0123456789abcdef";

fn main() -> Outcome {
    let args = Args::read();
    let is_full = args.form() == Form::Full;
    raise_file_limit()?;
    let redis = RedisServer::start();
    let dir = TempDir::with_prefix("listeners-bench-")?;
    let mut command = Command::new(build_session_server(is_full)?);
    command.env_clear().env("LISTEN_ADDR", "127.0.0.1:0");
    command.env("REDIS_URL", redis.url());
    command.env("SERVICE_KEYS", format!("bench:{KEY}"));
    let server = Server::start(&mut command, &dir.path().join("log"))?;
    let listeners = if is_full { 4000 } else { 20 };
    let figures = measure(&server, listeners)?;
    let mut report = Report::new("listeners", "Idle listeners", &Machine::with(&redis), &args);
    report.item(&format!(
        "{listeners} streams: {:.1} KiB of the server's memory each; an event has reached all of \
         them in {:.0} ms (median of {ROUNDS})",
        figures.kib_each, figures.all_heard_ms
    ));
    let json = json!({
        "listeners": listeners,
        "kib_each": figures.kib_each,
        "all_heard_ms": figures.all_heard_ms,
    });
    report.figures("listeners", json);
    println!("{}", report.text());
    println!("{}", report.write()?.display());
    Ok(())
}

struct Figures {
    kib_each: f64,
    all_heard_ms: f64,
}

const ROUNDS: usize = 9;

fn measure(server: &Server, listeners: usize) -> Outcome<Figures> {
    // The first one makes the subscription, and whatever else is made once.
    let mut first = listen(server.address)?;
    let before = server.resident_kib()?;
    let mut streams = Vec::new();
    for _ in 0..listeners {
        streams.push(listen(server.address)?);
    }
    let kib_each = (server.resident_kib()? - before) / listeners as f64;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        log_in(server.address, round)?;
        hear(&mut first)?;
        for stream in &mut streams {
            hear(stream)?;
        }
        rounds.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let all_heard_ms = median(rounds);
    Ok(Figures {
        kib_each,
        all_heard_ms,
    })
}

/// A stream of user 74's events, of which the beginning has been read.
fn listen(address: SocketAddr) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let authorization = format!("Bearer {KEY}");
    let head = [("Authorization", authorization.as_str())];
    stream.write_all(&request("GET", "/sessions/events?user_id=74", &head, ""))?;
    read_until(&mut stream, "event: ready")?;
    Ok(stream)
}

fn hear(stream: &mut TcpStream) -> Outcome {
    read_until(stream, "event: created")
}

fn read_until(stream: &mut TcpStream, text: &str) -> Outcome {
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    while !heard.contains(text) {
        match stream.read(&mut buffer)? {
            0 => return Err(format!("the stream ended: {heard}").into()),
            bytes => heard.push_str(&String::from_utf8_lossy(&buffer[..bytes])),
        }
    }
    Ok(())
}

fn log_in(address: SocketAddr, round: usize) -> Outcome {
    let authorization = format!("Bearer {KEY}");
    let head = [("Authorization", authorization.as_str())];
    let body = json!({"user_id": 74, "device_fingerprint": format!("device {round}")});
    let create = request("POST", "/sessions/create", &head, &body.to_string());
    Client::connect(address)?.send(&create)?;
    Ok(())
}

/// Each stream takes a file descriptor, here and there; the server inherits the limit.
fn raise_file_limit() -> Outcome {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )?;
    Ok(())
}
