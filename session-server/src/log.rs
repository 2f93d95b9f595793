//! Where events go: to standard error, as text or as JSON.

use std::io::{self, IsTerminal as _};

use session_server::config::{LogArgs, LogFormat, SettingError};

pub(crate) fn set_up(args: &LogArgs) -> Result<(), SettingError> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(args.filter()?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match args.log_format {
        LogFormat::Text => log.init(),
        // A request's span has no parent: the list would only repeat it.
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    Ok(())
}
