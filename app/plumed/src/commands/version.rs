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
    let details = json!({
        "name": "plume",
        "server_name": "plumed",
        "version": version,
        "rust_version": env!("CARGO_PKG_RUST_VERSION"),
        "compatible_with": {
            "cosmos_sdk": "v0.50.15",
            "cometbft": format!("v{}", plume_home::config::COMETBFT_VERSION),
            "ibc_go": "v8.8.0"
        }
    });
    output::print(&details, format);
}
