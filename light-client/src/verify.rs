//! One step of trust, on `tendermint-light-client-verifier`; and three checks that it leaves out.
//!
//! Like CometBFT's light client the verifier stops counting signatures at two thirds and looks validators up by address. Here every signature
//! must verify at its validator's place, so that no byte of a commit that is handed on has gone unchecked; adjacent
//! headers must also name each other.

use tendermint::block::{CommitSig, Header};
use tendermint::chain::Id as ChainId;
use tendermint::crypto::default::signature::Verifier as SignatureVerifier;
use tendermint::vote::{self, ValidatorIndex, Vote};
use tendermint::{Hash, Time};
use tendermint_light_client_verifier::errors::VerificationErrorDetail as Detail;
use tendermint_light_client_verifier::types::{TrustedBlockState, UntrustedBlockState};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};

use crate::error::VerifyError;
use crate::light_block::LightBlock;
use crate::options::{TrustLevel, TrustOptions};

/// Block version of CometBFT 0.38 (`version.BlockProtocol`).
const BLOCK_VERSION: u64 = 11;

/// Requires that `block` follows from the trusted block `trusted`, which is earlier, at the time `now`.
///
/// Adjacent blocks: the trusted header announced the validators, and more than 2/3 of their power signed. Others: more
/// than the trust level of the **trusted** block's validators signed, and more than 2/3 of its own. In both cases the
/// trusted header has not expired, heights and times grow, and everything in the block fits together.
///
/// # Errors
/// [`VerifyError`]; [`VerifyError::Trust`] asks for a block in between.
pub fn verify_step(
    trusted: &LightBlock,
    block: &LightBlock,
    options: &TrustOptions,
    now: Time,
) -> Result<(), VerifyError> {
    require_version(block.header())?;
    require_chain(block, &trusted.header().chain_id)?;
    let untrusted = UntrustedBlockState {
        signed_header: block.signed_header(),
        validators: block.validators(),
        next_validators: None,
    };
    let state = TrustedBlockState {
        chain_id: &trusted.header().chain_id,
        header_time: trusted.time(),
        height: trusted.header().height,
        // As CometBFT does: the overlap is counted in the set that signed the trusted header. A full node need not send a
        // second set for each height.
        next_validators: trusted.validators(),
        next_validators_hash: trusted.header().next_validators_hash,
    };
    let verdict = ProdVerifier::default().verify_update_header(untrusted, state, &options.verifier_options(), now);
    require(verdict, options.trust_level)?;
    if block.height() == trusted.height().saturating_add(1) {
        let named = block.header().last_block_id.map_or(Hash::None, |id| id.hash);
        if named != trusted.hash() {
            return Err(VerifyError::Link { trusted: trusted.hash(), named });
        }
    }
    require_every_signature(block)
}

/// Requires that `block` holds by itself: it is of `chain_id`, its parts fit together, and more than 2/3 of its own
/// validators signed it. That makes it a block of *some* chain of that name: trust it only for its hash.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_block(block: &LightBlock, chain_id: &ChainId) -> Result<(), VerifyError> {
    require_version(block.header())?;
    require_chain(block, chain_id)?;
    let verifier = ProdVerifier::default();
    let untrusted = || UntrustedBlockState {
        signed_header: block.signed_header(),
        validators: block.validators(),
        next_validators: None,
    };
    require(verifier.verify_validator_sets(&untrusted()), TrustLevel::default())?;
    require(verifier.verify_commit(&untrusted()), TrustLevel::default())?;
    require_every_signature(block)
}

/// Requires that `block` is the one before `trusted`: the later header names it by its hash.
///
/// # Errors
/// [`VerifyError`].
pub(crate) fn verify_backwards(trusted: &LightBlock, block: &LightBlock) -> Result<(), VerifyError> {
    require_chain(block, &trusted.header().chain_id)?;
    let named = trusted.header().last_block_id.map_or(Hash::None, |id| id.hash);
    let found = block.hash();
    if named != found {
        return Err(VerifyError::LinkBackwards { named, found });
    }
    if block.time() >= trusted.time() {
        return Err(VerifyError::TimeBackwards { trusted: trusted.time(), found: block.time() });
    }
    Ok(())
}

/// When the trust in a header's validators ends, or why that has no answer.
pub(crate) fn require_not_expired(block: &LightBlock, options: &TrustOptions, now: Time) -> Result<(), VerifyError> {
    let expired_at = block.time().checked_add(options.period).ok_or_else(|| VerifyError::Uncomputable {
        reason: "the trusting period ends after the year 9999".to_owned(),
    })?;
    if expired_at > now { Ok(()) } else { Err(VerifyError::Expired { expired_at, now }) }
}

fn require_version(header: &Header) -> Result<(), VerifyError> {
    match header.version.block {
        BLOCK_VERSION => Ok(()),
        found => Err(VerifyError::BlockVersion { expected: BLOCK_VERSION, found }),
    }
}

fn require_chain(block: &LightBlock, expected: &ChainId) -> Result<(), VerifyError> {
    let found = &block.header().chain_id;
    if found == expected {
        return Ok(());
    }
    Err(VerifyError::ChainId { expected: expected.to_string(), found: found.to_string() })
}

/// Every signature, also `nil` votes and those beyond two thirds, is its validator's, at the validator's place.
fn require_every_signature(block: &LightBlock) -> Result<(), VerifyError> {
    let commit = &block.signed_header().commit;
    let validators = block.validators().validators();
    for (index, (signature, validator)) in commit.signatures.iter().zip(validators).enumerate() {
        let (signer, timestamp, signature, block_id) = match signature {
            CommitSig::BlockIdFlagAbsent => continue,
            CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature } => {
                (*validator_address, *timestamp, signature, Some(commit.block_id))
            }
            CommitSig::BlockIdFlagNil { validator_address, timestamp, signature } => {
                (*validator_address, *timestamp, signature, None)
            }
        };
        if signer != validator.address {
            return Err(VerifyError::SignatureOrder { index, expected: validator.address, found: signer });
        }
        let signature = signature.as_ref().ok_or(VerifyError::MissingSignature)?;
        let vote = Vote {
            vote_type: vote::Type::Precommit,
            height: commit.height,
            round: commit.round,
            block_id,
            timestamp: Some(timestamp),
            validator_address: signer,
            // Not part of what is signed.
            validator_index: ValidatorIndex::try_from(0_u32).expect("0 is an index"),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let signed = vote.into_signable_vec(block.header().chain_id.clone());
        validator
            .verify_signature::<SignatureVerifier>(&signed, signature)
            .map_err(|_| VerifyError::Signature { signer })?;
    }
    Ok(())
}

fn require(verdict: Verdict, level: TrustLevel) -> Result<(), VerifyError> {
    match verdict {
        Verdict::Success => Ok(()),
        Verdict::NotEnoughTrust(tally) => Err(VerifyError::Trust { signed: tally.tallied, total: tally.total, level }),
        Verdict::Invalid(detail) => Err(translate(detail, level)),
    }
}

fn translate(detail: Detail, level: TrustLevel) -> VerifyError {
    match detail {
        Detail::HeaderFromTheFuture(e) => {
            VerifyError::FromFuture { time: e.header_time, now: e.now, max_clock_drift: e.max_clock_drift }
        }
        Detail::NotEnoughTrust(e) => VerifyError::Trust { signed: e.tally.tallied, total: e.tally.total, level },
        Detail::InsufficientSignersOverlap(e) => VerifyError::Power { signed: e.tally.tallied, total: e.tally.total },
        Detail::DuplicateValidator(e) => VerifyError::DoubleSignature { signer: e.address },
        Detail::MissingSignature(_) => VerifyError::MissingSignature,
        Detail::InvalidSignature(e) => VerifyError::Signature { signer: e.validator.address },
        Detail::InvalidCommitValue(e) => VerifyError::HeaderHash { committed: e.commit_hash, computed: e.header_hash },
        Detail::InvalidNextValidatorSet(e) => {
            // Only raised for an adjacent block: its validators, then what the trusted header announced.
            VerifyError::NextValidators { announced: e.next_validators_hash, found: e.header_next_validators_hash }
        }
        Detail::InvalidValidatorSet(e) => {
            VerifyError::Validators { stated: e.header_validators_hash, computed: e.validators_hash }
        }
        Detail::NonIncreasingHeight(e) => {
            // The verifier says which height it expected at least.
            VerifyError::Height { trusted: e.expected.value().saturating_sub(1), found: e.got.value() }
        }
        Detail::ChainIdMismatch(e) => VerifyError::ChainId { expected: e.expected, found: e.got },
        Detail::NonMonotonicBftTime(e) => {
            VerifyError::Time { trusted: e.trusted_header_bft_time, found: e.header_bft_time }
        }
        Detail::NotWithinTrustPeriod(e) => VerifyError::Expired { expired_at: e.expires_at, now: e.now },
        Detail::NoSignatureForCommit(_) => VerifyError::NoSignature,
        Detail::MismatchPreCommitLength(e) => {
            VerifyError::SignatureCount { signatures: e.pre_commit_length, validators: e.validator_length }
        }
        Detail::FaultySigner(e) => VerifyError::UnknownSigner { signer: e.signer },
        Detail::Tendermint(e) => VerifyError::Uncomputable { reason: e.source.to_string() },
    }
}
