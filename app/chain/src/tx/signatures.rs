use std::sync::Arc;

use bytes::Bytes;
use plume_codec::{SignerData, sign_doc_amino, sign_doc_direct};
use plume_crypto::{Job, PublicKey, SignatureData, VerifyCache, checks, first_failure};
use plume_interfaces::Account;
use plume_kit::{Fatal, ProofJob, TxError};
use plume_primitives::Address;
use plume_state::StateView;
use rayon::prelude::*;

use super::decode::{DecodedTx, decode};
use super::remembered::Decoded;
use crate::machine::{Machine, Rules};

/// `cosmos.tx.signing.v1beta1.SignMode`.
pub(super) mod mode {
    pub const DIRECT: i32 = 1;
    pub const LEGACY_AMINO_JSON: i32 = 127;

    /// The mode's name in error texts.
    pub fn name(mode: i32) -> String {
        let known = [
            (0, "SIGN_MODE_UNSPECIFIED"),
            (DIRECT, "SIGN_MODE_DIRECT"),
            (2, "SIGN_MODE_TEXTUAL"),
            (3, "SIGN_MODE_DIRECT_AUX"),
            (LEGACY_AMINO_JSON, "SIGN_MODE_LEGACY_AMINO_JSON"),
            (191, "SIGN_MODE_EIP_191"),
        ];
        known
            .iter()
            .find(|(number, _)| *number == mode)
            .map_or_else(|| mode.to_string(), |(_, name)| (*name).to_owned())
    }
}

/// A transaction of a block before it is executed: decoded, and its signatures already judged where the state below
/// the block let them be.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub tx: Decoded,
    /// One for each signer, for the account as it was below the block.
    verdicts: Vec<Option<Verdict>>,
    /// Messages whose stateless proof is invalid, by index.
    failed_proofs: Vec<(usize, TxError)>,
}

/// Whether one signer's signature is valid for exactly this key, account number and sequence.
#[derive(Debug)]
struct Verdict {
    key: PublicKey,
    account_number: u64,
    sequence: u64,
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

    /// Whether the signature of signer `index` is valid for `account`, whose key is `key`.
    ///
    /// # Security
    /// A verdict reached before the block counts only if everything it depended on is still so; else the signature
    /// is verified now. So a changed account number, key or sequence never lets an old verdict stand.
    pub fn verify(
        &self,
        index: usize,
        key: &PublicKey,
        account: &Account,
        rules: &Rules,
        cache: &VerifyCache,
    ) -> Result<(), String> {
        let earlier = self.verdicts.get(index).and_then(Option::as_ref).filter(|verdict| {
            verdict.key == *key && verdict.account_number == account.number && verdict.sequence == account.sequence
        });
        if let Some(verdict) = earlier {
            return verdict.outcome.clone();
        }
        let Ok(tx) = &*self.tx else { return Err("transaction cannot be decoded".to_owned()) };
        let data = signature_data(tx, index)?;
        let leaves = checks(key, data).map_err(|e| e.to_string())?;
        let jobs = jobs(tx, &leaves, rules, account.number, account.sequence)?;
        let verdicts: Vec<bool> = match jobs.as_slice() {
            [job] => vec![cache.verify(job)],
            several => cache.verify_all(several),
        };
        first_failure(&leaves, &verdicts).map_err(|e| e.to_string())
    }
}

fn signature_data(tx: &DecodedTx, index: usize) -> Result<&SignatureData, String> {
    let data = tx.infos.get(index).and_then(|info| info.data.as_ref()).ok_or("unexpected SignatureData <nil>")?;
    data.as_ref().map_err(ToString::to_string)
}

/// The checks that `leaves` need, each over the bytes of its own sign mode.
fn jobs(
    tx: &DecodedTx,
    leaves: &[plume_crypto::Leaf<'_>],
    rules: &Rules,
    account_number: u64,
    sequence: u64,
) -> Result<Vec<Job>, String> {
    // The keys of a multisig sign the same bytes, so those of each mode are made once.
    let mut made: Vec<(i32, Bytes)> = Vec::with_capacity(1);
    leaves
        .iter()
        .map(|leaf| {
            let message = match made.iter().find(|(mode, _)| *mode == leaf.mode) {
                Some((_, bytes)) => bytes.clone(),
                None => {
                    let bytes = sign_bytes(tx, leaf.mode, rules, account_number, sequence)?;
                    made.push((leaf.mode, bytes.clone()));
                    bytes
                }
            };
            Ok(leaf.job(message))
        })
        .collect()
}

fn sign_bytes(tx: &DecodedTx, mode: i32, rules: &Rules, account_number: u64, sequence: u64) -> Result<Bytes, String> {
    let chain_id = rules.chain.chain_id.as_str();
    match mode {
        mode::DIRECT => Ok(sign_doc_direct(&tx.body_bytes, &tx.auth_info_bytes, chain_id, account_number).into()),
        mode::LEGACY_AMINO_JSON => {
            let fee = tx.auth_info.fee.clone().unwrap_or_default();
            let signer = SignerData { chain_id, account_number, sequence };
            let bytes = sign_doc_amino(&tx.body_bytes, &tx.body, &fee, &signer).map_err(|e| e.to_string())?;
            Ok(bytes.into())
        }
        other => Err(format!("unsupported sign mode {}", mode::name(other))),
    }
}

/// Decodes one transaction; its signatures are verified when it is their turn (CheckTx).
pub(crate) fn prepare_one(machine: &Machine, rules: &Rules, bytes: &Bytes) -> Prepared {
    let tx = remembered_or_decoded(machine, rules, bytes);
    let failed_proofs = failed_proofs(machine, std::iter::once(&*tx)).pop().unwrap_or_default();
    Prepared { tx, verdicts: Vec::new(), failed_proofs }
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
            let tx = remembered_or_decoded(machine, rules, bytes);
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
                        expected.map(|expected| judge(tx, index, expected, &mut verdicts))
                    };
                    expected.into_iter().enumerate().map(judge).collect()
                }
                Err(_) => Vec::new(),
            };
            Prepared { tx, verdicts, failed_proofs }
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
        let jobs = signature_data(tx, index)
            .and_then(|data| checks(&key, data).map_err(|e| e.to_string()))
            .and_then(|leaves| jobs(tx, &leaves, rules, account.number, sequence));
        Ok(Some(Expected { key, account_number: account.number, sequence, jobs }))
    };
    signers.all.iter().zip(&tx.infos).enumerate().map(expect).collect()
}

fn judge(tx: &DecodedTx, index: usize, expected: Expected, verdicts: &mut impl Iterator<Item = bool>) -> Verdict {
    let Expected { key, account_number, sequence, jobs } = expected;
    let outcome = jobs.and_then(|jobs| {
        let own: Vec<bool> = verdicts.by_ref().take(jobs.len()).collect();
        let data = signature_data(tx, index)?;
        let leaves = checks(&key, data).map_err(|e| e.to_string())?;
        first_failure(&leaves, &own).map_err(|e| e.to_string())
    });
    Verdict { key, account_number, sequence, outcome }
}

fn remembered_or_decoded(machine: &Machine, rules: &Rules, bytes: &Bytes) -> Decoded {
    machine.decoded.get(bytes).unwrap_or_else(|| Arc::new(guarded_decode(machine, rules, bytes)))
}

/// Decoding runs modules' stateless checks; a panic there is a failure of this transaction.
fn guarded_decode(machine: &Machine, rules: &Rules, bytes: &Bytes) -> Result<DecodedTx, TxError> {
    super::execute::contain(|| decode(bytes, &machine.modules, &rules.chain)).unwrap_or_else(Err)
}
