use std::time::Duration;

use tendermint::account::Id as Address;
use tendermint::{Hash, Time};
use thiserror::Error;

use crate::divergence::{Divergence, WitnessReport};
use crate::options::{InvalidOptions, TrustLevel};
use crate::provider::ProviderError;
use crate::store::StoreError;

/// Why a client does not trust a block.
#[derive(Debug, Error)]
pub enum Error {
    /// The options cannot be meant.
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    /// The first block is not the trusted one.
    #[error("the trusted header is at height {expected}, the block given is at {found}")]
    TrustedHeight {
        /// Height of the options.
        expected: u64,
        /// Height of the block.
        found: u64,
    },
    /// The first block is not the trusted one.
    #[error("the trusted header at height {height} has the hash {expected}, the block given has {found}")]
    TrustedHash {
        /// Height of both.
        height: u64,
        /// Hash of the options.
        expected: Hash,
        /// Hash of the block.
        found: Hash,
    },
    /// The first block is the trusted one but does not hold by itself.
    #[error("the trusted block at height {height} does not hold")]
    TrustedBlock {
        /// Its height.
        height: u64,
        /// Why.
        source: Box<VerifyError>,
    },
    /// A store without any block.
    #[error("the store has no trusted block: begin with one")]
    NothingTrusted,
    /// There is no block 0.
    #[error("there is no block 0: heights begin with 1")]
    NoHeight,
    /// No block, or none that can be read.
    #[error("{provider} cannot help")]
    Provider {
        /// Who was asked.
        provider: String,
        /// What it did.
        source: ProviderError,
    },
    /// Another block than the one that was asked for.
    #[error("{provider} was asked for block {asked} and gave block {given}")]
    OtherHeight {
        /// Who was asked.
        provider: String,
        /// Height that was asked for.
        asked: u64,
        /// Height that it gave.
        given: u64,
    },
    /// A block that does not follow from what is trusted.
    #[error("block {to} from {provider} does not follow from the trusted block {from}")]
    Refused {
        /// Who gave it.
        provider: String,
        /// Height of the trusted block.
        from: u64,
        /// Height of the refused one.
        to: u64,
        /// Why.
        source: Box<VerifyError>,
    },
    /// A witness has another chain that verifies as well: validators signed twice.
    #[error(transparent)]
    Divergence(Box<Divergence>),
    /// There are witnesses, and none confirms the block.
    #[error("no witness confirms block {height} {hash}: {}", reports.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoWitnessAgrees {
        /// Height of the block.
        height: u64,
        /// Its hash, by the primary.
        hash: Hash,
        /// What each witness said.
        reports: Vec<WitnessReport>,
    },
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why one block does not follow from another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// Of another chain.
    #[error("it belongs to chain {found}, not {expected}")]
    ChainId {
        /// Chain that is followed.
        expected: String,
        /// Chain of the header.
        found: String,
    },
    /// Of another block format.
    #[error("its block version is {found}, not {expected}")]
    BlockVersion {
        /// Version of CometBFT 0.38.
        expected: u64,
        /// Version in the header.
        found: u64,
    },
    /// The trusted header is too old to vouch for others.
    #[error(
        "the trust in the earlier header ended at {expired_at}, now it is {now}: begin again with a newer trusted header"
    )]
    Expired {
        /// Its time plus the trusting period.
        expired_at: Time,
        /// Now.
        now: Time,
    },
    /// A header from the future.
    #[error("its time is {time}, more than {max_clock_drift:?} after this machine's {now}: is the clock right?")]
    FromFuture {
        /// Time of the header.
        time: Time,
        /// Now.
        now: Time,
        /// Allowed difference.
        max_clock_drift: Duration,
    },
    /// Time goes forward with the height.
    #[error("its time is {found}, not after {trusted} of the earlier header")]
    Time {
        /// Time of the earlier header.
        trusted: Time,
        /// Time of the header.
        found: Time,
    },
    /// Time goes forward with the height.
    #[error("its time is {found}, not before {trusted} of the later header")]
    TimeBackwards {
        /// Time of the later header.
        trusted: Time,
        /// Time of the header.
        found: Time,
    },
    /// The new height must be greater.
    #[error("its height is {found}, the trusted one's {trusted}: it must be greater")]
    Height {
        /// Trusted height.
        trusted: u64,
        /// Height of the header.
        found: u64,
    },
    /// The commit is for another header.
    #[error("its commit is for header {committed}, but this header's hash is {computed}")]
    HeaderHash {
        /// Hash in the commit.
        committed: Hash,
        /// Hash of the header.
        computed: Hash,
    },
    /// The validators are not those of the header.
    #[error("the validators given hash to {computed}, its header says {stated}")]
    Validators {
        /// Hash in the header.
        stated: Hash,
        /// Hash of the set.
        computed: Hash,
    },
    /// The validators are not those that the header before announced.
    #[error("its validators hash to {found}, the header before announced {announced}")]
    NextValidators {
        /// `next_validators_hash` of the header before.
        announced: Hash,
        /// `validators_hash` of the header.
        found: Hash,
    },
    /// The header does not name the one before it.
    #[error("it follows the header {named}, the trusted one is {trusted}")]
    Link {
        /// Hash of the trusted header.
        trusted: Hash,
        /// Hash in `last_block_id`.
        named: Hash,
    },
    /// The header is not the one that the later header names.
    #[error("its hash is {found}, the trusted header after it names {named}")]
    LinkBackwards {
        /// Hash in the later header's `last_block_id`.
        named: Hash,
        /// Hash of the header.
        found: Hash,
    },
    /// One signature for each validator, at its place.
    #[error("its commit has {signatures} signatures for {validators} validators")]
    SignatureCount {
        /// Entries of the commit.
        signatures: usize,
        /// Validators of the set.
        validators: usize,
    },
    /// One signature for each validator, at its place.
    #[error("signature {index} of its commit is by {found}, validator {index} is {expected}")]
    SignatureOrder {
        /// Place in the commit.
        index: usize,
        /// Validator of that place.
        expected: Address,
        /// Who is named.
        found: Address,
    },
    /// Nobody signed.
    #[error("its commit has no signature")]
    NoSignature,
    /// Someone signed who may not.
    #[error("its commit has a signature by {signer}, who is not one of its validators")]
    UnknownSigner {
        /// Who signed.
        signer: Address,
    },
    /// Someone counts twice.
    #[error("its commit has two signatures by {signer}")]
    DoubleSignature {
        /// Who signed.
        signer: Address,
    },
    /// A vote without signature.
    #[error("its commit has a vote without signature")]
    MissingSignature,
    /// A signature that its key did not make.
    #[error("the signature of {signer} in its commit is not valid")]
    Signature {
        /// Whose it should be.
        signer: Address,
    },
    /// Not more than two thirds of its own validators signed.
    #[error("validators with power {signed} of {total} signed it: more than 2/3 are needed")]
    Power {
        /// Power of those who signed.
        signed: u64,
        /// Power of all.
        total: u64,
    },
    /// Not enough of the trusted validators signed: headers in between are needed.
    #[error("of the trusted validators those with power {signed} of {total} signed it: more than {level} is needed")]
    Trust {
        /// Power of the trusted validators who signed.
        signed: u64,
        /// Power of all of them.
        total: u64,
        /// What is needed.
        level: TrustLevel,
    },
    /// Something that cannot be computed, for example a time beyond the year 9999.
    #[error("it cannot be verified: {reason}")]
    Uncomputable {
        /// What.
        reason: String,
    },
}
