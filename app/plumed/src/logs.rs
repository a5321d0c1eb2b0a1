//! Log messages, on standard error.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// How log messages are written.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Filter, for example `info,plume_state=debug`.
    pub filter: String,
    /// Form.
    pub format: LogFormat,
}

/// Starts logging for this process.
pub fn init(filter: &str, format: LogFormat) -> Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("--log-level {filter}: use a level (error, warn, info, debug, trace) or `target=level,..`")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Plain => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

impl Settings {
    /// The same settings as flags of CometBFT, which knows no `warn` and `trace`.
    pub fn engine_flags(&self) -> Vec<String> {
        let level = match self.filter.split(',').next().unwrap_or_default() {
            level @ ("error" | "info" | "debug") => level,
            "warn" => "error",
            "trace" => "debug",
            "off" => "none",
            _ => "info",
        };
        vec!["--log_level".to_owned(), level.to_owned()]
    }
}
