//! Lines on their way to standard error: gathered, and written many at a time by a thread of their
//! own.
//!
//! A write for each line would cost every request a system call, under a lock, and as long as
//! whoever reads the log takes. So a line waits up to [`PATIENCE`] for others. Where the reader is
//! too slow, lines beyond [`MAX_WAITING_BYTES`] are lost and counted, rather than that logins wait
//! for a log.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

const PATIENCE: Duration = Duration::from_millis(10);
/// So many are written without waiting for more.
const ENOUGH_BYTES: usize = 64 * 1024;
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Takes lines from any thread, and never waits for the output.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    more: Condvar,
    /// All that there was has been written.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room.
    lost: u64,
    is_writing: bool,
    /// Somebody waits for the end.
    is_hurried: bool,
}

impl Lines {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    ///
    /// The operating system has no more threads.
    pub(crate) fn to(output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writer = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.write_for_ever(output))?;
        Ok(Self { shared })
    }

    /// Waits until all lines so far are written, but no longer than `patience`: an output that is
    /// stuck mustn't keep the process alive.
    pub(crate) fn flush(&self, patience: Duration) {
        let mut state = self.shared.lock();
        state.is_hurried = true;
        self.shared.more.notify_one();
        let pending = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        let waited = self
            .shared
            .idle
            .wait_timeout_while(state, patience, pending);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_hurried = false;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing below panics, and bytes are bytes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut state = self.lock();
        let before = state.waiting.len();
        if before + line.len() > MAX_WAITING_BYTES {
            state.lost += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        let after = state.waiting.len();
        drop(state);
        // A thread that needn't wake up isn't woken.
        if before == 0 || (before < ENOUGH_BYTES && after >= ENOUGH_BYTES) {
            self.more.notify_one();
        }
    }

    fn write_for_ever(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            // There is nowhere to tell an error.
            let _ = output.write_all(&lines).and_then(|()| output.flush());
            lines.clear();
            if lost > 0 {
                tracing::warn!(
                    lines = lost,
                    "standard error is read too slowly: lines of the log were lost"
                );
            }
        }
    }

    /// Waits for lines, exchanges them for an empty buffer, and answers how many were lost.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut state = self.lock();
        state.is_writing = false;
        if state.waiting.is_empty() {
            self.idle.notify_all();
        }
        let nothing = |state: &mut State| state.waiting.is_empty();
        let waited = self.more.wait_while(state, nothing);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut State| state.waiting.len() < ENOUGH_BYTES && !state.is_hurried;
        let waited = self.more.wait_timeout_while(state, PATIENCE, few);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, lines);
        state.is_writing = true;
        std::mem::take(&mut state.lost)
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Write for &Lines {
    /// Takes all or, where there is no room, nothing; either is a success.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.shared.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// An output whose writes wait until somebody receives them.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let sent = self.0.send(bytes.to_vec());
            sent.map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Lines, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(0);
        (
            Lines::to(Pipe(sender)).expect("there is a thread"),
            receiver,
        )
    }

    fn add(mut lines: &Lines, line: &str) {
        lines.write_all(line.as_bytes()).expect("it never fails");
    }

    #[test]
    fn lines_are_written_in_their_order_and_many_at_a_time() {
        let (lines, written) = pipe();
        let all: Vec<_> = (0..1000).map(|nth| format!("line {nth}\n")).collect();
        all.iter().for_each(|line| add(&lines, line));
        let expected = all.concat();
        let mut seen = Vec::new();
        let mut writes = 0;
        while seen.len() < expected.len() {
            seen.extend(written.recv().expect("there is more"));
            writes += 1;
        }
        assert_eq!(seen, expected.as_bytes());
        assert!(writes < all.len(), "{writes}");
    }

    #[test]
    fn what_finds_no_room_is_lost_and_nobody_waits() {
        let (lines, written) = pipe();
        add(&lines, "first\n");
        // Nobody receives: the thread is stuck with the first line, once it has taken it.
        let line = "x".repeat(MAX_WAITING_BYTES / 4 - 10);
        for _ in 0..20 {
            add(&lines, &line);
        }
        assert!(lines.shared.lock().lost >= 20 - 2 * 4 - 1);
        drop(written);
    }

    #[test]
    fn a_flush_waits_for_all_lines_but_not_for_ever() {
        let (lines, written) = pipe();
        add(&lines, "stuck\n");
        lines.flush(Duration::from_millis(1));
        let reader = thread::spawn(move || written.iter().collect::<Vec<_>>().concat());
        add(&lines, "last\n");
        lines.flush(Duration::from_secs(60));
        let state = lines.shared.lock();
        assert!(state.waiting.is_empty() && !state.is_writing);
        drop(reader);
    }
}
