//! The homes of a network: what `devnet` and `testnet init-files` write alike.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use plume_home::config::Config;
use plume_primitives::Height;

use crate::genesis_file::{GenesisFile, NewChain};
use crate::home::{AppConfig, ClientConfig, Home};
use crate::output::now;

/// A node of the network, a validator like all others.
pub struct Member {
    /// Name among its peers.
    pub name: String,
    /// Where it lies.
    pub home: Home,
    /// Where others find it.
    pub host: String,
    /// Where it listens.
    pub listen: String,
    /// Port of the RPC.
    pub rpc: u16,
    /// Port for peers.
    pub p2p: u16,
    /// `app.toml`.
    pub app: AppConfig,
}

/// What all members have in common.
pub struct Common<'a> {
    /// Chain id.
    pub chain_id: &'a str,
    /// Prefix of account addresses.
    pub prefix: &'a str,
    /// Base denomination.
    pub denom: &'a str,
    /// Keyring of each node.
    pub keyring_backend: &'a str,
    /// Voting power of each validator.
    pub power: u64,
    /// Whether all run on one machine.
    pub one_machine: bool,
    /// Origins whose web pages may call the RPC.
    pub origins: Vec<String>,
}

/// Refuses a folder that holds something.
pub fn require_empty(folder: &Path) -> Result<()> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: choose a new folder, or remove it", folder.display());
    }
    Ok(())
}

/// Writes keys and settings of all members, and one genesis document with their validators and the accounts that `fund` adds.
/// Gives what `fund` gave.
pub fn write<T>(
    common: &Common<'_>,
    members: &[Member],
    fund: impl FnOnce(&mut GenesisFile) -> Result<T>,
) -> Result<T> {
    let chain = NewChain {
        chain_id: common.chain_id,
        time: now()?,
        initial_height: Height(1),
        prefix: common.prefix,
        denom: common.denom,
    };
    let first = members.first().context("a network needs at least 1 validator")?;
    let mut genesis = GenesisFile::new(first.home.genesis(), &chain);
    genesis.doc().validate()?;
    let mut peers = Vec::with_capacity(members.len());
    for member in members {
        // Makes the keys, which the others' settings name.
        member.home.comet().init(&Config::default())?;
        let client = ClientConfig {
            chain_id: common.chain_id.to_owned(),
            keyring_backend: common.keyring_backend.to_owned(),
            node: format!("tcp://{}:{}", member.host, member.rpc),
            bech32_prefix: common.prefix.to_owned(),
            ..ClientConfig::default()
        };
        member.home.write_configs(&member.app, &client)?;
        genesis.add_validator(&member.name, member.home.comet().validator_key()?, common.power)?;
        peers.push(format!("{}@{}:{}", member.home.comet().node_id()?, member.host, member.p2p));
    }
    let funded = fund(&mut genesis)?;
    for (member, own) in members.iter().zip(&peers) {
        let config = Config {
            moniker: member.name.clone(),
            rpc_laddr: format!("tcp://{}:{}", member.listen, member.rpc),
            p2p_laddr: format!("tcp://{}:{}", member.listen, member.p2p),
            cors_allowed_origins: common.origins.clone(),
            persistent_peers: peers.iter().filter(|peer| *peer != own).cloned().collect(),
            addr_book_strict: !common.one_machine,
            allow_duplicate_ip: common.one_machine,
            ..Config::default()
        };
        member.home.comet().init(&config)?;
        genesis.write_to(&member.home.genesis())?;
    }
    Ok(funded)
}
