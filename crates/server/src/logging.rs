//! The log: one line per request and event on standard error, as text or JSON.

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

/// Environment variable that overrides `log.level`, for one look at a server in trouble.
const LEVEL_VARIABLE: &str = "KMIPD_LOG";

/// Begins logging; the first call in a process decides.
///
/// # Errors
/// When the level cannot be parsed, or logging has begun already.
pub fn begin(config: &LogConfig) -> Result<(), String> {
    let directives = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| config.level.clone());
    let filter = EnvFilter::try_new(&directives).map_err(|error| format!("log.level {directives:?}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A line that cannot be written, to a file on a full disk for example, must not become a panic: telling of it would be one.
    let builder = builder.log_internal_errors(false);
    match config.format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colours).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| error.to_string())
}
