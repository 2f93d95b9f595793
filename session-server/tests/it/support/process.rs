use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// The built server, as a process of its own. Killed when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl ServerProcess {
    /// A command that starts the server with nothing in its environment.
    pub(crate) fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-server"));
        command.env_clear().kill_on_drop(true).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.env("LISTEN_ADDR", "127.0.0.1:0").spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Where it listens, by its first line on standard output.
    pub(crate) async fn address(&mut self) -> SocketAddr {
        let line = self.stdout.next_line().await.unwrap().unwrap();
        let address = line.strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("{line:?}"));
        address.parse().unwrap()
    }

    /// The next line on standard error that holds `text`.
    pub(crate) async fn stderr_line(&mut self, text: &str) -> String {
        loop {
            let line = self.stderr.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("no line with {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        let mut kill = Command::new("kill");
        let kill = kill.args(["-s", signal, &pid]).status().await.unwrap();
        assert!(kill.success());
    }

    /// Waits for its end: the exit code, and what was left on both outputs.
    pub(crate) async fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        let stderr = self.stderr.get_mut().read_to_string(&mut rest);
        stderr.await.unwrap();
        let stdout = self.stdout.get_mut().read_to_string(&mut rest);
        stdout.await.unwrap();
        let status = self.child.wait().await.unwrap();
        (status.code(), rest)
    }
}
