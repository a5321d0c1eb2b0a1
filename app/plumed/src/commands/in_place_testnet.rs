//! `in-place-testnet`: a chain of one's own that goes on with the state of another one.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use plume_home::genesis::GenesisValidator;
use plume_home::keys::consensus_address;
use plume_primitives::{Address, Coins, Height};
use serde_json::json;

use super::{config, export, keys, start};
use crate::cli::{ConfigFile, InPlaceTestnetArgs, OutputFormat};
use crate::genesis_file::GenesisFile;
use crate::home::Home;
use crate::output::{self, now};
use crate::{logs, node};

/// Voting power of the only validator.
const POWER: i64 = 10;

/// What each account gets unless told otherwise, in base units.
const BALANCE: u128 = 1_000_000_000_000;

/// Makes the home's state that of a new chain whose only validator is this node, and starts it.
///
/// Nothing of the home changes before the new genesis document was executed in memory. The former blocks and state are moved
/// aside, not removed.
pub fn run(home: &Home, args: &InPlaceTestnetArgs, logs: &logs::Settings) -> Result<ExitCode> {
    if !args.skip_confirmation {
        eprintln!("The state of {} becomes that of a new chain.", home.path().display());
        keys::confirm("Go on?").context("nothing was changed (--skip-confirmation asks nothing)")?;
    }
    let doc = export::exported(home, None)?;
    let (old, height) = (doc.chain_id.clone(), doc.initial_height.previous().unwrap_or(Height::ZERO));
    ensure!(old != args.new_chain_id, "the chain's id is {old} already: name another one, or use `plumed start`");
    let aside = home.path().join(format!("data-{old}-{height}"));
    ensure!(!aside.exists(), "{} is in the way: move it elsewhere", aside.display());

    let mut genesis = new_chain(home, args, doc)?;
    let funded = fund(args, &mut genesis)?;
    node::validate(genesis.doc().to_engine()).context("the new genesis document cannot be used")?;

    // The document first: should the process end in between, a state of another chain is refused by the next start.
    let former = home.genesis().with_file_name(format!("genesis-{old}.json"));
    fs::rename(home.genesis(), &former).with_context(|| format!("cannot write {}", former.display()))?;
    genesis.write()?;
    let data = home.comet().data_dir();
    fs::rename(&data, &aside).with_context(|| format!("cannot move {} to {}", data.display(), aside.display()))?;
    // What was signed on the other chain says nothing on this one: a signature names its chain.
    home.comet().unsafe_reset_all(false)?;
    config::change(home, ConfigFile::Client, &[("chain-id", &args.new_chain_id)])?;
    config::change(home, ConfigFile::App, &[("halt-height", "0"), ("halt-time", "0")])?;
    let alone = [("p2p.persistent_peers", ""), ("p2p.seeds", ""), ("statesync.enable", "false")];
    config::change(home, ConfigFile::Config, &alone)?;

    let validator = hex::encode_upper(consensus_address(&home.comet().validator_key()?));
    match args.output {
        OutputFormat::Text => {
            println!(
                "chain {} goes on from height {height} of {old}, with the validator {validator} alone",
                args.new_chain_id
            );
            println!("the former blocks and state lie in {}", aside.display());
        }
        OutputFormat::Json => output::print(
            &json!({
                "chain_id": args.new_chain_id,
                "former_chain_id": old,
                "initial_height": genesis.doc().initial_height.get().to_string(),
                "validator": validator,
                "funded": funded,
                "former_data": aside,
            }),
            args.output,
        ),
    }
    if args.no_start {
        return Ok(ExitCode::SUCCESS);
    }
    start::run(home, &args.start, logs)
}

/// The exported state as the beginning of a chain with another id and one validator.
fn new_chain(home: &Home, args: &InPlaceTestnetArgs, mut doc: plume_home::genesis::GenesisDoc) -> Result<GenesisFile> {
    doc.chain_id.clone_from(&args.new_chain_id);
    // The first block has this time, and the blocks before it were older.
    doc.time = now()?.max(doc.time);
    let key = home.comet().validator_key()?;
    doc.validators = vec![GenesisValidator { key, power: POWER, name: String::new() }];
    let genesis = GenesisFile::of(home.genesis(), doc);
    genesis.doc().validate()?;
    Ok(genesis)
}

/// Gives coins to the operator and to the accounts that are named; their addresses.
fn fund(args: &InPlaceTestnetArgs, genesis: &mut GenesisFile) -> Result<Vec<String>> {
    let prefix = genesis.prefix()?;
    let balance = match &args.balance {
        Some(balance) => balance.clone(),
        None => format!("{BALANCE}{}", genesis.base_denom()?),
    };
    let coins: Coins = balance.parse().with_context(|| format!("--balance {balance}"))?;
    let mut funded = Vec::new();
    for text in std::iter::once(&args.new_operator_address).chain(&args.accounts_to_fund) {
        let address: Address = prefix.parse_account(text).with_context(|| format!("account {text}"))?;
        genesis.add_account(&address, &coins, true)?;
        funded.push(text.clone());
    }
    Ok(funded)
}
