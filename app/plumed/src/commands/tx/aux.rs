//! A transaction whose signer leaves the fee to somebody else.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use plume_client::{Keyring, aux_from_json, aux_to_json, sign_aux, tx_of_aux};
use plume_primitives::{Coin, Gas};
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use plume_proto::cosmos::tx::v1beta1::{Fee, Tx};

use super::flow::{self, Place};
use super::{file, gas, signature};
use crate::cli::{SignModeArg, TxArgs};
use crate::commands::keys;
use crate::home::Home;

/// Prints the signature of `from` over the body of `tx`. The fee is none of it.
pub fn print(home: &Home, args: &TxArgs, keyring: &Keyring, from: &str, tx: &Tx) -> Result<()> {
    // `direct` is what the flag says when nobody gave it.
    ensure!(
        matches!(args.sign_mode, SignModeArg::Direct | SignModeArg::DirectAux),
        "--aux signs in direct-aux: in every other mode a signature covers the fee"
    );
    let record = keyring.get(from)?;
    let address = keyring.prefix().account(&record.address());
    let place = Place::of(home, args, &address)?;
    let data = sign_aux(tx, &keyring.private_key(&record.name)?, &place.signer(), keyring.prefix())?;
    file::write_json(&aux_to_json(&data)?, None)
}

/// Puts what others have signed into one transaction, adds the fee, and signs as its payer.
pub fn to_fee(home: &Home, files: &[PathBuf], args: &TxArgs) -> Result<()> {
    ensure!(args.sign_mode != SignModeArg::DirectAux, "the payer of the fee cannot sign with direct-aux");
    let read = |path: &PathBuf| {
        aux_from_json(&file::text(path)?).with_context(|| format!("{} was not written by --aux", path.display()))
    };
    let signed = files.iter().map(read).collect::<Result<Vec<_>>>()?;
    let keyring = keys::open(home, &args.keyring)?;
    let record = keyring.get(args.from.as_deref().context("name the key that pays with --from")?)?;
    let address = keyring.prefix().account(&record.address());
    let chain_id = flow::chain_id(home, args)?;
    let granter = args.fee_granter.as_deref().map(|text| keys::address_of(&keyring, text)).transpose();
    let granter = granter.context("--fee-granter")?.unwrap_or_default();
    let with_limit = |limit: Gas| -> Result<Tx> {
        let coin = |coin: &Coin| ProtoCoin { denom: coin.denom.to_string(), amount: coin.amount.to_string() };
        let amount = flow::fee(args, limit)?.iter().map(coin).collect();
        let fee = Fee { amount, gas_limit: limit.get(), payer: address.clone(), granter: granter.clone() };
        Ok(tx_of_aux(&signed, fee, &chain_id, keyring.prefix())?)
    };
    let mut tx = with_limit(flow::gas_limit(args)?)?;
    if args.gas == "auto" || args.dry_run {
        ensure!(!args.offline, "gas cannot be simulated --offline: name a limit with --gas");
        let limit = gas::estimate(home, args, &tx, &flow::signers_of(home, args, &keyring, &tx)?)?;
        eprintln!("gas estimate: {}", limit.get());
        if args.dry_run {
            return Ok(());
        }
        tx = with_limit(limit)?;
    }
    if args.generate_only {
        return file::write(&tx, None);
    }
    let place = Place::of(home, args, &address)?;
    signature::add(home, args, &mut tx, &keyring.private_key(&record.name)?, &place, keyring.prefix())?;
    flow::send(home, args, &tx)
}
