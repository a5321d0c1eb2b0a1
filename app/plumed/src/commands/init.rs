use anyhow::{Result, bail};
use plume_home::config::Config;
use plume_primitives::Height;
use serde_json::json;

use crate::cli::InitArgs;
use crate::genesis_file::{GenesisFile, NewChain};
use crate::home::{AppConfig, ClientConfig, Home};
use crate::output::now;

/// Writes configuration, keys and genesis of a new node.
pub fn run(home: &Home, args: &InitArgs) -> Result<()> {
    let genesis = home.genesis();
    if genesis.exists() && !args.overwrite {
        bail!("{} exists: use --overwrite to replace it, or another --home", genesis.display());
    }
    home.comet().init(&Config { moniker: args.moniker.clone(), ..Config::default() })?;
    let client =
        ClientConfig { chain_id: args.chain_id.clone(), bech32_prefix: args.prefix.clone(), ..ClientConfig::default() };
    home.write_configs(&AppConfig::default(), &client)?;
    let chain = NewChain {
        chain_id: &args.chain_id,
        time: now()?,
        initial_height: Height(args.initial_height.max(1)),
        prefix: &args.prefix,
        denom: &args.default_denom,
    };
    let file = GenesisFile::new(genesis, &chain);
    file.doc().validate()?;
    file.prefix()?;
    file.write()?;
    println!(
        "{}",
        json!({"moniker": args.moniker, "chain_id": args.chain_id, "node_id": home.comet().node_id()?, "home": home.path()})
    );
    Ok(())
}
