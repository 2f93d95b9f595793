use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::clock::Clock;
use crate::provision::ensure_program;

/// A real `redis-server` of the test's own, on a free loopback port and on a unix socket, in a
/// temporary directory. Ends with the value.
///
/// The environment variable `REDIS_SERVER` names another program, `valkey-server` for one.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    clock: Option<Clock>,
    settings: Settings,
    dir: TempDir,
}

/// How a [`RedisServer`] is to run.
#[derive(Debug, Default)]
pub struct Builder {
    stopped_clock: bool,
    settings: Settings,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Builder {
    /// Time stands still for the server, and moves with [`RedisServer::advance`].
    #[must_use]
    pub fn stopped_clock(mut self) -> Self {
        self.stopped_clock = true;
        self
    }

    /// Every write is on disk before it is answered: nothing is lost by a kill.
    #[must_use]
    pub fn append_only(self) -> Self {
        self.argument("--appendonly", "yes")
            .argument("--appendfsync", "always")
    }

    /// Any other setting.
    #[must_use]
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.settings.argument(name, value);
        self
    }

    /// An environment variable for the server alone.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        let variable = (name.to_owned(), value.to_owned());
        self.settings.environment.push(variable);
        self
    }

    /// Starts the server and waits until it serves.
    pub fn start(self) -> RedisServer {
        loop {
            let (dir, settings) = (RedisServer::new_dir(), self.settings.clone());
            let clock = self.stopped_clock.then(Clock::new);
            if let Some(server) = RedisServer::start_at(free_port(), dir, clock, settings) {
                return server;
            }
        }
    }
}

impl Settings {
    pub(crate) fn argument(&mut self, name: &str, value: &str) {
        let argument = [name.to_owned(), value.to_owned()];
        self.arguments.extend(argument);
    }
}

impl RedisServer {
    /// A server with nothing special about it.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A server with something special about it.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A directory for a server.
    pub(crate) fn new_dir() -> TempDir {
        TempDir::with_prefix("redis-").expect("a temporary directory can be made")
    }

    /// Starts a server on this port; `None` where it was taken.
    pub(crate) fn start_at(
        port: u16,
        dir: TempDir,
        clock: Option<Clock>,
        settings: Settings,
    ) -> Option<Self> {
        let child = launch(port, &dir, clock.as_ref(), &settings)?;
        Some(Self {
            child,
            port,
            clock,
            settings,
            dir,
        })
    }

    /// Its URL over TCP.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its URL over the unix socket.
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its loopback port.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Moves the clock of a server that was started with [`Builder::stopped_clock`].
    pub fn advance(&self, by: Duration) {
        self.clock().advance(by);
    }

    /// The clock of a server that was started with [`Builder::stopped_clock`].
    pub fn clock(&self) -> &Clock {
        let clock = self.clock.as_ref();
        clock.expect("the server was started with a stopped clock")
    }

    /// Kills the server without notice.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts the server again after [`kill`](Self::kill): same port, same directory.
    pub fn restart(&mut self) {
        let child = launch(self.port, &self.dir, self.clock.as_ref(), &self.settings);
        self.child = child.expect("the port is still free");
    }

    /// Stops the process without ending it: connections stay, and nothing answers.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// A connection for looking into the server.
    pub fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.unix_url()).expect("a good URL");
        client.get_connection().expect("the server serves")
    }

    /// How often each command was called since the last [`reset_stats`](Self::reset_stats), the
    /// commands that scripts call included.
    pub fn command_calls(&self) -> BTreeMap<String, u64> {
        let info = self.info("commandstats");
        let call = |line: &str| {
            let (name, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = fields.strip_prefix("calls=")?.split(',').next()?;
            Some((name.to_owned(), calls.parse().ok()?))
        };
        info.lines().filter_map(call).collect()
    }

    /// Sets the counts of [`command_calls`](Self::command_calls) back to zero.
    pub fn reset_stats(&self) {
        redis::cmd("CONFIG")
            .arg("RESETSTAT")
            .exec(&mut self.connection())
            .expect("the server serves");
    }

    /// A section of `INFO`.
    pub fn info(&self, section: &str) -> String {
        redis::cmd("INFO")
            .arg(section)
            .query(&mut self.connection())
            .expect("the server serves")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Starts a server and waits until it says that it serves; `None` where the port was taken.
fn launch(port: u16, dir: &TempDir, clock: Option<&Clock>, settings: &Settings) -> Option<Child> {
    let program = env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
    ensure_program(&program, "redis-server");
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
        .args(["--port", &port.to_string()])
        .arg("--unixsocket")
        .arg(dir.path().join("redis.sock"))
        .arg("--dir")
        .arg(dir.path())
        .args(&settings.arguments)
        .envs(settings.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(clock) = clock {
        clock.preload(&mut command);
    }
    let mut child = command.spawn().expect("redis-server can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let mut log = String::new();
    while let Some(Ok(line)) = lines.next() {
        if line.contains("eady to accept connections") {
            // Goes on reading, so that the server never waits for somebody to read its log.
            thread::spawn(move || lines.for_each(drop));
            return Some(child);
        }
        log.push_str(&line);
        log.push('\n');
    }
    let _ = child.wait();
    assert!(log.contains("already in use"), "redis-server ended:\n{log}");
    None
}
