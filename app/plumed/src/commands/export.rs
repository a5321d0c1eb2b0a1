use anyhow::{Context, Result};
use plume_engine::Executor;
use plume_home::genesis::{GenesisDoc, GenesisValidator};
use plume_primitives::Height;

use crate::cli::ExportArgs;
use crate::home::Home;
use crate::node;

/// Writes the state as a genesis document.
pub fn run(home: &Home, args: &ExportArgs) -> Result<()> {
    let chain = node::open(home, &node::Overrides::default())?;
    let genesis = chain.reader().export(args.height.map(Height))?;
    let doc = GenesisDoc {
        time: genesis.time,
        chain_id: genesis.chain_id,
        initial_height: genesis.initial_height,
        consensus_params: genesis.consensus_params,
        validators: genesis
            .validators
            .into_iter()
            .map(|validator| GenesisValidator { key: validator.key, power: validator.power, name: String::new() })
            .collect(),
        app_hash: bytes::Bytes::new(),
        app_state: serde_json::from_slice(&genesis.app_state).context("exported app_state")?,
    };
    let text = doc.to_json();
    match &args.output_document {
        Some(path) => std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display())),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}
