//! Signing transactions that lie in files.

use anyhow::{Context, Result, ensure};
use plume_client::{
    Keyring, Record, decode_tx, descriptors_to_json, encode_tx, sign_as_multisig_member, tx_from_json, tx_to_json,
};
use plume_crypto::PrivateKey;
use plume_proto::cosmos::tx::signing::v1beta1::SignatureDescriptor;
use plume_proto::cosmos::tx::v1beta1::Tx;
use serde_json::Value;

use super::flow::{Place, mode};
use super::{file, signature};
use crate::cli::{TxArgs, TxFileArgs};
use crate::commands::keys;
use crate::home::Home;

/// Signs a transaction made with `--generate-only`.
pub fn run(home: &Home, args: &TxFileArgs) -> Result<()> {
    let mut tx = file::read(&args.file)?;
    if args.overwrite {
        tx.signatures.clear();
        tx.auth_info.get_or_insert_default().signer_infos.clear();
    }
    let hand = Hand::of(home, &args.tx, args.multisig.as_deref())?;
    let place = Place::of(home, &args.tx, &hand.address())?;
    file::write_json(&hand.sign(tx, &place, args.signature_only)?, args.output_document.as_deref())
}

/// What `sign-batch` is asked for.
pub struct Batch<'a> {
    /// Files with one transaction a line.
    pub files: &'a [std::path::PathBuf],
    /// The multisig account that is signed for.
    pub multisig: Option<&'a str>,
    /// Whether only signatures are printed.
    pub signature_only: bool,
    /// Whether all messages go into one transaction.
    pub append: bool,
    /// Where the result goes.
    pub out: Option<&'a std::path::Path>,
}

/// Signs the transactions of files, one a line, with growing sequences.
pub fn batch(home: &Home, args: &TxArgs, batch: &Batch<'_>) -> Result<()> {
    let mut txs = Vec::new();
    for path in batch.files {
        txs.extend(file::read_lines(path, |line| Ok(tx_from_json(line)?))?);
    }
    ensure!(!txs.is_empty(), "the files hold no transaction");
    if batch.append {
        txs = vec![joined(txs)?];
    }
    let hand = Hand::of(home, args, batch.multisig)?;
    let mut place = Place::of(home, args, &hand.address())?;
    let mut signed = Vec::with_capacity(txs.len());
    for tx in txs {
        signed.push(hand.sign(tx, &place, batch.signature_only)?);
        place.sequence = place.sequence.checked_add(1).context("the sequence would pass 2^64 - 1")?;
    }
    file::write_lines(&signed, batch.out)
}

/// All messages in the first transaction, with the sum of the gas limits and of the fees.
fn joined(txs: Vec<Tx>) -> Result<Tx> {
    let mut txs = txs.into_iter();
    let mut all = txs.next().context("the files hold no transaction")?;
    for tx in txs {
        let body = all.body.get_or_insert_default();
        body.messages.extend(tx.body.unwrap_or_default().messages);
        let fee = tx.auth_info.unwrap_or_default().fee.unwrap_or_default();
        let sum = all.auth_info.get_or_insert_default().fee.get_or_insert_default();
        sum.gas_limit = sum.gas_limit.checked_add(fee.gas_limit).context("the gas limits would pass 2^64 - 1")?;
        sum.amount = super::flow::sum(&sum.amount, &fee.amount)?;
    }
    // Through bytes and back: what cannot be encoded is refused here.
    Ok(decode_tx(&encode_tx(&all)?)?)
}

/// A key, and the multisig account that it signs for, if any.
pub struct Hand<'a> {
    home: &'a Home,
    args: &'a TxArgs,
    keyring: Keyring,
    key: PrivateKey,
    group: Option<Record>,
}

impl<'a> Hand<'a> {
    /// The key that `--from` names, and the group that `multisig` names.
    pub fn of(home: &'a Home, args: &'a TxArgs, multisig: Option<&str>) -> Result<Self> {
        let keyring = keys::open(home, &args.keyring)?;
        let key = keyring.private_key(args.from.as_deref().context("name the key with --from")?)?;
        let group = multisig.map(|group| keyring.get(group)).transpose();
        let group =
            group.context("--multisig: the multisig key must be in the keyring; `keys add --multisig` makes it")?;
        Ok(Self { home, args, keyring, key, group })
    }

    /// The account that is signed for.
    pub fn address(&self) -> String {
        let address = self.group.as_ref().map_or_else(|| self.key.public_key().address(), Record::address);
        self.keyring.prefix().account(&address)
    }

    /// The signed transaction; of a member of a group, or on request, only the signature.
    pub fn sign(&self, mut tx: Tx, place: &Place, signature_only: bool) -> Result<Value> {
        let prefix = self.keyring.prefix();
        if let Some(group) = &self.group {
            let signature = sign_as_multisig_member(&tx, &self.key, &group.public_key, &place.signer(), prefix)?;
            return Ok(descriptors_to_json(vec![signature])?);
        }
        signature::add(self.home, self.args, &mut tx, &self.key, place, prefix)?;
        if !signature_only {
            return Ok(tx_to_json(&tx)?);
        }
        let own = self.key.public_key().to_any();
        let infos = tx.auth_info.iter().flat_map(|auth| &auth.signer_infos);
        let signatures: Vec<SignatureDescriptor> = infos
            .zip(&tx.signatures)
            .filter(|(info, _)| info.public_key.as_ref() == Some(&own))
            .map(|(info, signature)| descriptor(info.sequence, &own, mode(self.args).number(), signature))
            .collect();
        Ok(descriptors_to_json(signatures)?)
    }
}

fn descriptor(sequence: u64, key: &plume_proto::Any, mode: i32, signature: &[u8]) -> SignatureDescriptor {
    use plume_proto::cosmos::tx::signing::v1beta1::signature_descriptor::{Data, data};
    let single = data::Single { mode, signature: signature.to_vec() };
    SignatureDescriptor {
        public_key: Some(key.clone()),
        data: Some(Data { sum: Some(data::Sum::Single(single)) }),
        sequence,
    }
}
