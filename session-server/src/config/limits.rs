use std::time::Duration;

use super::values;

/// What a client may take up.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// The most connections at once; one more waits until another is closed.
    #[arg(long, env, value_name = "NUMBER", default_value = "10000")]
    #[arg(value_parser = max_connections)]
    pub max_connections: usize,

    /// How long a request may take as a whole.
    #[arg(long = "request-timeout-seconds", env = "REQUEST_TIMEOUT_SECONDS")]
    #[arg(value_name = "SECONDS", default_value = "30", value_parser = values::some_seconds)]
    pub request_timeout: Duration,

    /// How long a client may take to send a request's headers, and as long again for its body. Who
    /// is late with the body is told so; who is late with the headers, or idle for longer, is
    /// disconnected without an answer.
    #[arg(long = "header-timeout-seconds", env = "HEADER_TIMEOUT_SECONDS")]
    #[arg(value_name = "SECONDS", default_value = "10", value_parser = values::some_seconds)]
    pub header_timeout: Duration,

    /// How long requests in flight may go on after SIGTERM.
    #[arg(long = "shutdown-timeout-seconds", env = "SHUTDOWN_TIMEOUT_SECONDS")]
    #[arg(value_name = "SECONDS", default_value = "30", value_parser = values::seconds)]
    pub shutdown_timeout: Duration,
}

fn max_connections(text: &str) -> Result<usize, String> {
    const MAX: usize = 1_000_000;
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=MAX).contains(number));
    number.ok_or_else(|| format!("must be an integer between 1 and {MAX}"))
}
