use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

/// Holds the time, milliseconds since the epoch; mapped by the servers.
const FILE: &str = "clock";

/// The wall clock of a server under test: stands still, and moves when it is told to.
#[derive(Debug)]
pub struct Clock {
    dir: TempDir,
    file: File,
    millis: Mutex<i64>,
}

impl Clock {
    /// A clock that shows the present.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::at(now.expect("it is later than 1970"))
    }

    /// A clock that shows this time since the epoch.
    pub(crate) fn at(time: Duration) -> Self {
        let dir = TempDir::with_prefix("clock-").expect("a temporary directory can be made");
        let file = File::create(dir.path().join(FILE));
        let file = file.expect("the temporary directory can be written");
        let clock = Self {
            dir,
            file,
            millis: Mutex::new(0),
        };
        clock.advance(time);
        clock
    }

    /// Moves the clock forward, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let mut millis = self.millis.lock().expect("no test panics in here");
        *millis += i64::try_from(by.as_millis()).expect("a sane duration");
        // One aligned write of eight bytes: the server sees the old time or the new one.
        self.file
            .write_all_at(&millis.to_le_bytes(), 0)
            .expect("the temporary directory can be written");
    }

    /// What the clock shows, in milliseconds since the epoch.
    pub fn now_millis(&self) -> u64 {
        let millis = self.millis.lock().expect("no test panics in here");
        u64::try_from(*millis).expect("it is later than 1970")
    }

    /// Makes a server run by this clock.
    pub(crate) fn preload(&self, command: &mut Command) {
        let Some(shim) = option_env!("CLOCK_SHIM") else {
            panic!("a server's clock can be moved on Linux only");
        };
        command
            .env("LD_PRELOAD", shim)
            .env("SESSION_TEST_CLOCK", self.dir.path().join(FILE));
    }
}
