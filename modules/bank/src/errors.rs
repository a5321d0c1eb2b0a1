use plume_kit::Coded;
use plume_primitives::{Address, AddressError, Amount, Coin, Coins, Denom};

/// Every way in which a message or call of this module fails; the texts are the SDK's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BankError {
    /// `MsgMultiSend` without an input.
    #[error("no inputs to send transaction")]
    NoInputs,
    /// `MsgMultiSend` without an output.
    #[error("no outputs to send transaction")]
    NoOutputs,
    /// The outputs of a `MsgMultiSend` are not worth its input.
    #[error("sum inputs != sum outputs")]
    InputOutputMismatch,
    /// `MsgMultiSend` with more than one input.
    #[error("multiple senders not allowed")]
    MultipleSenders,
    /// The denomination's switch is off.
    #[error("{0} transfers are currently disabled: send transactions are disabled")]
    SendDisabled(Denom),
    /// The sender can spend less than it wants to.
    #[error("spendable balance {spendable} is smaller than {wanted}: insufficient funds")]
    InsufficientFunds {
        /// What it can spend of the denomination.
        spendable: Coin,
        /// What it wants to spend.
        wanted: Coin,
    },
    /// The recipient is a module whose account users cannot send to.
    #[error("{0} is not allowed to receive funds: unauthorized")]
    Blocked(String),
    /// Coins that are unsorted, doubled, zero or malformed, as the message states them.
    #[error("{0}: invalid coins")]
    InvalidCoins(String),
    /// More than 2^128 - 1 base units in one place.
    #[error("amount {0} is too large: the largest is {max}: invalid coins", max = Amount::MAX)]
    AmountTooLarge(String),
    /// A movement after which an account would hold more than 2^128 - 1 base units.
    #[error("balance of {address:?} would exceed {max}{denom}: invalid coins", max = Amount::MAX)]
    BalanceTooLarge {
        /// Account.
        address: Address,
        /// Denomination.
        denom: Denom,
    },
    /// New coins with which more than 2^128 - 1 base units would exist.
    #[error("supply would exceed {max}{denom}: minting {minted}: invalid coins", max = Amount::MAX)]
    SupplyTooLarge {
        /// Denomination.
        denom: Denom,
        /// What was to be minted.
        minted: Coins,
    },
    /// An address that is none of this chain's.
    #[error("invalid {role} address: {source}: invalid address")]
    InvalidAddress {
        /// `from`, `to`, `input` or `output`.
        role: &'static str,
        /// What is wrong with it.
        source: AddressError,
    },
    /// A message that only the authority may send, sent by another.
    #[error(
        "invalid authority; expected {expected}, got {got}: expected gov account as only signer for proposal message"
    )]
    InvalidAuthority {
        /// The authority.
        expected: String,
        /// The signer.
        got: String,
    },
    /// `MsgSetSendEnabled` names a denomination twice.
    #[error("duplicate denom entries found for {0:?}: invalid request")]
    DuplicateSendEnabled(String),
    /// `MsgSetSendEnabled` switches something that is no denomination.
    #[error("invalid SendEnabled denom {0:?}: invalid denom: {0}: invalid request")]
    InvalidSendEnabledDenom(String),
    /// `MsgSetSendEnabled` resets something that is no denomination.
    #[error("invalid UseDefaultFor denom {0:?}: invalid denom: {0}: invalid request")]
    InvalidUseDefaultDenom(String),
    /// Parameters with the list that SDK 0.47 replaced by switches of their own.
    #[error("use of send_enabled in params is no longer supported")]
    SendEnabledInParams,
    /// A module without the permission to mint.
    #[error("module account {0} does not have permissions to mint tokens: unauthorized")]
    MayNotMint(String),
    /// A module without the permission to burn.
    #[error("module account {0} does not have permissions to burn tokens: unauthorized")]
    MayNotBurn(String),
    /// A caller in the code gave a movement a reason that belongs to another function.
    #[error("coins move by mint and burn for the reason {0}, not by move_coins: internal logic error")]
    ReasonOfOtherFunction(&'static str),
    /// A hook redirected coins that are being destroyed.
    #[error("a burn cannot be redirected: internal logic error")]
    BurnRedirected,
}

/// # Consensus
/// Codes are hashed into the results of a block: pinned by a test below, never renumbered.
impl Coded for BankError {
    fn codespace(&self) -> &'static str {
        match self {
            Self::NoInputs
            | Self::NoOutputs
            | Self::InputOutputMismatch
            | Self::MultipleSenders
            | Self::SendDisabled(_) => "bank",
            Self::InvalidAuthority { .. } => "gov",
            Self::SendEnabledInParams => "undefined",
            _ => "sdk",
        }
    }

    fn code(&self) -> u32 {
        match self {
            Self::SendEnabledInParams => 1,
            Self::NoInputs => 2,
            Self::NoOutputs => 3,
            Self::InputOutputMismatch | Self::Blocked(_) | Self::MayNotMint(_) | Self::MayNotBurn(_) => 4,
            Self::SendDisabled(_) | Self::InsufficientFunds { .. } => 5,
            Self::InvalidAddress { .. } => 7,
            Self::MultipleSenders => 9,
            Self::InvalidCoins(_)
            | Self::AmountTooLarge(_)
            | Self::BalanceTooLarge { .. }
            | Self::SupplyTooLarge { .. } => 10,
            Self::InvalidAuthority { .. } => 13,
            Self::DuplicateSendEnabled(_) | Self::InvalidSendEnabledDenom(_) | Self::InvalidUseDefaultDenom(_) => 18,
            Self::ReasonOfOtherFunction(_) | Self::BurnRedirected => 35,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denom() -> Denom {
        Denom::new("uplume").unwrap()
    }

    fn coin(units: u128) -> Coin {
        Coin::new(denom(), Amount::new(units))
    }

    #[test]
    fn codes_and_texts_are_pinned() {
        let address = Address::from([0xAB; 20]);
        let cases = [
            (BankError::NoInputs, "bank", 2, "no inputs to send transaction"),
            (BankError::NoOutputs, "bank", 3, "no outputs to send transaction"),
            (BankError::InputOutputMismatch, "bank", 4, "sum inputs != sum outputs"),
            (
                BankError::SendDisabled(denom()),
                "bank",
                5,
                "uplume transfers are currently disabled: send transactions are disabled",
            ),
            (BankError::MultipleSenders, "bank", 9, "multiple senders not allowed"),
            (
                BankError::InsufficientFunds { spendable: coin(0), wanted: coin(7) },
                "sdk",
                5,
                "spendable balance 0uplume is smaller than 7uplume: insufficient funds",
            ),
            (
                BankError::Blocked("plume1x".to_owned()),
                "sdk",
                4,
                "plume1x is not allowed to receive funds: unauthorized",
            ),
            (BankError::InvalidCoins("1b,1a".to_owned()), "sdk", 10, "1b,1a: invalid coins"),
            (
                BankError::AmountTooLarge("340282366920938463463374607431768211456".to_owned()),
                "sdk",
                10,
                "amount 340282366920938463463374607431768211456 is too large: the largest is \
                 340282366920938463463374607431768211455: invalid coins",
            ),
            (
                BankError::BalanceTooLarge { address, denom: denom() },
                "sdk",
                10,
                "balance of ABABABABABABABABABABABABABABABABABABABAB would exceed \
                 340282366920938463463374607431768211455uplume: invalid coins",
            ),
            (
                BankError::SupplyTooLarge { denom: denom(), minted: Coins::of(coin(1)) },
                "sdk",
                10,
                "supply would exceed 340282366920938463463374607431768211455uplume: minting 1uplume: invalid coins",
            ),
            (
                BankError::InvalidAddress { role: "to", source: AddressError::EmptyText },
                "sdk",
                7,
                "invalid to address: empty address string is not allowed: invalid address",
            ),
            (
                BankError::InvalidAuthority { expected: "a".to_owned(), got: "b".to_owned() },
                "gov",
                13,
                "invalid authority; expected a, got b: expected gov account as only signer for proposal message",
            ),
            (
                BankError::DuplicateSendEnabled("uplume".to_owned()),
                "sdk",
                18,
                "duplicate denom entries found for \"uplume\": invalid request",
            ),
            (
                BankError::InvalidSendEnabledDenom("x".to_owned()),
                "sdk",
                18,
                "invalid SendEnabled denom \"x\": invalid denom: x: invalid request",
            ),
            (
                BankError::InvalidUseDefaultDenom("x".to_owned()),
                "sdk",
                18,
                "invalid UseDefaultFor denom \"x\": invalid denom: x: invalid request",
            ),
            (BankError::SendEnabledInParams, "undefined", 1, "use of send_enabled in params is no longer supported"),
            (
                BankError::MayNotMint("mint".to_owned()),
                "sdk",
                4,
                "module account mint does not have permissions to mint tokens: unauthorized",
            ),
            (
                BankError::MayNotBurn("gov".to_owned()),
                "sdk",
                4,
                "module account gov does not have permissions to burn tokens: unauthorized",
            ),
            (
                BankError::ReasonOfOtherFunction("Mint"),
                "sdk",
                35,
                "coins move by mint and burn for the reason Mint, not by move_coins: internal logic error",
            ),
            (BankError::BurnRedirected, "sdk", 35, "a burn cannot be redirected: internal logic error"),
        ];
        for (error, codespace, code, text) in cases {
            assert_eq!((error.codespace(), error.code(), error.to_string().as_str()), (codespace, code, text));
        }
    }
}
