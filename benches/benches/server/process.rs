//! Servers as users run them: each a process of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use session_benches::Outcome;

/// A process that has said where it listens. Killed with the value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: File,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server that says on the first line of its output where it listens. Its log goes to
    /// a file, as a service's mostly does.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(log.try_clone()?).spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("its output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.ok_or_else(|| format!("a server didn't start: {line:?}"))?;
        let address = address.parse()?;
        Ok(Self {
            child,
            log,
            address,
        })
    }

    /// The processor time that its threads have taken so far.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let stat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            let on_cpu = stat.split(' ').next().and_then(|field| field.parse().ok());
            nanos += on_cpu.unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The memory that it has now.
    pub(crate) fn resident_kib(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("Linux tells a process's memory")?.parse()?)
    }

    /// How much it has logged since it was last asked; the file is emptied.
    pub(crate) fn take_log(&self) -> Outcome<u64> {
        let bytes = self.log.metadata()?.len();
        self.log.set_len(0)?;
        Ok(bytes)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the server like this benchmark (`cargo bench` in release, `cargo test` in debug) and says
/// where it is. `SESSION_SERVER` names another build, for a comparison with it.
pub(crate) fn build_session_server(release: bool) -> Outcome<PathBuf> {
    if let Some(program) = std::env::var_os("SESSION_SERVER") {
        return Ok(program.into());
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "-p", "session-server"]);
    if release {
        command.arg("--release");
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !command.status()?.success() {
        return Err("session-server can't be built".into());
    }
    // This program is target/<profile>/deps/server-….
    let this = std::env::current_exe()?;
    let profile = this.ancestors().nth(2).ok_or("there is a target folder")?;
    Ok(profile.join("session-server"))
}
