//! Where events go: to standard error, as text or as JSON.

mod format;
mod lines;

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;
use std::time::Duration;

use session_server::config::{LogArgs, LogFormat};

use self::format::{JsonObject, Text};
use self::lines::Lines;
use crate::StartError;

/// How long the end of the process waits for whoever reads the log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The subscriber is the process's only one, and so is where it writes to.
static LINES: OnceLock<Lines> = OnceLock::new();

pub(crate) fn set_up(args: &LogArgs) -> Result<(), StartError> {
    let filter = args.filter()?;
    let lines = Lines::to(io::stderr())?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LINES.get_or_init(|| lines).clone())
        .with_ansi(io::stderr().is_terminal());
    let format = tracing_subscriber::fmt::format();
    match args.log_format {
        LogFormat::Text => log.event_format(Text(format)).init(),
        LogFormat::Json => {
            // A request's span has no parent: the list would only repeat it.
            let format = format.json().flatten_event(true).with_span_list(false);
            log.json().event_format(JsonObject(format)).init();
        }
    }
    Ok(())
}

/// Waits until what was logged is written. To be called before the process ends.
pub(crate) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(FLUSH_TIMEOUT);
    }
}
