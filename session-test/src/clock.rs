use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wall clock of a server under test: stands still, and moves when it is told to.
#[derive(Debug)]
pub struct Clock {
    path: PathBuf,
    file: File,
    millis: Mutex<i64>,
}

impl Clock {
    /// A clock that shows the present, kept in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        let path = dir.join("clock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&path)
            .expect("the temporary directory can be written");
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is later than 1970");
        let clock = Self {
            path,
            file,
            millis: Mutex::new(0),
        };
        clock.advance(now);
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
            .env("SESSION_TEST_CLOCK", &self.path);
    }
}
