//! CometBFT's rules for consensus parameters (`types/params.go` of v0.38.25), with its texts.

use plume_proto::google::protobuf::Duration;
use plume_proto::tendermint::types::ConsensusParams;

/// Largest block that CometBFT can gossip, in bytes.
const MAX_BLOCK_BYTES: i64 = 104_857_600;
/// Names of the keys that a validator may have.
const PUB_KEY_TYPES: [&str; 2] = ["ed25519", "secp256k1"];

/// Why parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A block of no bytes.
    #[error("block.MaxBytes cannot be 0")]
    NoMaxBytes,
    /// A negative size other than the one that stands for CometBFT's own bound.
    #[error("block.MaxBytes must be -1 or greater than 0. Got {0}")]
    NegativeMaxBytes(i64),
    /// A block that CometBFT cannot gossip.
    #[error("block.MaxBytes is too big. {0} > {MAX_BLOCK_BYTES}")]
    MaxBytesTooBig(i64),
    /// A negative amount of gas other than the one that stands for no bound.
    #[error("block.MaxGas must be greater or equal to -1. Got {0}")]
    MaxGas(i64),
    /// Evidence that is too old at once, in blocks.
    #[error("evidence.MaxAgeNumBlocks must be greater than 0. Got {0}")]
    MaxAgeNumBlocks(i64),
    /// Evidence that is too old at once, in time.
    #[error("evidence.MaxAgeDuration must be grater than 0 if provided, Got {seconds}.{nanos:09}s", seconds = .0.seconds, nanos = .0.nanos.unsigned_abs())]
    MaxAgeDuration(Duration),
    /// Evidence that fills more than a block.
    #[error("evidence.MaxBytesEvidence is greater than upper bound, {evidence} > {block}")]
    EvidenceTooBig {
        /// Bytes of evidence.
        evidence: i64,
        /// Bytes of a block.
        block: i64,
    },
    /// A negative size of evidence.
    #[error("evidence.MaxBytes must be non negative. Got: {0}")]
    NegativeEvidence(i64),
    /// A negative height.
    #[error("ABCI.VoteExtensionsEnableHeight cannot be negative. Got: {0}")]
    NegativeVoteExtensionsHeight(i64),
    /// No key would be allowed.
    #[error("len(Validator.PubKeyTypes) must be greater than 0")]
    NoPubKeyTypes,
    /// A kind of key that validators cannot have.
    #[error("params.Validator.PubKeyTypes[{index}], {kind}, is an unknown pubkey type")]
    UnknownPubKeyType {
        /// Where it stands.
        index: usize,
        /// Its name.
        kind: String,
    },
    /// A stated height of vote extensions that is negative.
    #[error("VoteExtensionsEnableHeight must be positive")]
    VoteExtensionsNotPositive,
    /// Vote extensions switched off while they are on.
    #[error("vote extensions cannot be disabled once enabledold enable height: {enabled}, current height {height}")]
    VoteExtensionsDisabled {
        /// Since when they are on.
        enabled: i64,
        /// This block.
        height: i64,
    },
    /// Vote extensions switched on at a height that has passed.
    #[error(
        "vote extensions cannot be updated to a past or current height, enable height: {enable}, current height {height}"
    )]
    VoteExtensionsInThePast {
        /// The height asked for.
        enable: i64,
        /// This block.
        height: i64,
    },
    /// Vote extensions moved while they are on.
    #[error("vote extensions cannot be modified once enabledenable height: {enabled}, current height {height}")]
    VoteExtensionsModified {
        /// Since when they are on.
        enabled: i64,
        /// This block.
        height: i64,
    },
}

/// Checks that all values are within their limits. A missing part counts as zeros.
///
/// # Errors
/// The first violation in CometBFT's order.
pub fn validate(params: &ConsensusParams) -> Result<(), RuleError> {
    let block = params.block.unwrap_or_default();
    match block.max_bytes {
        0 => return Err(RuleError::NoMaxBytes),
        bytes if bytes < -1 => return Err(RuleError::NegativeMaxBytes(bytes)),
        bytes if bytes > MAX_BLOCK_BYTES => return Err(RuleError::MaxBytesTooBig(bytes)),
        _ => {}
    }
    if block.max_gas < -1 {
        return Err(RuleError::MaxGas(block.max_gas));
    }

    let evidence = params.evidence.unwrap_or_default();
    if evidence.max_age_num_blocks <= 0 {
        return Err(RuleError::MaxAgeNumBlocks(evidence.max_age_num_blocks));
    }
    let age = evidence.max_age_duration.unwrap_or_default();
    if (age.seconds, age.nanos) <= (0, 0) {
        return Err(RuleError::MaxAgeDuration(age));
    }
    let bound = if block.max_bytes == -1 { MAX_BLOCK_BYTES } else { block.max_bytes };
    if evidence.max_bytes > bound {
        return Err(RuleError::EvidenceTooBig { evidence: evidence.max_bytes, block: block.max_bytes });
    }
    if evidence.max_bytes < 0 {
        return Err(RuleError::NegativeEvidence(evidence.max_bytes));
    }

    let vote_extensions = vote_extensions_height(params);
    if vote_extensions < 0 {
        return Err(RuleError::NegativeVoteExtensionsHeight(vote_extensions));
    }
    let kinds = params.validator.as_ref().map_or(&[][..], |validator| validator.pub_key_types.as_slice());
    if kinds.is_empty() {
        return Err(RuleError::NoPubKeyTypes);
    }
    match kinds.iter().enumerate().find(|(_, kind)| !PUB_KEY_TYPES.contains(&kind.as_str())) {
        Some((index, kind)) => Err(RuleError::UnknownPubKeyType { index, kind: kind.clone() }),
        None => Ok(()),
    }
}

/// Checks the height from which vote extensions are wanted: it may be moved while it lies ahead, never once it is
/// reached.
///
/// # Errors
/// The rule that `update` breaks at `height`.
pub(crate) fn validate_update(now: &ConsensusParams, update: &ConsensusParams, height: i64) -> Result<(), RuleError> {
    let Some(abci) = &update.abci else { return Ok(()) };
    let (enabled, enable) = (vote_extensions_height(now), abci.vote_extensions_enable_height);
    if enable < 0 {
        return Err(RuleError::VoteExtensionsNotPositive);
    }
    if enabled == enable || (enabled <= 0 && enable == 0) {
        return Ok(());
    }
    if enable == 0 {
        // `enabled` is positive here.
        return if enabled <= height { Err(RuleError::VoteExtensionsDisabled { enabled, height }) } else { Ok(()) };
    }
    if enable <= height {
        return Err(RuleError::VoteExtensionsInThePast { enable, height });
    }
    if enabled > 0 && enabled <= height {
        return Err(RuleError::VoteExtensionsModified { enabled, height });
    }
    Ok(())
}

fn vote_extensions_height(params: &ConsensusParams) -> i64 {
    params.abci.as_ref().map_or(0, |abci| abci.vote_extensions_enable_height)
}

#[cfg(test)]
mod tests {
    use plume_proto::tendermint::types::{AbciParams, BlockParams, EvidenceParams, ValidatorParams};

    use super::*;

    fn good() -> ConsensusParams {
        ConsensusParams {
            block: Some(BlockParams { max_bytes: 4_194_304, max_gas: 10_000_000 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 100_000,
                max_age_duration: Some(Duration { seconds: 172_800, nanos: 0 }),
                max_bytes: 1_048_576,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".into()] }),
            version: None,
            abci: None,
        }
    }

    fn with_height(height: i64) -> ConsensusParams {
        ConsensusParams { abci: Some(AbciParams { vote_extensions_enable_height: height }), ..good() }
    }

    #[test]
    fn each_rule_refuses_what_breaks_it() {
        assert_eq!(validate(&good()), Ok(()));
        let text = |change: &dyn Fn(&mut ConsensusParams)| {
            let mut params = good();
            change(&mut params);
            validate(&params).map_err(|e| e.to_string())
        };
        let max_bytes = |n| text(&|p| p.block.as_mut().unwrap().max_bytes = n);
        assert_eq!(max_bytes(0), Err("block.MaxBytes cannot be 0".into()));
        assert_eq!(max_bytes(-1), Ok(()));
        assert_eq!(max_bytes(-10), Err("block.MaxBytes must be -1 or greater than 0. Got -10".into()));
        assert_eq!(max_bytes(104_857_600), Ok(()));
        assert_eq!(max_bytes(104_857_601), Err("block.MaxBytes is too big. 104857601 > 104857600".into()));
        assert_eq!(text(&|p| p.block = None), Err("block.MaxBytes cannot be 0".into()));

        let max_gas = |n| text(&|p| p.block.as_mut().unwrap().max_gas = n);
        assert_eq!(max_gas(-1), Ok(()));
        assert_eq!(max_gas(-2), Err("block.MaxGas must be greater or equal to -1. Got -2".into()));

        let evidence = |change: &dyn Fn(&mut EvidenceParams)| text(&|p| change(p.evidence.as_mut().unwrap()));
        assert_eq!(
            evidence(&|e| e.max_age_num_blocks = 0),
            Err("evidence.MaxAgeNumBlocks must be greater than 0. Got 0".into())
        );
        assert_eq!(
            evidence(&|e| e.max_age_duration = None),
            Err("evidence.MaxAgeDuration must be grater than 0 if provided, Got 0.000000000s".into())
        );
        assert_eq!(
            evidence(&|e| e.max_bytes = 4_194_305),
            Err("evidence.MaxBytesEvidence is greater than upper bound, 4194305 > 4194304".into())
        );
        assert_eq!(evidence(&|e| e.max_bytes = -1), Err("evidence.MaxBytes must be non negative. Got: -1".into()));

        assert_eq!(
            validate(&with_height(-1)).map_err(|e| e.to_string()),
            Err("ABCI.VoteExtensionsEnableHeight cannot be negative. Got: -1".into())
        );
        let kinds = |kinds: &[&str]| {
            let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
            text(&|p| p.validator.as_mut().unwrap().pub_key_types = kinds.clone())
        };
        assert_eq!(kinds(&["ed25519", "secp256k1"]), Ok(()));
        assert_eq!(kinds(&[]), Err("len(Validator.PubKeyTypes) must be greater than 0".into()));
        assert_eq!(
            kinds(&["ed25519", "bls12381"]),
            Err("params.Validator.PubKeyTypes[1], bls12381, is an unknown pubkey type".into())
        );
    }

    /// The ten cases of the table in CometBFT's source, at height 10.
    #[test]
    fn vote_extensions_move_only_while_they_lie_ahead() {
        let update = |now: &ConsensusParams, update: i64| {
            validate_update(now, &with_height(update), 10).map_err(|e| e.to_string())
        };
        assert_eq!(validate_update(&with_height(5), &good(), 10), Ok(()));
        assert_eq!(update(&good(), -1), Err("VoteExtensionsEnableHeight must be positive".into()));
        assert_eq!(update(&good(), 0), Ok(()));
        assert_eq!(update(&with_height(5), 5), Ok(()));
        assert_eq!(
            update(&with_height(10), 0),
            Err("vote extensions cannot be disabled once enabledold enable height: 10, current height 10".into())
        );
        assert_eq!(update(&with_height(11), 0), Ok(()));
        assert_eq!(
            update(&good(), 10),
            Err("vote extensions cannot be updated to a past or current height, enable height: 10, current height 10"
                .into())
        );
        assert_eq!(update(&good(), 11), Ok(()));
        assert_eq!(
            update(&with_height(10), 20),
            Err("vote extensions cannot be modified once enabledenable height: 10, current height 10".into())
        );
        assert_eq!(update(&with_height(11), 20), Ok(()));
    }
}
