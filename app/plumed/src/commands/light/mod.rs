//! A light client on the command line: nothing that the node says is believed, but for one header that the user names.

mod args;
mod node;
mod query;
mod session;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use plume_light_client::Error;

pub use args::LightCommand;

use crate::home::Home;

/// Exit code when a witness proves that the chain is forked.
const FORKED: u8 = 3;

/// Runs a command; 3 if a witness has another chain that verifies as well.
pub fn run(home: &Home, command: &LightCommand) -> Result<ExitCode> {
    let done = match command {
        LightCommand::Verify(args) => verify::run(home, args),
        LightCommand::Query(args) => query::run(home, args),
    };
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<Error>() {
            Some(fork @ Error::Divergence(_)) => {
                eprintln!("Error: {fork}");
                eprintln!(
                    "Validators have signed two chains: trust neither node, and show both blocks to the operators."
                );
                Ok(ExitCode::from(FORKED))
            }
            Some(refused) => Err(session::explain(refused)),
            None => Err(error),
        },
    }
}
