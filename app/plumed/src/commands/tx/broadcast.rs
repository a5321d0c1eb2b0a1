//! Handing transactions to a node.

use anyhow::{Result, bail};
use plume_client::encode_tx;
use plume_proto::cosmos::tx::v1beta1::Tx;

use crate::cli::TxArgs;
use crate::commands::query::{Client, broadcast_response};
use crate::home::Home;
use crate::output;

/// Sends the signed transaction of a file.
pub fn run(home: &Home, tx: &Tx, args: &TxArgs) -> Result<()> {
    if args.offline {
        bail!("cannot broadcast a transaction with --offline");
    }
    if tx.signatures.is_empty() {
        bail!("the transaction is not signed: run `plumed tx sign` first");
    }
    send(home, args, &encode_tx(tx)?)
}

/// Sends transaction bytes and prints the node's answer; a refusal is a failure of the command.
pub fn send(home: &Home, args: &TxArgs, bytes: &[u8]) -> Result<()> {
    let client = Client::of(home, &args.node)?;
    let mode =
        args.broadcast_mode.clone().map_or_else(|| home.client_config().map(|config| config.broadcast_mode), Ok)?;
    let answer = match mode.as_str() {
        "sync" => client.rpc.broadcast_tx_sync(bytes)?,
        "async" => client.rpc.broadcast_tx_async(bytes)?,
        other => bail!("broadcast mode {other:?}: use sync or async"),
    };
    output::print(&broadcast_response(&answer), client.format);
    if answer.code != 0 {
        bail!("the node refused the transaction: {} ({}/{})", answer.log, answer.codespace, answer.code);
    }
    Ok(())
}
