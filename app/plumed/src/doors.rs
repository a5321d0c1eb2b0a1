//! The node's doors for clients: sections `[api]`, `[grpc]`, `[grpc-web]` and `[telemetry]` of `app.toml`, and opening what
//! they say.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use plume_chain::ChainReader;
use plume_engine::Engine;
use plume_gateway::observe::Telemetry;
use plume_gateway::rest::RestSettings;
use plume_gateway::{Descriptors, Gateway, GatewaySettings, GrpcSettings, NodeSettings};
use plume_primitives::DecCoins;
use plume_proto::cosmos::tx::signing::v1beta1::SignMode;
use serde::{Deserialize, Deserializer};
use tracing::info;

use crate::cli::StartArgs;
use crate::home::AppConfig;

/// `[api]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Whether REST is served.
    pub enable: bool,
    /// Whether its description is served as a page.
    pub swagger: bool,
    /// `tcp://host:port`.
    pub address: String,
    /// Connections at one time; 0 for no limit.
    pub max_open_connections: usize,
    /// Seconds for a request to arrive.
    pub rpc_read_timeout: u64,
    /// Seconds that a client may take nothing of an answer; 0 for no limit.
    pub rpc_write_timeout: u64,
    /// Largest body of a request in bytes.
    pub rpc_max_body_bytes: usize,
    /// Whether pages of every origin may call.
    pub enabled_unsafe_cors: bool,
}

/// The SDK's defaults, but for the time to write, on which it has no limit.
impl Default for ApiConfig {
    fn default() -> Self {
        let settings = RestSettings::default();
        Self {
            enable: false,
            swagger: settings.swagger,
            address: settings.address,
            max_open_connections: settings.max_open_connections,
            rpc_read_timeout: settings.read_timeout.as_secs(),
            rpc_write_timeout: settings.write_timeout.as_secs(),
            rpc_max_body_bytes: settings.max_body_bytes,
            enabled_unsafe_cors: settings.unsafe_cors,
        }
    }
}

/// `[grpc]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GrpcConfig {
    /// Whether gRPC is served.
    pub enable: bool,
    /// `host:port`.
    pub address: String,
    /// Largest request in bytes. The SDK writes it as text.
    #[serde(deserialize_with = "number_or_text")]
    pub max_recv_msg_size: usize,
    /// Largest response in bytes. The SDK writes it as text.
    #[serde(deserialize_with = "number_or_text")]
    pub max_send_msg_size: usize,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        let GrpcSettings { address, max_recv_msg_size, max_send_msg_size, .. } = GrpcSettings::default();
        Self { enable: true, address, max_recv_msg_size, max_send_msg_size }
    }
}

/// `[grpc-web]` of `app.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GrpcWebConfig {
    /// Whether gRPC-web is served at the API's address.
    pub enable: bool,
}

impl Default for GrpcWebConfig {
    fn default() -> Self {
        Self { enable: true }
    }
}

/// `[telemetry]` of `app.toml`. Sinks other than the memory and Prometheus have no effect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Stands before each name.
    pub service_name: String,
    /// Whether `/metrics` is served at the API's address.
    pub enabled: bool,
    /// No effect: names of hosts stand in labels only.
    pub enable_hostname: bool,
    /// Whether each figure has this host's name as a label.
    pub enable_hostname_label: bool,
    /// No effect: the name of the service stands before the names.
    pub enable_service_label: bool,
    /// Whether Prometheus' format is served: if above 0.
    pub prometheus_retention_time: u64,
    /// Labels of every figure: pairs of name and value.
    pub global_labels: Vec<(String, String)>,
    /// No effect.
    pub metrics_sink: String,
    /// No effect.
    pub statsd_addr: String,
    /// No effect.
    pub datadog_hostname: String,
}

/// A number, also where it stands as text, as in the SDK's files.
pub fn number_or_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + FromStr<Err: core::fmt::Display>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Number(T),
        Text(String),
    }
    match Either::<T>::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// The four sections with their comments.
pub fn to_toml(config: &AppConfig) -> String {
    let AppConfig { api, grpc, grpc_web, telemetry, .. } = config;
    let labels: Vec<String> = telemetry.global_labels.iter().map(|(k, v)| format!("[{k:?}, {v:?}]")).collect();
    format!(
        "# Figures of the doors below, at /metrics of the API.\n\
         [telemetry]\n\n\
         # Stands before each name.\nservice-name = {:?}\n\n\
         # Whether figures are served.\nenabled = {}\n\n\
         # No effect.\nenable-hostname = {}\n\n\
         # Whether each figure has this host's name as a label.\nenable-hostname-label = {}\n\n\
         # No effect.\nenable-service-label = {}\n\n\
         # Prometheus' format is served if this is positive.\nprometheus-retention-time = {}\n\n\
         # Labels of every figure, for example [[\"chain_id\", \"plume-1\"]].\nglobal-labels = [{}]\n\n\
         # REST.\n\
         [api]\n\n\
         # Whether it is served.\nenable = {}\n\n\
         # Whether its description is served as a page (/swagger/).\nswagger = {}\n\n\
         # Where it listens.\naddress = {:?}\n\n\
         # Connections at one time; one more closes the one that has been idle the longest. 0: no limit.\n\
         max-open-connections = {}\n\n\
         # Seconds for a request to arrive.\nrpc-read-timeout = {}\n\n\
         # Seconds that a client may take nothing of an answer; 0: no limit.\nrpc-write-timeout = {}\n\n\
         # Largest body of a request, in bytes.\nrpc-max-body-bytes = {}\n\n\
         # Whether web pages of every origin may call (unsafe where the API can do more than everyone may).\n\
         enabled-unsafe-cors = {}\n\n\
         # gRPC.\n\
         [grpc]\n\n\
         # Whether it is served.\nenable = {}\n\n\
         # Where it listens.\naddress = {:?}\n\n\
         # Largest message that is received, in bytes.\nmax-recv-msg-size = \"{}\"\n\n\
         # Largest message that is sent, in bytes.\nmax-send-msg-size = \"{}\"\n\n\
         # gRPC for web pages, at the address of the API; needs both of the above.\n\
         [grpc-web]\n\n\
         # Whether it is served.\nenable = {}\n",
        telemetry.service_name,
        telemetry.enabled,
        telemetry.enable_hostname,
        telemetry.enable_hostname_label,
        telemetry.enable_service_label,
        telemetry.prometheus_retention_time,
        labels.join(", "),
        api.enable,
        api.swagger,
        api.address,
        api.max_open_connections,
        api.rpc_read_timeout,
        api.rpc_write_timeout,
        api.rpc_max_body_bytes,
        api.enabled_unsafe_cors,
        grpc.enable,
        grpc.address,
        grpc.max_recv_msg_size,
        grpc.max_send_msg_size,
        grpc_web.enable,
    )
}

/// Opens the doors that `app.toml` and the command line name, over a chain and its engine. Blocks until they listen.
pub fn open(reader: ChainReader, engine: Arc<dyn Engine>, app: &AppConfig, args: &StartArgs) -> Result<Gateway> {
    let settings = settings(app, args);
    let descriptors = Descriptors::decode(plume_proto::DESCRIPTOR_SET).context("the descriptors do not decode")?;
    let gateway = Gateway::start(reader, engine, Arc::new(descriptors), node(app, args)?, settings)
        .context("the doors for clients do not open: see [grpc] and [api] in app.toml")?;
    if let Some(address) = gateway.grpc() {
        info!(%address, "gRPC");
    }
    if let Some(address) = gateway.rest() {
        info!(%address, "REST");
    }
    Ok(gateway)
}

fn settings(app: &AppConfig, args: &StartArgs) -> GatewaySettings {
    let (api, grpc, telemetry) = (&app.api, &app.grpc, &app.telemetry);
    GatewaySettings {
        grpc: args.grpc_enable.unwrap_or(grpc.enable).then(|| GrpcSettings {
            address: args.grpc_address.clone().unwrap_or_else(|| grpc.address.clone()),
            max_recv_msg_size: grpc.max_recv_msg_size,
            max_send_msg_size: grpc.max_send_msg_size,
            ..GrpcSettings::default()
        }),
        grpc_web: args.grpc_web_enable.unwrap_or(app.grpc_web.enable),
        rest: args.api_enable.unwrap_or(api.enable).then(|| RestSettings {
            address: args.api_address.clone().unwrap_or_else(|| api.address.clone()),
            max_open_connections: api.max_open_connections,
            read_timeout: Duration::from_secs(api.rpc_read_timeout),
            write_timeout: Duration::from_secs(api.rpc_write_timeout),
            max_body_bytes: api.rpc_max_body_bytes,
            unsafe_cors: args.api_enabled_unsafe_cors.unwrap_or(api.enabled_unsafe_cors),
            swagger: args.api_swagger.unwrap_or(api.swagger),
            ..RestSettings::default()
        }),
        telemetry: Telemetry {
            enabled: telemetry.enabled,
            service_name: telemetry.service_name.clone(),
            prometheus_retention_time: telemetry.prometheus_retention_time,
            hostname_label: telemetry.enable_hostname_label.then(hostname).flatten(),
            global_labels: telemetry.global_labels.clone(),
        },
    }
}

fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}

fn node(app: &AppConfig, args: &StartArgs) -> Result<NodeSettings> {
    let prices = args.minimum_gas_prices.as_ref().unwrap_or(&app.minimum_gas_prices);
    let prices: DecCoins = prices.parse().with_context(|| format!("minimum-gas-prices {prices:?}"))?;
    let modes = [SignMode::Direct, SignMode::Textual, SignMode::DirectAux, SignMode::LegacyAminoJson];
    Ok(NodeSettings {
        name: "plume".to_owned(),
        app_name: "plumed".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: option_env!("PLUME_GIT_COMMIT").unwrap_or_default().to_owned(),
        minimum_gas_prices: prices.to_string(),
        pruning_keep_recent: args.pruning_keep_recent.unwrap_or(app.pruning_keep_recent).to_string(),
        // Every block prunes what has become too old.
        pruning_interval: "0".to_owned(),
        halt_height: args.halt_height.unwrap_or(app.halt_height),
        commands: plume_codec::decode_json(&serde_json::from_str(plume_proto::AUTOCLI)?)?,
        sign_modes: modes.iter().map(|mode| (mode.as_str_name().to_owned(), *mode as i32)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_numbers_and_as_the_text_that_the_sdk_writes() {
        let read = |text: &str| toml::from_str::<GrpcConfig>(text).map(|grpc| grpc.max_recv_msg_size);
        assert_eq!(read("max-recv-msg-size = \"5\""), Ok(5));
        assert_eq!(read("max-recv-msg-size = 6"), Ok(6));
        assert!(read("max-recv-msg-size = \"many\"").is_err());
    }

    #[test]
    fn doors_are_the_sdks_until_somebody_says_otherwise() {
        #[derive(clap::Parser)]
        struct Start {
            #[command(flatten)]
            args: StartArgs,
        }
        let app = AppConfig::default();
        let given = |flags: &[&str]| {
            let command = ["start"].into_iter().chain(flags.iter().copied());
            settings(&app, &<Start as clap::Parser>::parse_from(command).args)
        };
        let open = given(&[]);
        assert_eq!(open.grpc.as_ref().map(|grpc| grpc.address.as_str()), Some("localhost:9090"));
        assert_eq!((open.rest.is_some(), open.grpc_web), (false, true));
        let open = given(&["--grpc.enable=false", "--api.enable", "--api.address", "tcp://0.0.0.0:1"]);
        assert!(open.grpc.is_none());
        assert_eq!(open.rest.map(|rest| rest.address), Some("tcp://0.0.0.0:1".to_owned()));
    }
}
