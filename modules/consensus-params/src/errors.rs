use plume_kit::Coded;

use crate::rules::RuleError;

/// Every way in which a message of this module fails; the texts are the SDK's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsensusParamsError {
    /// Parameters changed by another than the authority.
    #[error(
        "invalid authority; expected {expected}, got {got}: expected gov account as only signer for proposal message"
    )]
    InvalidAuthority {
        /// The authority.
        expected: String,
        /// The signer.
        got: String,
    },
    /// Not all of block, evidence and validator parameters are stated.
    #[error("all parameters must be present")]
    NotAllPresent,
    /// Nothing was stored at genesis.
    #[error(
        "collections: not found: key 'no_key' of type github.com/cosmos/gogoproto/tendermint.types.ConsensusParams"
    )]
    NotStored,
    /// Parameters that CometBFT refuses.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// # Consensus
/// Codes are hashed into the results of a block: pinned by a test below, never renumbered.
impl Coded for ConsensusParamsError {
    fn codespace(&self) -> &'static str {
        match self {
            Self::InvalidAuthority { .. } => "gov",
            Self::NotAllPresent | Self::NotStored | Self::Rule(_) => "undefined",
        }
    }

    fn code(&self) -> u32 {
        match self {
            Self::InvalidAuthority { .. } => 13,
            Self::NotAllPresent | Self::NotStored | Self::Rule(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_are_pinned() {
        let cases = [
            (
                ConsensusParamsError::InvalidAuthority { expected: "a".to_owned(), got: "b".to_owned() },
                "gov",
                13,
                "invalid authority; expected a, got b: expected gov account as only signer for proposal message",
            ),
            (ConsensusParamsError::NotAllPresent, "undefined", 1, "all parameters must be present"),
            (
                ConsensusParamsError::NotStored,
                "undefined",
                1,
                "collections: not found: key 'no_key' of type \
                 github.com/cosmos/gogoproto/tendermint.types.ConsensusParams",
            ),
            (ConsensusParamsError::Rule(RuleError::NoMaxBytes), "undefined", 1, "block.MaxBytes cannot be 0"),
        ];
        for (error, codespace, code, text) in cases {
            assert_eq!((error.codespace(), error.code(), error.to_string().as_str()), (codespace, code, text));
        }
    }
}
