//! From a trusted header to any other.

use tendermint::chain::Id as ChainId;
use tendermint::{Hash, Time};

use crate::divergence::{WitnessReport, compare};
use crate::error::{Error, VerifyError};
use crate::light_block::LightBlock;
use crate::options::TrustOptions;
use crate::provider::Provider;
use crate::store::{MemoryStore, Store};
use crate::verify::{require_not_expired, verify_backwards, verify_block, verify_step};

/// Which headers are looked at on the way to a later height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The target at once, and headers in between only where the validators changed too much (bisection).
    #[default]
    Skipping,
    /// Every header.
    Sequential,
}

/// Whom to ask.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Gives the blocks.
    pub primary: &'a dyn Provider,
    /// Other nodes, independent of the primary, that are asked for the same block.
    pub witnesses: &'a [&'a dyn Provider],
}

/// A verified block and how it was verified.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The block; its header can be believed.
    pub block: LightBlock,
    /// How many verifications led to it: 0 for one that was trusted already.
    pub steps: u64,
    /// How many blocks the primary was asked for.
    pub fetched: u64,
    /// Height and hash of each block on the way, from the trusted one to this one.
    pub trace: Vec<(u64, Hash)>,
    /// What each witness said; empty without witnesses.
    pub witnesses: Vec<WitnessReport>,
}

/// A light client of one chain.
#[derive(Debug, Clone)]
pub struct Client<S = MemoryStore> {
    chain_id: ChainId,
    options: TrustOptions,
    store: S,
}

impl Client<MemoryStore> {
    /// A client that trusts `first`, whose height and hash are those of the options, and keeps blocks in memory.
    ///
    /// # Errors
    /// [`Error`] if it is another block, of another chain, or does not hold.
    pub fn new(chain_id: ChainId, options: TrustOptions, first: LightBlock) -> Result<Self, Error> {
        Self::with_store(chain_id, options, first, MemoryStore::default())
    }
}

impl<S: Store> Client<S> {
    /// The same with a store of one's own, into which `first` is written.
    ///
    /// # Errors
    /// [`Error`].
    pub fn with_store(
        chain_id: ChainId,
        options: TrustOptions,
        first: LightBlock,
        mut store: S,
    ) -> Result<Self, Error> {
        options.check()?;
        let height = first.height();
        if height != options.height {
            return Err(Error::TrustedHeight { expected: options.height, found: height });
        }
        if first.hash() != options.hash {
            return Err(Error::TrustedHash { height, expected: options.hash, found: first.hash() });
        }
        verify_block(&first, &chain_id).map_err(|source| Error::TrustedBlock { height, source: Box::new(source) })?;
        store.save(&first)?;
        Ok(Self { chain_id, options, store })
    }

    /// A client that goes on with the blocks that an earlier one left in `store`. Height and hash of the options are
    /// not looked at.
    ///
    /// # Errors
    /// [`Error::NothingTrusted`] for an empty store.
    pub fn resume(chain_id: ChainId, options: TrustOptions, store: S) -> Result<Self, Error> {
        options.check()?;
        if store.at_or_above(1)?.is_none() {
            return Err(Error::NothingTrusted);
        }
        Ok(Self { chain_id, options, store })
    }

    /// Id of the chain.
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The trusted blocks.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The trusted blocks, to forget old ones.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// The newest trusted block.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::NothingTrusted`].
    pub fn latest(&self) -> Result<LightBlock, Error> {
        self.store.at_or_below(u64::MAX)?.ok_or(Error::NothingTrusted)
    }

    /// Verifies the block at `target` by skipping, without witnesses.
    ///
    /// # Errors
    /// [`Error`]; the store is unchanged.
    pub fn verify_to_height(&mut self, provider: &dyn Provider, target: u64, now: Time) -> Result<Verified, Error> {
        self.verify(Sources { primary: provider, witnesses: &[] }, target, Mode::Skipping, now)
    }

    /// Verifies every block up to the one at `target`, without witnesses.
    ///
    /// # Errors
    /// [`Error`]; the store is unchanged.
    pub fn verify_sequential(&mut self, provider: &dyn Provider, target: u64, now: Time) -> Result<Verified, Error> {
        self.verify(Sources { primary: provider, witnesses: &[] }, target, Mode::Sequential, now)
    }

    /// Verifies the block at `target` and, with witnesses, compares it with theirs; then trusts it.
    ///
    /// Forwards from the nearest trusted block below; if there is none, or it has expired, backwards from the nearest one above
    /// by the hashes in the headers, whatever the mode.
    ///
    /// # Errors
    /// [`Error`]; the store is unchanged unless it is the store that fails.
    pub fn verify(&mut self, sources: Sources<'_>, target: u64, mode: Mode, now: Time) -> Result<Verified, Error> {
        if target == 0 {
            return Err(Error::NoHeight);
        }
        let below = self.store.at_or_below(target)?;
        let above = self.store.at_or_above(target)?;
        let source = Source { provider: sources.primary, options: &self.options, now };
        let mut walk = match (below, above) {
            (Some(trusted), _) if trusted.height() == target => Walk::from(trusted),
            (Some(below), None) => source.forwards(below, target, mode)?,
            (Some(below), Some(above)) => match require_not_expired(&below, &self.options, now) {
                Ok(()) => source.forwards(below, target, mode)?,
                Err(_) => source.backwards(above, target)?,
            },
            (None, Some(above)) => source.backwards(above, target)?,
            (None, None) => return Err(Error::NothingTrusted),
        };
        let witnesses = compare(&walk.blocks.summary(), &walk.last, &source, sources.witnesses)?;
        if walk.steps > 0 {
            for block in walk.blocks.kept() {
                self.store.save(block)?;
            }
            self.store.save(&walk.last)?;
        }
        Ok(Verified {
            steps: walk.steps,
            fetched: walk.fetched,
            trace: std::mem::take(&mut walk.blocks.trace),
            block: walk.last,
            witnesses,
        })
    }
}

/// What was verified on the way, oldest first for a walk forwards.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    trace: Vec<(u64, Hash)>,
    /// The steps of skipping, which the next walk may begin from. A sequential walk keeps none: it may be long.
    intermediate: Vec<LightBlock>,
}

impl Walked {
    fn summary(&self) -> Vec<(u64, Hash)> {
        let mut trace = self.trace.clone();
        trace.sort_unstable_by_key(|(height, _)| *height);
        trace
    }

    fn kept(&self) -> &[LightBlock] {
        &self.intermediate
    }
}

#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) last: LightBlock,
    pub(crate) steps: u64,
    fetched: u64,
    blocks: Walked,
}

impl Walk {
    fn from(trusted: LightBlock) -> Self {
        let trace = vec![(trusted.height(), trusted.hash())];
        Self { last: trusted, steps: 0, fetched: 0, blocks: Walked { trace, intermediate: Vec::new() } }
    }

    fn step_to(&mut self, block: LightBlock) {
        self.blocks.trace.push((block.height(), block.hash()));
        self.last = block;
        self.steps = self.steps.saturating_add(1);
    }
}

/// One provider, and what makes its blocks acceptable.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) provider: &'a dyn Provider,
    pub(crate) options: &'a TrustOptions,
    pub(crate) now: Time,
}

impl Source<'_> {
    /// The block at `height`, and no other.
    pub(crate) fn fetch(&self, height: u64) -> Result<LightBlock, Error> {
        let provider = || self.provider.name();
        let block =
            self.provider.light_block(height).map_err(|source| Error::Provider { provider: provider(), source })?;
        if block.height() != height {
            return Err(Error::OtherHeight { provider: provider(), asked: height, given: block.height() });
        }
        Ok(block)
    }

    pub(crate) fn forwards(&self, trusted: LightBlock, target: u64, mode: Mode) -> Result<Walk, Error> {
        // Before anything is fetched: an expired header leads nowhere.
        require_not_expired(&trusted, self.options, self.now)
            .map_err(|error| self.refused(trusted.height(), target, error))?;
        match mode {
            Mode::Skipping => self.skip(trusted, target),
            Mode::Sequential => self.walk(trusted, target),
        }
    }

    fn walk(&self, trusted: LightBlock, target: u64) -> Result<Walk, Error> {
        let mut walk = Walk::from(trusted);
        while walk.last.height() < target {
            let block = self.fetch(walk.last.height().saturating_add(1))?;
            walk.fetched = walk.fetched.saturating_add(1);
            verify_step(&walk.last, &block, self.options, self.now)
                .map_err(|error| self.refused(walk.last.height(), block.height(), error))?;
            walk.step_to(block);
        }
        Ok(walk)
    }

    /// Bisection. `pending` holds the blocks that could not be reached yet, descending by height; the farthest is tried
    /// first from each newly trusted block, as a verification costs less than an answer of a node.
    fn skip(&self, trusted: LightBlock, target: u64) -> Result<Walk, Error> {
        let mut walk = Walk::from(trusted);
        let mut pending = vec![self.fetch(target)?];
        walk.fetched = 1;
        let mut depth = 0_usize;
        while let Some(block) = pending.get(depth) {
            let (from, to) = (walk.last.height(), block.height());
            match verify_step(&walk.last, block, self.options, self.now) {
                Ok(()) => {
                    let block = pending.drain(depth..).next().expect("depth is the index of a block");
                    let before = std::mem::replace(&mut walk.last, block.clone());
                    if walk.steps > 0 {
                        walk.blocks.intermediate.push(before);
                    }
                    walk.step_to(block);
                    depth = 0;
                }
                // An adjacent block never lacks trust: the header before has announced its validators. So the gap is two
                // or more and the middle lies strictly inside.
                Err(VerifyError::Trust { .. }) if to.saturating_sub(from) > 1 => {
                    depth = depth.saturating_add(1);
                    if depth == pending.len() {
                        pending.push(self.fetch(from.midpoint(to))?);
                        walk.fetched = walk.fetched.saturating_add(1);
                    }
                }
                Err(error) => return Err(self.refused(from, to, error)),
            }
        }
        Ok(walk)
    }

    fn backwards(&self, trusted: LightBlock, target: u64) -> Result<Walk, Error> {
        let mut walk = Walk::from(trusted);
        while walk.last.height() > target {
            let block = self.fetch(walk.last.height().saturating_sub(1))?;
            walk.fetched = walk.fetched.saturating_add(1);
            verify_backwards(&walk.last, &block)
                .map_err(|error| self.refused(walk.last.height(), block.height(), error))?;
            walk.step_to(block);
        }
        // The hashes vouch for the header alone; its commit and validators come with it.
        verify_block(&walk.last, &walk.last.header().chain_id)
            .map_err(|error| self.refused(walk.last.height().saturating_add(1), target, error))?;
        Ok(walk)
    }

    fn refused(&self, from: u64, to: u64, error: VerifyError) -> Error {
        Error::Refused { provider: self.provider.name(), from, to, source: Box::new(error) }
    }
}
