//! Making, signing and broadcasting transactions.

mod aux;
mod broadcast;
mod file;
mod flow;
mod gas;
mod message;
mod multisign;
mod sign;
mod signature;
mod validate;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_client::{decode_tx, encode_tx, tx_to_json};

use crate::cli::TxCommand;
use crate::home::Home;

pub use file::text as text_of;

/// Runs a `tx` command.
pub fn run(home: &Home, command: TxCommand) -> Result<()> {
    match command {
        TxCommand::Message(message) => message::run(home, &message),
        TxCommand::Sign(args) => sign::run(home, &args),
        TxCommand::SignBatch { files, multisig, signature_only, append, output_document, tx } => {
            let out = output_document.as_deref();
            let batch = sign::Batch { files: &files, multisig: multisig.as_deref(), signature_only, append, out };
            sign::batch(home, &tx, &batch)
        }
        TxCommand::Multisign(args) => multisign::run(home, &args),
        TxCommand::MultisignBatch { args, no_auto_increment } => multisign::batch(home, &args, no_auto_increment),
        TxCommand::ValidateSignatures { file, tx } => validate::run(home, &file, &tx),
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
        TxCommand::AuxToFee { files, tx } => aux::to_fee(home, &files, &tx),
        TxCommand::Broadcast { file, tx } => broadcast::run(home, &file::read(&file)?, &tx),
        TxCommand::Simulate { file, tx } => gas::run(home, &file::read(&file)?, &tx),
    }
}
