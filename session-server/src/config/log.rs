use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::SettingError;

/// What is logged, on standard error.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// A line of text or a JSON object for each event.
    #[arg(long, env, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// off, error, warn, info, debug or trace; for single modules as in RUST_LOG:
    /// warn,session_server=info.
    #[arg(long, env, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// The shape of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line of text.
    Text,
    /// A JSON object.
    Json,
}

impl LogArgs {
    /// Which events are logged.
    ///
    /// # Errors
    ///
    /// `LOG_LEVEL` is none.
    pub fn filter(&self) -> Result<EnvFilter, SettingError> {
        let error = |reason: String| SettingError::new("LOG_LEVEL", reason);
        // A single word would pass as the name of a module, and silence everything else.
        let words = self.log_level.split(',').map(str::trim);
        let mut words = words.filter(|word| !word.contains(['=', '[']));
        if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
            return Err(error(format!(
                "'{word}' is none of off, error, warn, info, debug, trace"
            )));
        }
        EnvFilter::try_new(&self.log_level).map_err(|it| error(it.to_string()))
    }
}
