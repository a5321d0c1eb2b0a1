//! Making, signing and broadcasting transactions.

mod bank;
mod broadcast;
mod file;
mod flow;
mod gas;
mod multisign;
mod sign;
mod signature;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_client::{decode_tx, encode_tx, tx_to_json};

use crate::cli::TxCommand;
use crate::home::Home;

/// Runs a `tx` command.
pub fn run(home: &Home, command: TxCommand) -> Result<()> {
    match command {
        TxCommand::Bank(command) => bank::run(home, command),
        TxCommand::Sign(args) => sign::run(home, &args),
        TxCommand::Multisign { file, name, signatures, output_document, tx } => {
            multisign::run(home, &file, &name, &signatures, output_document.as_deref(), &tx)
        }
        TxCommand::Encode { file } => {
            println!("{}", STANDARD.encode(encode_tx(&file::read(&file)?)?));
            Ok(())
        }
        TxCommand::Decode { encoded, hex } => {
            let bytes = if hex {
                hex::decode(&encoded).context("not hexadecimal")?
            } else {
                STANDARD.decode(&encoded).context("not base64; use --hex for hexadecimal")?
            };
            println!("{}", tx_to_json(&decode_tx(&bytes)?)?);
            Ok(())
        }
        TxCommand::Broadcast { file, tx } => broadcast::run(home, &file::read(&file)?, &tx),
        TxCommand::Simulate { file, tx } => gas::run(home, &file::read(&file)?, &tx),
    }
}
