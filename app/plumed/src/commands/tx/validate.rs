//! Checking a transaction's signatures.

use std::path::Path;

use anyhow::{Context, Result, bail};
use plume_client::{require_valid, required_signers};
use plume_crypto::{PublicKey, SignatureData};
use plume_primitives::{Address, Bech32Prefix};
use plume_proto::cosmos::tx::v1beta1::{SignerInfo, Tx};
use serde_json::{Value, json};

use super::file;
use super::flow::Place;
use crate::cli::{OutputFormat, TxArgs};
use crate::home::Home;

/// Checks each signature and prints the outcome; a wrong one or a missing one is a failure.
pub fn run(home: &Home, path: &Path, args: &TxArgs) -> Result<()> {
    let tx = file::read(path)?;
    let prefix = home.prefix()?;
    let signers = required_signers(&tx, &prefix)?;
    let infos = tx.auth_info.as_ref().map(|auth| auth.signer_infos.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    for (index, address) in signers.iter().enumerate() {
        let found = infos.get(index).zip(tx.signatures.get(index));
        let problem = match found {
            None => Some("no signature".to_owned()),
            Some((info, signature)) => {
                check(home, args, &tx, address, info, signature, &prefix).err().map(|e| format!("{e:#}"))
            }
        };
        rows.push((prefix.account(address), problem));
    }
    let surplus = tx.signatures.len() > signers.len();
    let all_valid = !surplus && rows.iter().all(|(_, problem)| problem.is_none());
    if args.node.output == Some(OutputFormat::Json) {
        let signatures: Vec<Value> = rows
            .iter()
            .map(|(address, problem)| json!({"address": address, "valid": problem.is_none(), "problem": problem}))
            .collect();
        println!("{}", json!({"valid": all_valid, "signatures": signatures}));
    } else {
        println!("Signers:");
        rows.iter().enumerate().for_each(|(i, (address, _))| println!("  {i}: {address}"));
        println!("\nSignatures:");
        for (i, (address, problem)) in rows.iter().enumerate() {
            let mark = problem.as_ref().map_or_else(|| "[OK]".to_owned(), |problem| format!("[ERROR: {problem}]"));
            println!("  {i}: {address}\t\t\t{mark}");
        }
    }
    if surplus {
        bail!("the transaction has {} signatures for {} signers", tx.signatures.len(), signers.len());
    }
    if !all_valid {
        bail!("signatures validation failed");
    }
    Ok(())
}

fn check(
    home: &Home,
    args: &TxArgs,
    tx: &Tx,
    address: &Address,
    info: &SignerInfo,
    signature: &[u8],
    prefix: &Bech32Prefix,
) -> Result<()> {
    let key = info.public_key.as_ref().context("its signer info has no public key")?;
    let key = PublicKey::from_any(key)?;
    if key.address() != *address {
        bail!("signature does not match its respective signer: the key is that of {}", prefix.account(&key.address()));
    }
    let data = SignatureData::from_proto(info.mode_info.as_ref(), &signature.to_vec().into())?;
    let place = Place::of(home, args, &prefix.account(address))?;
    // The sequence that was signed, whatever the account has by now, unless the flags say another one.
    let sequence = args.sequence.unwrap_or(info.sequence);
    require_valid(tx, &key, &data, &plume_client::Signer { sequence, ..place.signer() }, prefix)?;
    Ok(())
}
