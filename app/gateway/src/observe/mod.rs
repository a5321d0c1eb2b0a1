//! What an operator sees of the doors: figures per method for Prometheus, and an access log.

mod access;
mod figures;
mod render;

pub use access::Access;
pub use figures::{Door, InFlight, Metrics};

/// Section `[telemetry]` of `app.toml`, as far as it is followed: sinks other than the memory and Prometheus are not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Telemetry {
    /// `enabled`: whether `/metrics` exists.
    pub enabled: bool,
    /// `service-name`: stands before each name.
    pub service_name: String,
    /// `prometheus-retention-time`: Prometheus' format exists when this is positive.
    pub prometheus_retention_time: u64,
    /// `enable-hostname-label`: this host's name as the label `host`.
    pub hostname_label: Option<String>,
    /// `global-labels`: on every metric.
    pub global_labels: Vec<(String, String)>,
}

/// Content type of Prometheus' text format.
pub const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
