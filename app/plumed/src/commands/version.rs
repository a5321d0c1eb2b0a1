use serde_json::json;

use crate::cli::OutputFormat;
use crate::output;

/// Prints the version; `--long` adds what the binary is compatible with.
pub fn run(long: bool, format: OutputFormat) {
    let version = env!("CARGO_PKG_VERSION");
    if !long {
        println!("{version}");
        return;
    }
    let sdk = "v0.50.15";
    let details = json!({
        "name": "plume",
        "server_name": "plumed",
        "version": version,
        "commit": option_env!("PLUME_COMMIT").unwrap_or_default(),
        "build_tags": if cfg!(debug_assertions) { "dev" } else { "release" },
        "rust_version": env!("CARGO_PKG_RUST_VERSION"),
        "cosmos_sdk_version": sdk,
        "compatible_with": {
            "cosmos_sdk": sdk,
            "cometbft": format!("v{}", plume_home::config::COMETBFT_VERSION),
            "ibc_go": "v8.8.0"
        }
    });
    output::print(&details, format);
}
