use anyhow::Result;
use plume_home::keys::{sdk_json, valcons};
use serde_json::json;

use crate::cli::CometCommand;
use crate::genesis_file::GenesisFile;
use crate::home::Home;
use crate::output;

/// Versions of CometBFT's protocols, as its release 0.38 has them (`version/version.go`).
const ABCI: &str = "2.0.0";
const BLOCK_PROTOCOL: u64 = 11;
const P2P_PROTOCOL: u64 = 8;

/// Shows or resets the consensus engine's own files.
pub fn run(home: &Home, command: &CometCommand) -> Result<()> {
    let comet = home.comet();
    match command {
        CometCommand::ShowNodeId => println!("{}", comet.node_id()?),
        CometCommand::ShowValidator => println!("{}", sdk_json(&comet.validator_key()?)),
        CometCommand::ShowAddress => {
            let prefix = GenesisFile::read(home.genesis())?.prefix()?;
            println!("{}", valcons(&comet.validator_key()?, &prefix));
        }
        CometCommand::ResetState => {
            comet.reset_state()?;
            println!(
                "removed all blocks and state under {}, kept keys, configuration, genesis and what was signed",
                comet.data_dir().display()
            );
        }
        CometCommand::Version { output } => {
            let version = plume_home::config::COMETBFT_VERSION;
            let shown = json!({"cometbft": version, "abci": ABCI, "blockprotocol": BLOCK_PROTOCOL, "p2pprotocol": P2P_PROTOCOL});
            output::print(&shown, *output);
        }
        CometCommand::UnsafeResetAll { keep_addr_book } => {
            comet.unsafe_reset_all(*keep_addr_book)?;
            println!(
                "removed all blocks and state under {}, kept keys, configuration and genesis",
                comet.data_dir().display()
            );
        }
    }
    Ok(())
}
