use anyhow::Result;
use plume_home::keys::{sdk_json, valcons};

use crate::cli::CometCommand;
use crate::genesis_file::GenesisFile;
use crate::home::Home;

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
        CometCommand::UnsafeResetAll => {
            comet.unsafe_reset_all(false)?;
            println!(
                "removed all blocks and state under {}, kept keys, configuration and genesis",
                comet.data_dir().display()
            );
        }
    }
    Ok(())
}
