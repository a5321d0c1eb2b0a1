//! Comparing a verified block with what other nodes have.

use std::fmt;

use tendermint::account::Id as Address;
use tendermint::{Hash, Time};
use thiserror::Error;

use crate::client::{Mode, Source};
use crate::error::Error;
use crate::light_block::LightBlock;
use crate::provider::{Provider, ProviderError};

/// A block, named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Its height.
    pub height: u64,
    /// Hash of its header.
    pub hash: Hash,
    /// Time in its header.
    pub time: Time,
}

impl From<&LightBlock> for BlockRef {
    fn from(block: &LightBlock) -> Self {
        Self { height: block.height(), hash: block.hash(), time: block.time() }
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.height, self.hash, self.time)
    }
}

/// Two chains that both verify from the same trusted block: an attack, for which a third of the validators' power must
/// have signed twice.
#[derive(Debug, Clone, Error)]
#[error(
    "the chain is forked after block {common}: {primary_name} has block {primary}, {witness_name} has block {witness}, and both verify. \
     Signed both: {}", if .double_signers.is_empty() { "nobody at one height".to_owned() } else { .double_signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") }
)]
pub struct Divergence {
    /// The primary's name.
    pub primary_name: String,
    /// The witness's name.
    pub witness_name: String,
    /// Height of the last block found that both have.
    pub common: u64,
    /// The primary's block.
    pub primary: BlockRef,
    /// The witness's block: another hash at the same height, or a time that is not earlier at a lower height.
    pub witness: BlockRef,
    /// The witness's block whole, as evidence.
    pub witness_block: Box<LightBlock>,
    /// Who signed both, where the two are at one height.
    pub double_signers: Vec<Address>,
}

/// What one witness says about a verified block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessReport {
    /// Its name.
    pub name: String,
    /// What it says.
    pub finding: Finding,
}

/// What a witness says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The same block.
    Agrees,
    /// It has not come so far.
    Behind {
        /// Its newest height.
        latest: u64,
    },
    /// It does not answer, or not in a way that can be read.
    NoAnswer(ProviderError),
    /// It has another block, which does not verify: it is faulty or follows another chain.
    Unfounded {
        /// Its block.
        block: BlockRef,
        /// Why its block is not believed.
        reason: String,
    },
}

impl fmt::Display for WitnessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.name)?;
        match &self.finding {
            Finding::Agrees => write!(f, "agrees"),
            Finding::Behind { latest } => write!(f, "is at height {latest} only"),
            Finding::NoAnswer(error) => write!(f, "cannot help: {}", chain(error)),
            Finding::Unfounded { block, reason } => write!(f, "has block {block}, which does not verify: {reason}"),
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Asks every witness for the verified block `last`, to which `trace` led (heights ascending).
///
/// # Errors
/// [`Error::Divergence`] when a witness has another chain that verifies from a block of the trace;
/// [`Error::NoWitnessAgrees`] when there are witnesses but none has the block.
pub(crate) fn compare(
    trace: &[(u64, Hash)],
    last: &LightBlock,
    primary: &Source<'_>,
    witnesses: &[&dyn Provider],
) -> Result<Vec<WitnessReport>, Error> {
    let mut reports = Vec::with_capacity(witnesses.len());
    for witness in witnesses {
        let source = Source { provider: *witness, ..*primary };
        let finding = Comparison { trace, last, primary, witness: source }.finding()?;
        reports.push(WitnessReport { name: witness.name(), finding });
    }
    if !witnesses.is_empty() && !reports.iter().any(|report| report.finding == Finding::Agrees) {
        return Err(Error::NoWitnessAgrees { height: last.height(), hash: last.hash(), reports });
    }
    Ok(reports)
}

struct Comparison<'a> {
    trace: &'a [(u64, Hash)],
    last: &'a LightBlock,
    primary: &'a Source<'a>,
    witness: Source<'a>,
}

impl Comparison<'_> {
    fn finding(&self) -> Result<Finding, Error> {
        match self.look() {
            Ok(finding) => Ok(finding),
            Err(Error::Provider { source, .. }) => Ok(Finding::NoAnswer(source)),
            Err(error) => Err(error),
        }
    }

    fn look(&self) -> Result<Finding, Error> {
        let target = self.last.height();
        let latest = self
            .witness
            .provider
            .latest_height()
            .map_err(|source| Error::Provider { provider: self.witness.provider.name(), source })?;
        if latest >= target {
            return match self.fetch(target)? {
                Ok(block) if block.hash() == self.last.hash() => Ok(Finding::Agrees),
                Ok(block) => self.conflict(block),
                Err(finding) => Ok(finding),
            };
        }
        // Time goes forward with the height: a lower block that is not older than the target cannot be of the same chain
        // (CometBFT's "forward lunatic" attack).
        match self.fetch(latest)? {
            Ok(block) if block.time() >= self.last.time() => self.conflict(block),
            Ok(_) => Ok(Finding::Behind { latest }),
            Err(finding) => Ok(finding),
        }
    }

    /// A block of the witness, or a finding if it gives another height than asked for.
    fn fetch(&self, height: u64) -> Result<Result<LightBlock, Finding>, Error> {
        match self.witness.fetch(height) {
            Ok(block) => Ok(Ok(block)),
            Err(Error::OtherHeight { asked, given, .. }) => Ok(Err(Finding::NoAnswer(ProviderError::NoBlock {
                height: asked,
                reason: format!("it gave block {given}"),
            }))),
            Err(error) => Err(error),
        }
    }

    /// The witness has `block`, which the primary's chain does not. Does it follow from something trusted?
    fn conflict(&self, block: LightBlock) -> Result<Finding, Error> {
        let Some((common, conflicting)) = self.fork(&block)? else {
            let reason = "nothing that is trusted leads to it".to_owned();
            return Ok(Finding::Unfounded { block: BlockRef::from(&block), reason });
        };
        let height = common.height();
        match self.witness.forwards(common, conflicting.height(), Mode::Skipping) {
            Ok(walk) if walk.last.hash() == conflicting.hash() => {
                Err(Error::Divergence(Box::new(self.divergence(height, conflicting))))
            }
            Ok(_) => Ok(Finding::Unfounded {
                block: BlockRef::from(&conflicting),
                reason: "it gave two blocks of one height".to_owned(),
            }),
            Err(error) => Ok(Finding::Unfounded { block: BlockRef::from(&conflicting), reason: chain(&error) }),
        }
    }

    /// The witness's copy of the last block of the trace that it shares, and its block at the next height of the trace,
    /// which differs; `block` if that is the last. `None` if it shares none.
    fn fork(&self, block: &LightBlock) -> Result<Option<(LightBlock, LightBlock)>, Error> {
        let limit = self.trace.partition_point(|(height, _)| *height < block.height());
        let shared = |index: usize| -> Result<Option<(bool, LightBlock)>, Error> {
            let Some((height, hash)) = self.trace.get(index) else { return Ok(None) };
            Ok(self.fetch(*height)?.ok().map(|found| (found.hash() == *hash, found)))
        };
        let Some((true, mut common)) = (if limit == 0 { None } else { shared(0)? }) else { return Ok(None) };
        let mut conflicting = block.clone();
        // Invariant: shared at `low`, different at `high`. It ends at neighbours, whatever the witness answers.
        let (mut low, mut high) = (0, limit);
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            match shared(middle)? {
                Some((true, found)) => (low, common) = (middle, found),
                Some((false, found)) => (high, conflicting) = (middle, found),
                None => return Ok(None),
            }
        }
        Ok(Some((common, conflicting)))
    }

    fn divergence(&self, common: u64, witness: LightBlock) -> Divergence {
        let on_trace = self.trace.iter().find(|(height, _)| *height == witness.height());
        // For the report only: without the primary's block nobody can be named.
        let primary = match on_trace {
            Some((height, _)) if *height == self.last.height() => Some(self.last.clone()),
            Some((height, hash)) => self.primary.fetch(*height).ok().filter(|block| block.hash() == *hash),
            None => None,
        };
        let double_signers = primary.as_ref().map_or_else(Vec::new, |primary| {
            let theirs: Vec<_> = witness.signers().collect();
            primary.signers().filter(|signer| theirs.contains(signer)).collect()
        });
        Divergence {
            primary_name: self.primary.provider.name(),
            witness_name: self.witness.provider.name(),
            common,
            primary: BlockRef::from(primary.as_ref().unwrap_or(self.last)),
            witness: BlockRef::from(&witness),
            witness_block: Box::new(witness),
            double_signers,
        }
    }
}
