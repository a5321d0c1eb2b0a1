//! Consensus parameters: defaults, limits, updates and hash, by CometBFT's `types/params.go`.

use plume_engine::{ConsensusParams, ValidatorKey};
use prost::Message;

use crate::raw::{BlockParams, HashedParams, ValidatorParams};
use crate::{Hash, MAX_BLOCK_BYTES, key_type, merkle};

/// Parameters that no chain can have, or a change that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// No room for blocks, or too much.
    #[error("block.max_bytes must be -1 or between 1 and {MAX_BLOCK_BYTES}, got {0}")]
    MaxBytes(i64),
    /// Less gas than "no limit".
    #[error("block.max_gas must be greater or equal to -1, got {0}")]
    MaxGas(i64),
    /// Evidence that is never young enough.
    #[error("evidence.max_age_num_blocks must be greater than 0, got {0}")]
    EvidenceAge(i64),
    /// The same, by time.
    #[error("evidence.max_age_duration must be greater than 0, got {0} ns")]
    EvidenceDuration(i128),
    /// More evidence than a block holds, or less than none.
    #[error("evidence.max_bytes must be between 0 and {max}, got {got}")]
    EvidenceBytes {
        /// Largest block.
        max: i64,
        /// The value found.
        got: i64,
    },
    /// A height before the chain.
    #[error("abci.vote_extensions_enable_height cannot be negative, got {0}")]
    ExtensionsHeight(i64),
    /// Nobody could be a validator.
    #[error("validator.pub_key_types must not be empty")]
    NoKeyTypes,
    /// A kind of key that does not exist.
    #[error("validator.pub_key_types[{index}], {name}, is an unknown pubkey type")]
    KeyType {
        /// Position in the list.
        index: usize,
        /// The name found.
        name: String,
    },
    /// Vote extensions that run already cannot be turned off or moved.
    #[error(
        "vote extensions cannot be changed once enabled: enabled at {old}, asked for {new}, current height {height}"
    )]
    ExtensionsEnabled {
        /// Height in force.
        old: i64,
        /// Height asked for.
        new: i64,
        /// Height of the block that asks.
        height: i64,
    },
    /// Vote extensions must start in the future.
    #[error("vote extensions cannot be enabled in the past: asked for {new}, current height {height}")]
    ExtensionsPast {
        /// Height asked for.
        new: i64,
        /// Height of the block that asks.
        height: i64,
    },
}

pub use plume_home::genesis::cometbft_params as defaults;

/// `base` with every part that `changes` has replaced as a whole (`ConsensusParams.Update`).
#[must_use]
pub fn updated(base: &ConsensusParams, changes: &ConsensusParams) -> ConsensusParams {
    ConsensusParams {
        block: changes.block.or(base.block),
        evidence: changes.evidence.or(base.evidence),
        validator: changes.validator.clone().or_else(|| base.validator.clone()),
        version: changes.version.or(base.version),
        abci: changes.abci.or(base.abci),
    }
}

/// `params` with CometBFT's defaults for parts that are missing.
#[must_use]
pub fn completed(params: &ConsensusParams) -> ConsensusParams {
    updated(&defaults(), params)
}

/// Largest encoded block in bytes under `params`: `block.max_bytes`, or the limit of the format when that is -1.
pub fn max_block_bytes(params: &ConsensusParams) -> u64 {
    match block(params).max_bytes {
        -1 => MAX_BLOCK_BYTES as u64, // a constant of 27 bits
        bytes => u64::try_from(bytes).unwrap_or(0),
    }
}

/// Gas limit of a block; `None` for none.
pub fn max_gas(params: &ConsensusParams) -> Option<u64> {
    u64::try_from(block(params).max_gas).ok()
}

/// Whether `params` let a validator have `key`.
pub fn allows_key(params: &ConsensusParams, key: &ValidatorKey) -> bool {
    validator(params).pub_key_types.iter().any(|name| name == key_type(key))
}

/// Hash of the parameters, as headers carry it: only `block.max_bytes` and `block.max_gas` are part of it.
pub fn hash(params: &ConsensusParams) -> Hash {
    let BlockParams { max_bytes, max_gas } = block(params);
    merkle::sha256(&HashedParams { block_max_bytes: max_bytes, block_max_gas: max_gas }.encode_to_vec())
}

/// Checks the limits (`ConsensusParams.ValidateBasic`). A missing part counts as all zero, which is refused.
///
/// # Errors
/// [`ParamsError`].
pub fn require_valid(params: &ConsensusParams) -> Result<(), ParamsError> {
    let BlockParams { max_bytes, max_gas } = block(params);
    let limit = MAX_BLOCK_BYTES as i64; // a constant of 27 bits
    if max_bytes != -1 && !(1..=limit).contains(&max_bytes) {
        return Err(ParamsError::MaxBytes(max_bytes));
    }
    if max_gas < -1 {
        return Err(ParamsError::MaxGas(max_gas));
    }
    let evidence = params.evidence.unwrap_or_default();
    if evidence.max_age_num_blocks <= 0 {
        return Err(ParamsError::EvidenceAge(evidence.max_age_num_blocks));
    }
    let age = evidence.max_age_duration.unwrap_or_default();
    let age = i128::from(age.seconds) * 1_000_000_000 + i128::from(age.nanos);
    if age <= 0 {
        return Err(ParamsError::EvidenceDuration(age));
    }
    let max = if max_bytes == -1 { limit } else { max_bytes };
    if !(0..=max).contains(&evidence.max_bytes) {
        return Err(ParamsError::EvidenceBytes { max, got: evidence.max_bytes });
    }
    let enable_height = extensions_height(params);
    if enable_height < 0 {
        return Err(ParamsError::ExtensionsHeight(enable_height));
    }
    let types = &validator(params).pub_key_types;
    if types.is_empty() {
        return Err(ParamsError::NoKeyTypes);
    }
    match types.iter().position(|name| name != "ed25519" && name != "secp256k1") {
        Some(index) => Err(ParamsError::KeyType { index, name: types[index].clone() }),
        None => Ok(()),
    }
}

/// Checks what a change made by block `height` may do to vote extensions (`ConsensusParams.ValidateUpdate`).
///
/// # Errors
/// [`ParamsError::ExtensionsHeight`], [`ParamsError::ExtensionsEnabled`], [`ParamsError::ExtensionsPast`].
pub fn require_allowed_update(
    params: &ConsensusParams,
    changes: &ConsensusParams,
    height: i64,
) -> Result<(), ParamsError> {
    let Some(abci) = changes.abci else { return Ok(()) };
    let (old, new) = (extensions_height(params), abci.vote_extensions_enable_height);
    if new < 0 {
        return Err(ParamsError::ExtensionsHeight(new));
    }
    if new == old || (old <= 0 && new == 0) {
        return Ok(());
    }
    if new > 0 && new <= height {
        return Err(ParamsError::ExtensionsPast { new, height });
    }
    if old > 0 && old <= height {
        return Err(ParamsError::ExtensionsEnabled { old, new, height });
    }
    Ok(())
}

pub(crate) fn app_version(params: &ConsensusParams) -> u64 {
    params.version.unwrap_or_default().app
}

fn block(params: &ConsensusParams) -> BlockParams {
    params.block.unwrap_or_default()
}

fn validator(params: &ConsensusParams) -> &ValidatorParams {
    const NONE: &ValidatorParams = &ValidatorParams { pub_key_types: Vec::new() };
    params.validator.as_ref().unwrap_or(NONE)
}

fn extensions_height(params: &ConsensusParams) -> i64 {
    params.abci.unwrap_or_default().vote_extensions_enable_height
}
