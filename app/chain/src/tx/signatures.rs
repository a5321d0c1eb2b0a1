use std::sync::Arc;

use bytes::Bytes;
use plume_crypto::{Job, PublicKey, SignatureData, VerifyCache, checks, first_failure};
use plume_interfaces::Account;
use plume_kit::{Abort, Ctx, Fatal, ProofJob, TxError};
use plume_primitives::{Address, Denom};
use plume_proto::cosmos::bank::v1beta1::Metadata;
use plume_state::StateView;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::decode::{DecodedTx, SignedFor, decode};
use super::remembered::{Decoded, TxHash};
use super::sign_bytes::{SigningAccount, sign_bytes};
use super::sign_mode;
use crate::machine::{Machine, Rules};

/// A transaction of a block before it is executed: decoded, and its signatures already judged where the state below
/// the block let them be.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub tx: Decoded,
    /// One for each signer, for the account as it was below the block.
    verdicts: Vec<Option<Verdict>>,
    /// The block's commit vouches for its signatures: see [`prepare_decided`].
    vouched: bool,
    /// Messages whose stateless proof is invalid, by index.
    failed_proofs: Vec<(usize, TxError)>,
}

/// Whether one signer's signature is valid for exactly this key, account number and sequence.
#[derive(Debug)]
struct Verdict {
    signed_for: SignedFor,
    outcome: Result<(), String>,
}

impl Prepared {
    /// The transaction, if it could be read.
    #[expect(clippy::disallowed_methods, reason = "no storage error hides here: the transaction cannot be read")]
    pub fn decoded(&self) -> Option<&DecodedTx> {
        Result::as_ref(&self.tx).ok()
    }

    /// Everybody who must sign; nobody if that cannot be told.
    pub fn senders(&self) -> &[Address] {
        match &*self.tx {
            Ok(DecodedTx { signers: Ok(signers), .. }) => &signers.all,
            _ => &[],
        }
    }

    /// Why a proof in message `index` is invalid, if one is.
    pub fn failed_proof(&self, index: usize) -> Option<&TxError> {
        self.failed_proofs.iter().find(|(message, _)| *message == index).map(|(_, e)| e)
    }

    /// Whether the signature of signer `index` is valid for `account`, whose key is `key`; the inner error says why not.
    ///
    /// # Security
    /// A verdict reached before the block counts only if everything it depended on is still so; else the signature
    /// is verified now. So a changed account number, key or sequence never lets an old verdict stand.
    ///
    /// # Consensus
    /// Textual sign bytes depend on metadata in the state, which costs gas to read: they are always made anew. The
    /// signature is still verified only once, since valid ones are remembered under the bytes that were signed.
    ///
    /// # Errors
    /// Out of gas while reading metadata, and state that cannot be read.
    pub fn verify(
        &self,
        ctx: &Ctx<'_>,
        machine: &Machine,
        rules: &Rules,
        index: usize,
        key: &PublicKey,
        account: &Account,
    ) -> Result<Result<(), String>, Abort> {
        let earlier = self.verdicts.get(index).and_then(Option::as_ref);
        if let Some(verdict) = earlier.filter(|verdict| verdict.signed_for.is(key, account)) {
            return Ok(verdict.outcome.clone());
        }
        let Ok(tx) = &*self.tx else { return Ok(Err("transaction cannot be decoded".to_owned())) };
        let known = tx.infos.get(index).and_then(|info| info.valid_for.get());
        if known.is_some_and(|signed_for| signed_for.is(key, account)) {
            return Ok(Ok(()));
        }
        let leaves = match signature_data(tx, index).and_then(|data| checks(key, data).map_err(|e| e.to_string())) {
            Ok(leaves) => leaves,
            Err(reason) => return Ok(Err(reason)),
        };
        let signer = SigningAccount {
            address: account.address.clone(),
            key,
            number: account.number,
            sequence: account.sequence,
        };
        let mut metadata = |denom: &Denom| machine.bank.denom_metadata(ctx, denom).map_err(Abort::from);
        let jobs = match jobs(tx, &leaves, rules, &signer, &mut metadata)? {
            Ok(jobs) => jobs,
            Err(reason) => return Ok(Err(reason)),
        };
        if self.vouched {
            return Ok(Ok(()));
        }
        let outcome = first_failure(&leaves, &verify_jobs(&machine.verified, &jobs)).map_err(|e| e.to_string());
        if outcome.is_ok() {
            let (account_number, sequence) = (account.number, account.sequence);
            remember_valid(tx, index, SignedFor { key: key.clone(), account_number, sequence });
        }
        Ok(outcome)
    }
}

/// Keeps with a transaction that one of its signatures is valid.
fn remember_valid(tx: &DecodedTx, index: usize, signed_for: SignedFor) {
    if let Some(info) = tx.infos.get(index)
        && !info.readable_data().is_some_and(is_textual)
    {
        // Another thread may have found the same.
        info.valid_for.get_or_init(|| signed_for);
    }
}

fn verify_jobs(cache: &VerifyCache, jobs: &[Job]) -> Vec<bool> {
    match jobs {
        [job] => vec![cache.verify(job)],
        several => cache.verify_all(several),
    }
}

fn signature_data(tx: &DecodedTx, index: usize) -> Result<&SignatureData, String> {
    let data = tx.infos.get(index).and_then(|info| info.data.as_ref()).ok_or("unexpected SignatureData <nil>")?;
    data.as_ref().map_err(ToString::to_string)
}

/// The checks that `leaves` need, each over the bytes of its own sign mode.
fn jobs<E>(
    tx: &DecodedTx,
    leaves: &[plume_crypto::Leaf<'_>],
    rules: &Rules,
    signer: &SigningAccount<'_>,
    metadata: &mut dyn FnMut(&Denom) -> Result<Option<Metadata>, E>,
) -> Result<Result<Vec<Job>, String>, E> {
    // The keys of a multisig sign the same bytes, so those of each mode are made once.
    let mut made: Vec<(i32, Bytes)> = Vec::with_capacity(1);
    let mut jobs = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let message = match made.iter().find(|(mode, _)| *mode == leaf.mode) {
            Some((_, bytes)) => bytes.clone(),
            None => {
                let bytes = match sign_bytes(tx, leaf.mode, rules, signer, metadata)? {
                    Ok(bytes) => bytes,
                    Err(reason) => return Ok(Err(reason)),
                };
                // # Consensus
                // The SDK reads metadata for each key that signs the screens, and charges for it.
                if leaf.mode != sign_mode::TEXTUAL {
                    made.push((leaf.mode, bytes.clone()));
                }
                bytes
            }
        };
        jobs.push(leaf.job(message));
    }
    Ok(Ok(jobs))
}

/// Whether any of the keys has signed screens.
fn is_textual(data: &SignatureData) -> bool {
    match data {
        SignatureData::Single { mode, .. } => *mode == sign_mode::TEXTUAL,
        SignatureData::Multi { signatures, .. } => signatures.iter().any(is_textual),
    }
}

/// Decodes one transaction; its signatures are verified when it is their turn (CheckTx).
/// `hash` is that of `bytes`.
pub(crate) fn prepare_one(machine: &Machine, rules: &Rules, bytes: &Bytes, hash: &TxHash) -> Prepared {
    let tx = remembered_or_decoded(machine, rules, bytes, hash);
    let failed_proofs = failed_proofs(machine, std::iter::once(&*tx)).pop().unwrap_or_default();
    Prepared { tx, verdicts: Vec::new(), vouched: false, failed_proofs }
}

/// Decodes the transactions of a decided block on all cores and takes their signatures as valid.
///
/// # Security
/// Only for blocks that validators with more than two thirds of the power have signed: each of them that is honest has
/// verified the signatures, since a proposal with a bad one is rejected. What a signature does not say (sequence, fee,
/// whether there are as many signatures as signers) is checked as ever, and a result that differs from what those
/// validators found shows in the next block's app hash.
pub(crate) fn prepare_decided(machine: &Machine, rules: &Rules, txs: &[Bytes]) -> Vec<Prepared> {
    let decoded: Vec<Decoded> = txs
        .par_iter()
        .with_min_len(16)
        .map(|bytes| remembered_or_decoded(machine, rules, bytes, &Sha256::digest(bytes).into()))
        .collect();
    let failed_proofs = failed_proofs(machine, decoded.iter().map(|tx| &**tx));
    let prepared = decoded.into_iter().zip(failed_proofs);
    prepared.map(|(tx, failed_proofs)| Prepared { tx, verdicts: Vec::new(), vouched: true, failed_proofs }).collect()
}

/// Decodes transactions that will be executed soon and remembers the form; with `base`, a state at or below which
/// their signers are known, also who their signatures are valid for.
///
/// # Errors
/// State that cannot be read.
pub(crate) fn prepare_ahead(
    machine: &Machine,
    rules: &Rules,
    base: Option<&Arc<dyn StateView>>,
    txs: &[Bytes],
) -> Result<(), Fatal> {
    let prepared = match base {
        Some(base) => prepare_all(machine, rules, base, txs)?,
        None => prepare_decided(machine, rules, txs),
    };
    for (bytes, Prepared { tx, verdicts, .. }) in txs.iter().zip(prepared) {
        if let Ok(decoded) = &*tx {
            for (index, verdict) in verdicts.into_iter().enumerate() {
                if let Some(Verdict { signed_for, outcome: Ok(()) }) = verdict {
                    remember_valid(decoded, index, signed_for);
                }
            }
        }
        machine.decoded.insert(Sha256::digest(bytes).into(), bytes.len(), tx);
    }
    Ok(())
}

/// Verifies the proofs of several transactions together; for each transaction, its messages that have a bad one.
fn failed_proofs<'a>(
    machine: &Machine,
    txs: impl Iterator<Item = &'a Result<DecodedTx, TxError>> + Clone,
) -> Vec<Vec<(usize, TxError)>> {
    fn proofs_of(tx: &Result<DecodedTx, TxError>) -> &[(usize, ProofJob)] {
        tx.as_ref().map_or(&[], |tx| tx.proofs.as_slice())
    }
    let jobs: Vec<ProofJob> = txs.clone().flat_map(proofs_of).map(|(_, job)| job.clone()).collect();
    let mut verdicts = machine.proofs.verify(&jobs).into_iter();
    txs.map(|tx| {
        let own = proofs_of(tx).iter().zip(verdicts.by_ref());
        own.filter_map(|((message, _), verdict)| verdict.err().map(|e| (*message, e))).collect()
    })
    .collect()
}

/// Decodes the transactions of a block on all cores and verifies their signatures in one batch, before the block is
/// executed in order.
///
/// # Errors
/// State that cannot be read.
pub(crate) fn prepare_all(
    machine: &Machine,
    rules: &Rules,
    state: &Arc<dyn StateView>,
    txs: &[Bytes],
) -> Result<Vec<Prepared>, Fatal> {
    // Threads only compute pure functions of the state below the block; results come back in order.
    let decoded: Vec<DecodedAndExpected> = txs
        .par_iter()
        .with_min_len(16)
        .map(|bytes| {
            let tx = remembered_or_decoded(machine, rules, bytes, &Sha256::digest(bytes).into());
            let expected = match &*tx {
                Ok(tx) => expect_signers(machine, rules, state, tx)?,
                Err(_) => Vec::new(),
            };
            Ok((tx, expected))
        })
        .collect::<Result<_, Fatal>>()?;

    let jobs: Vec<Job> = decoded
        .iter()
        .flat_map(|(_, expected)| expected.iter().flatten())
        .flat_map(|expected| expected.jobs.iter().flatten().cloned())
        .collect();
    let mut verdicts = machine.verified.verify_all(&jobs).into_iter();

    let failed_proofs = failed_proofs(machine, decoded.iter().map(|(tx, _)| &**tx));
    Ok(decoded
        .into_iter()
        .zip(failed_proofs)
        .map(|((tx, expected), failed_proofs)| {
            let verdicts = match &*tx {
                Ok(tx) => {
                    let judge = |(index, expected): (usize, Option<Expected>)| {
                        expected.and_then(|expected| judge(tx, index, expected, &mut verdicts))
                    };
                    expected.into_iter().enumerate().map(judge).collect()
                }
                Err(_) => Vec::new(),
            };
            Prepared { tx, verdicts, vouched: false, failed_proofs }
        })
        .collect())
}

/// A transaction, and what is expected of each of its signers.
type DecodedAndExpected = (Decoded, Vec<Option<Expected>>);

/// A signer as the state below the block shows it, and the checks that follow from it.
struct Expected {
    key: PublicKey,
    account_number: u64,
    sequence: u64,
    jobs: Result<Vec<Job>, String>,
    /// The verdict depends on metadata too, so it only warms the memory of valid signatures.
    textual: bool,
}

fn expect_signers(
    machine: &Machine,
    rules: &Rules,
    state: &Arc<dyn StateView>,
    tx: &DecodedTx,
) -> Result<Vec<Option<Expected>>, Fatal> {
    let Ok(signers) = &tx.signers else { return Ok(Vec::new()) };
    if signers.all.len() != tx.infos.len() {
        return Ok(Vec::new());
    }
    let expect = |(index, (address, info)): (usize, (&Address, &super::decode::Signature))| {
        // Execution compares what it is valid for with the account; where they differ it is verified there.
        if info.valid_for.get().is_some() {
            return Ok(None);
        }
        let account = machine
            .accounts
            .account(state.as_ref(), address)
            .map_err(|e| Fatal::new(format!("account of a signer: {e}")))?;
        let Some(account) = account else { return Ok(None) };
        // A transaction may bring the key of an account that has none yet; a wrong one is refused before this verdict
        // would count.
        let Some(key) = account.public_key.or_else(|| info.key.clone()) else { return Ok(None) };
        // # Consensus
        // The sequence is the one signed, so that several transactions of one account in a block all find their
        // verdict; execution compares it with the account's.
        let sequence = info.sequence;
        let data = signature_data(tx, index);
        let textual = data.as_ref().is_ok_and(|data| is_textual(data));
        let leaves = data.and_then(|data| checks(&key, data).map_err(|e| e.to_string()));
        let jobs = match leaves {
            Ok(leaves) => {
                let signer = SigningAccount { address: address.clone(), key: &key, number: account.number, sequence };
                let mut metadata = |denom: &Denom| {
                    machine.bank.denom_metadata(state.as_ref(), denom).map_err(|e| Fatal::new(format!("metadata: {e}")))
                };
                jobs(tx, &leaves, rules, &signer, &mut metadata)?
            }
            Err(reason) => Err(reason),
        };
        Ok(Some(Expected { key, account_number: account.number, sequence, jobs, textual }))
    };
    signers.all.iter().zip(&tx.infos).enumerate().map(expect).collect()
}

fn judge(
    tx: &DecodedTx,
    index: usize,
    expected: Expected,
    verdicts: &mut impl Iterator<Item = bool>,
) -> Option<Verdict> {
    let Expected { key, account_number, sequence, jobs, textual } = expected;
    let outcome = jobs.and_then(|jobs| {
        let own: Vec<bool> = verdicts.by_ref().take(jobs.len()).collect();
        let data = signature_data(tx, index)?;
        let leaves = checks(&key, data).map_err(|e| e.to_string())?;
        first_failure(&leaves, &own).map_err(|e| e.to_string())
    });
    (!textual).then_some(Verdict { signed_for: SignedFor { key, account_number, sequence }, outcome })
}

fn remembered_or_decoded(machine: &Machine, rules: &Rules, bytes: &Bytes, hash: &TxHash) -> Decoded {
    machine.decoded.get(hash).unwrap_or_else(|| Arc::new(guarded_decode(machine, rules, bytes)))
}

/// Decoding runs modules' stateless checks; a panic there is a failure of this transaction.
fn guarded_decode(machine: &Machine, rules: &Rules, bytes: &Bytes) -> Result<DecodedTx, TxError> {
    super::execute::contain(|| decode(bytes, &machine.modules, &rules.chain)).unwrap_or_else(Err)
}
