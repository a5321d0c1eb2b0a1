//! Putting the signatures of a multisig key's members together.

use anyhow::{Context, Result, ensure};
use plume_client::{combine_multisig, descriptors_from_json, tx_from_json, tx_to_json};
use plume_proto::cosmos::tx::signing::v1beta1::SignatureDescriptor;
use plume_proto::cosmos::tx::v1beta1::Tx;
use serde_json::Value;

use super::file;
use super::flow::Place;
use crate::cli::MultisignArgs;
use crate::commands::keys;
use crate::home::Home;

/// Combines the signatures for the transaction of a file.
pub fn run(home: &Home, args: &MultisignArgs) -> Result<()> {
    let mut descriptors = Vec::new();
    for path in &args.signatures {
        let read = descriptors_from_json(&file::text(path)?)
            .with_context(|| format!("{} holds no signature", path.display()))?;
        descriptors.extend(read);
    }
    let combiner = Combiner::of(home, args)?;
    let combined = combiner.combine(file::read(&args.file)?, &descriptors)?;
    file::write_json(&combined, args.output_document.as_deref())
}

/// Combines the signatures for the transactions of a file, line by line.
pub fn batch(home: &Home, args: &MultisignArgs, same_sequence: bool) -> Result<()> {
    let txs: Vec<Tx> = file::read_lines(&args.file, |line| Ok(tx_from_json(line)?))?;
    let mut by_tx: Vec<Vec<SignatureDescriptor>> = vec![Vec::new(); txs.len()];
    for path in &args.signatures {
        let lines = file::read_lines(path, |line| Ok(descriptors_from_json(line)?))?;
        ensure!(
            lines.len() == txs.len(),
            "{} holds signatures for {} transactions, {} holds {}",
            path.display(),
            lines.len(),
            args.file.display(),
            txs.len()
        );
        for (all, more) in by_tx.iter_mut().zip(lines) {
            all.extend(more);
        }
    }
    let mut combiner = Combiner::of(home, args)?;
    let mut combined = Vec::with_capacity(txs.len());
    for (tx, descriptors) in txs.into_iter().zip(&by_tx) {
        combined.push(combiner.combine(tx, descriptors)?);
        if !same_sequence {
            let next = combiner.place.sequence.checked_add(1);
            combiner.place.sequence = next.context("the sequence would pass 2^64 - 1")?;
        }
    }
    file::write_lines(&combined, args.output_document.as_deref())
}

struct Combiner {
    keyring: plume_client::Keyring,
    group: plume_client::Record,
    place: Place,
}

impl Combiner {
    fn of(home: &Home, args: &MultisignArgs) -> Result<Self> {
        let keyring = keys::open(home, &args.tx.keyring)?;
        let group = keyring.get(&args.name)?;
        let place = Place::of(home, &args.tx, &keyring.prefix().account(&group.address()))?;
        Ok(Self { keyring, group, place })
    }

    fn combine(&self, mut tx: Tx, descriptors: &[SignatureDescriptor]) -> Result<Value> {
        combine_multisig(&mut tx, &self.group.public_key, descriptors, &self.place.signer(), self.keyring.prefix())?;
        Ok(tx_to_json(&tx)?)
    }
}
