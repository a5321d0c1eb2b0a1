//! Choosing the transactions of a block, and judging a block that another chose: one function for both.

use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{Fatal, Proposal, Verdict};
use plume_kit::{BlockInfo, Env};
use plume_primitives::{Height, Timestamp};
use plume_state::{Overlay, StateView};

use crate::block::env;
use crate::consensus;
use crate::machine::{Machine, Rules};
use crate::tx::{Mode, Prepared, Transactions, prepare_all, run_ante};

/// Candidates decoded and verified at a time, so that a proposer does not verify a whole mempool for one block.
const CANDIDATES_AT_A_TIME: usize = 512;

/// The state in which the transactions of one proposal are checked, one after the other, without running their
/// messages.
///
/// # Consensus
/// Proposer and validators use the same one, on the same state, with the same order of transactions. It looks at
/// nothing that differs between nodes: no mempool, no minimum price, no hash of the block, which a proposer does not
/// know yet.
struct Admission<'a> {
    machine: &'a Machine,
    rules: &'a Rules,
    env: Env<'a>,
    overlay: Overlay,
    max_gas: Option<u64>,
    gas_wanted: u64,
}

impl<'a> Admission<'a> {
    fn new(
        machine: &'a Machine,
        rules: &'a Rules,
        base: &Arc<dyn StateView>,
        proposal: &Proposal,
    ) -> Result<Self, Fatal> {
        let block = BlockInfo { height: proposal.height, time: proposal.time, ..BlockInfo::default() };
        let max_gas = consensus::max_gas(&consensus::params(base.as_ref())?);
        let env = env(machine, rules, block, None);
        Ok(Self { machine, rules, env, overlay: Overlay::new(base.clone()), max_gas, gas_wanted: 0 })
    }

    /// Takes the next transaction into the block, or says why it cannot follow those before it.
    fn admit(&mut self, prepared: &Prepared) -> Result<Result<(), String>, Fatal> {
        if let (Some(max), Some(tx)) = (self.max_gas, prepared.decoded()) {
            // CometBFT does not count gas.
            let sum = self.gas_wanted.saturating_add(tx.fee.gas_limit);
            if sum > max {
                return Ok(Err(format!("gas of the block: {sum} wanted, {max} allowed")));
            }
        }
        let (machine, rules) = (self.machine, self.rules);
        let run = Transactions { machine, rules, env: &self.env, mode: Mode::Propose, max_gas: self.max_gas };
        let outcome = run_ante(&run, &mut self.overlay, prepared)?;
        Ok(match outcome.result {
            Ok(_) => {
                self.gas_wanted = self.gas_wanted.saturating_add(outcome.gas_wanted.get());
                Ok(())
            }
            Err(e) => Err(format!("{}/{}: {e}", e.codespace, e.code)),
        })
    }
}

/// A choice of transactions, with what was learnt of them: a node that judges its own block need not do it again.
pub(crate) struct Chosen {
    height: Height,
    time: Timestamp,
    txs: Vec<Bytes>,
    prepared: Vec<Prepared>,
}

impl Chosen {
    /// The chosen transactions.
    pub fn txs(&self) -> &[Bytes] {
        &self.txs
    }

    /// What is known of the transactions of `proposal`, if it is this choice unchanged: [`judge`] would accept it, since
    /// it asks what [`choose`] asked, of the same transactions in the same order at the same height and time.
    pub fn take_for(self, proposal: &Proposal) -> Option<Vec<Prepared>> {
        let same = (self.height, self.time) == (proposal.height, proposal.time) && self.txs == proposal.txs;
        same.then_some(self.prepared)
    }
}

/// The transactions of a block: the candidates that pass their checks one after the other, in their order, within the
/// bytes and the gas of the block.
///
/// # Errors
/// State that cannot be read.
pub(crate) fn choose(
    machine: &Machine,
    rules: &Rules,
    base: &Arc<dyn StateView>,
    proposal: Proposal,
) -> Result<Chosen, Fatal> {
    let mut admission = Admission::new(machine, rules, base, &proposal)?;
    let mut bytes_left = proposal.max_tx_bytes.unwrap_or(u64::MAX);
    let mut chosen = Chosen { height: proposal.height, time: proposal.time, txs: Vec::new(), prepared: Vec::new() };
    for candidates in proposal.txs.chunks(CANDIDATES_AT_A_TIME) {
        let is_full = admission.max_gas.is_some_and(|max| admission.gas_wanted >= max);
        if is_full || candidates.iter().all(|tx| size_in_block(tx) > bytes_left) {
            continue;
        }
        let prepared = prepare_all(machine, rules, base, candidates)?;
        for (bytes, prepared) in candidates.iter().zip(prepared) {
            let Some(left) = bytes_left.checked_sub(size_in_block(bytes)) else { continue };
            if admission.admit(&prepared)?.is_ok() {
                bytes_left = left;
                chosen.txs.push(bytes.clone());
                chosen.prepared.push(prepared);
            }
        }
    }
    Ok(chosen)
}

/// Whether a correct proposer could have made this block.
///
/// # Errors
/// State that cannot be read.
pub(crate) fn judge(
    machine: &Machine,
    rules: &Rules,
    base: &Arc<dyn StateView>,
    proposal: &Proposal,
    prepared: &[Prepared],
) -> Result<Verdict, Fatal> {
    let mut admission = Admission::new(machine, rules, base, proposal)?;
    for (index, prepared) in prepared.iter().enumerate() {
        if let Err(reason) = admission.admit(prepared)? {
            return Ok(Verdict::Reject(format!("transaction {index}: {reason}")));
        }
    }
    Ok(Verdict::Accept)
}

/// Bytes that a transaction takes in the block's data: tag, length, itself.
///
/// # Consensus
/// `ComputeProtoSizeForTxs` of CometBFT, which panics on a proposal above the limit.
fn size_in_block(tx: &Bytes) -> u64 {
    let len = u64::try_from(tx.len()).unwrap_or(u64::MAX);
    let length_bytes = (u64::BITS.saturating_sub(len.leading_zeros())).max(1).div_ceil(7);
    len.saturating_add(1).saturating_add(u64::from(length_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_counts_tag_and_length() {
        for (len, expected) in [(0, 2), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
            assert_eq!(size_in_block(&Bytes::from(vec![0; len])), expected, "{len}");
        }
    }
}
