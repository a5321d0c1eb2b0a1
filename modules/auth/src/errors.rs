use plume_kit::Coded;

use crate::params::ParamsError;

/// Every way in which a message or call of this module fails; the texts are the SDK's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Parameters changed by another than the authority. (Other modules of the SDK answer `gov/13` here.)
    #[error(
        "expected gov account as only signer for proposal message; invalid authority; expected {expected}, got {got}"
    )]
    InvalidAuthority {
        /// The authority.
        expected: String,
        /// The signer.
        got: String,
    },
    /// Parameters that no transaction could meet.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// There is no account at the address.
    #[error("account {0} does not exist: unknown address")]
    UnknownAccount(String),
    /// The chain lists no module account of that name.
    #[error("module account {0} does not exist: unknown address")]
    UnknownModule(String),
    /// The address of a module is taken by an ordinary account.
    #[error("account of module {0} is not a module account: internal logic error")]
    NotModuleAccount(String),
    /// An account has signed 2^64 - 1 times.
    #[error("sequence of account {0} is used up: internal logic error")]
    SequenceUsedUp(String),
}

/// # Consensus
/// Codes are hashed into the results of a block: pinned by a test below, never renumbered.
impl Coded for AuthError {
    fn codespace(&self) -> &'static str {
        match self {
            Self::InvalidAuthority { .. } | Self::Params(_) => "undefined",
            _ => "sdk",
        }
    }

    fn code(&self) -> u32 {
        match self {
            Self::InvalidAuthority { .. } | Self::Params(_) => 1,
            Self::UnknownAccount(_) | Self::UnknownModule(_) => 9,
            Self::NotModuleAccount(_) | Self::SequenceUsedUp(_) => 35,
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
                AuthError::InvalidAuthority { expected: "a".to_owned(), got: "b".to_owned() },
                "undefined",
                1,
                "expected gov account as only signer for proposal message; invalid authority; expected a, got b",
            ),
            (AuthError::Params(ParamsError::TxSigLimit), "undefined", 1, "invalid tx signature limit: 0"),
            (
                AuthError::UnknownAccount("plume1x".to_owned()),
                "sdk",
                9,
                "account plume1x does not exist: unknown address",
            ),
            (
                AuthError::UnknownModule("mint".to_owned()),
                "sdk",
                9,
                "module account mint does not exist: unknown address",
            ),
            (
                AuthError::NotModuleAccount("mint".to_owned()),
                "sdk",
                35,
                "account of module mint is not a module account: internal logic error",
            ),
            (
                AuthError::SequenceUsedUp("plume1x".to_owned()),
                "sdk",
                35,
                "sequence of account plume1x is used up: internal logic error",
            ),
        ];
        for (error, codespace, code, text) in cases {
            assert_eq!((error.codespace(), error.code(), error.to_string().as_str()), (codespace, code, text));
        }
    }
}
