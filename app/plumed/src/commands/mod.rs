//! One module for each command.

mod bench;
mod comet;
mod config;
mod debug;
mod devnet;
mod export;
mod genesis;
mod in_place_testnet;
mod init;
mod keys;
mod light;
mod man;
mod module_hash;
mod network;
mod pre_upgrade;
mod prune;
mod query;
mod registry;
mod replay;
mod rollback;
mod snapshots;
mod start;
mod status;
mod testnet;
mod tx;
mod version;

use std::process::ExitCode;

use anyhow::Result;

pub use export::ExportArgs;
pub use light::LightCommand;
pub use prune::PruneArgs;
pub use replay::ReplayArgs;
pub use rollback::RollbackArgs;
pub use snapshots::SnapshotsCommand;

use crate::cli::{Cli, Command, GenesisCommand, TestnetCommand};
use crate::home::Home;
use crate::logs;

/// Runs the command; the exit code is that of the engine for `start`.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let home = Home::of(cli.home.as_deref())?;
    logs::init(&cli.log_level, cli.log_format)?;
    let logs = logs::Settings { filter: cli.log_level, format: cli.log_format };
    match cli.command {
        Command::Init(args) => init::run(&home, &args)?,
        Command::Start(args) => return start::run(&home, &args, &logs),
        Command::Keys(command) => keys::run(&home, command)?,
        Command::Genesis(command) => genesis::run(&home, command)?,
        Command::AddGenesisAccount(args) => genesis::run(&home, GenesisCommand::AddGenesisAccount(args))?,
        Command::ValidateGenesis(args) => genesis::run(&home, GenesisCommand::Validate(args))?,
        Command::Testnet(TestnetCommand::InitFiles(args)) => testnet::init_files(&args)?,
        Command::Devnet(args) => return devnet::run(&args, &logs),
        Command::Tx(command) => tx::run(&home, command)?,
        Command::Query(command) => query::run(&home, command)?,
        Command::Status(args) => status::run(&home, &args)?,
        Command::Light(command) => return light::run(&home, &command),
        Command::Comet(command) => comet::run(&home, &command)?,
        Command::Config(command) => config::run(&home, command)?,
        Command::Debug(args) => debug::run(&home, &args)?,
        Command::Registry(args) => registry::run(&home, &args)?,
        Command::Completion(args) => man::completion(&args),
        Command::Man(args) => man::run(&args)?,
        Command::ModuleHashByHeight { height, output } => module_hash::run(&home, height, output)?,
        Command::Export(args) => export::run(&home, &args)?,
        Command::Snapshots(command) => snapshots::run(&home, &command)?,
        Command::Rollback(args) => rollback::run(&home, &args)?,
        Command::InPlaceTestnet(args) => return in_place_testnet::run(&home, &args, &logs),
        Command::PreUpgrade => return Ok(pre_upgrade::run(&home)),
        Command::Prune(args) => prune::run(&home, &args)?,
        Command::Replay(args) => replay::run(&home, &args)?,
        Command::Bench(command) => bench::run(&home, &command)?,
        Command::Version { long, output } => version::run(long, output),
    }
    Ok(ExitCode::SUCCESS)
}
