use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Args;

/// A setting that is wrong. Never shows the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl SettingError {
    pub(crate) fn new(variable: &'static str, reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        Self { variable, reason }
    }
}

impl std::error::Error for SettingError {}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = self.variable.to_ascii_lowercase().replace('_', "-");
        write!(f, "{} (--{flag}): {}", self.variable, self.reason)
    }
}

/// Prints clap's error as one line that names the environment variable too, which is where the
/// value most likely stands.
pub(super) fn report(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // Nothing can be done where standard output is closed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::InvalidUtf8 {
        let _ = writeln!(io::stderr(), "error: {}", not_utf8());
        return ExitCode::from(2);
    }
    let rendered = error.render().to_string();
    let line = rendered.lines().next().unwrap_or_default();
    let line = match flag(error) {
        Some(flag) => {
            let variable = flag.to_ascii_uppercase().replace('-', "_");
            let choices = rendered.lines().map(str::trim);
            let choices = choices.filter(|line| line.starts_with("[possible values"));
            let choices: String = choices.map(|line| format!(" {line}")).collect();
            format!("{line}{choices} (environment variable {variable})")
        }
        None => line.to_owned(),
    };
    let _ = writeln!(io::stderr(), "{line}");
    ExitCode::from(2)
}

/// clap doesn't tell which one it is.
fn not_utf8() -> String {
    let command = Args::command();
    let variables = command.get_arguments().filter_map(|arg| arg.get_env());
    let culprit = variables.filter_map(|name| name.to_str()).find(|name| {
        let value = std::env::var_os(name);
        value.is_some_and(|value| value.to_str().is_none())
    });
    match culprit {
        Some(variable) => format!("the environment variable {variable} is not UTF-8"),
        None => "an argument is not UTF-8".to_owned(),
    }
}

/// The flag that an error of a value is about: `limit-policy` of `--limit-policy <POLICY>`.
fn flag(error: &clap::Error) -> Option<&str> {
    let about_value = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    );
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = arg.strip_prefix("--")?.split(' ').next()?;
    about_value.then_some(flag)
}
