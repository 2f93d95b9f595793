//! `wrk`: one thread, 64 connections.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, str};

use session_benches::Outcome;

pub(crate) const CONNECTIONS: &str = "64";

/// What one run saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Writes requests down for the script to read.
pub(crate) fn write_requests(file: &Path, requests: &[Vec<u8>]) -> Outcome {
    let mut bytes = Vec::new();
    for request in requests {
        writeln!(bytes, "{}", request.len())?;
        bytes.extend_from_slice(request);
    }
    fs::write(file, bytes)?;
    Ok(())
}

/// Sends the requests of `file` over and over. An answer that isn't a success is an error: it may
/// have been a cheap one.
pub(crate) fn run(address: SocketAddr, file: &Path, seconds: u64) -> Outcome<Sample> {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c", CONNECTIONS, "--timeout", "10s"]);
    command.arg(format!("-d{seconds}s")).arg("-s").arg(script());
    command
        .arg(format!("http://{address}/"))
        .arg("--")
        .arg(file);
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = str::from_utf8(&output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("MEASURED "));
    let numbers = line.ok_or_else(|| format!("wrk measured nothing: {text}"))?;
    let numbers = numbers.split(' ').map(str::parse);
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
    let [requests, micros, broken, refused, p50_us, p99_us] = numbers[..] else {
        return Err(format!("wrk says: {text}").into());
    };
    if broken + refused > 0.0 {
        return Err(format!("{broken} connections broke, {refused} answers were errors").into());
    }
    Ok(Sample {
        requests,
        seconds: micros / 1e6,
        p50_us,
        p99_us,
    })
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/server/wrk.lua")
}
