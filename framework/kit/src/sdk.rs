//! The standard failures of codespace `sdk` and `undefined`, with the numbers and texts of
//! Cosmos SDK 0.50 (`types/errors/errors.go`).

use plume_state::OutOfGas;

use crate::TxError;

/// One kind of failure: a number in a codespace and its fixed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Codespace.
    pub codespace: &'static str,
    /// Number, never 0.
    pub code: u32,
    /// Text that ends every message of the kind.
    pub text: &'static str,
}

impl Kind {
    /// A kind of a module's own codespace.
    pub const fn new(codespace: &'static str, code: u32, text: &'static str) -> Self {
        Self { codespace, code, text }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Kind = Kind::new("sdk", $code, $text);)*
        /// Every kind of codespace `sdk`, by ascending number.
        pub const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    /// The bytes are no transaction.
    TX_DECODE = 2, "tx parse error";
    /// A sequence of an older style of transaction.
    INVALID_SEQUENCE = 3, "invalid sequence";
    /// A signature does not verify or an authority is missing.
    UNAUTHORIZED = 4, "unauthorized";
    /// An account cannot spend that much.
    INSUFFICIENT_FUNDS = 5, "insufficient funds";
    /// Nobody handles the request.
    UNKNOWN_REQUEST = 6, "unknown request";
    /// An address is malformed.
    INVALID_ADDRESS = 7, "invalid address";
    /// A public key is missing or malformed.
    INVALID_PUBKEY = 8, "invalid pubkey";
    /// No account has the address.
    UNKNOWN_ADDRESS = 9, "unknown address";
    /// Coins are malformed.
    INVALID_COINS = 10, "invalid coins";
    /// The gas limit is used up.
    OUT_OF_GAS = 11, "out of gas";
    /// The memo is longer than the chain allows.
    MEMO_TOO_LARGE = 12, "memo too large";
    /// The fee is below what this node asks.
    INSUFFICIENT_FEE = 13, "insufficient fee";
    /// More signatures than the chain allows.
    TOO_MANY_SIGNATURES = 14, "maximum number of signatures exceeded";
    /// No signature at all.
    NO_SIGNATURES = 15, "no signatures supplied";
    /// JSON cannot be written.
    JSON_MARSHAL = 16, "failed to marshal JSON bytes";
    /// JSON cannot be read.
    JSON_UNMARSHAL = 17, "failed to unmarshal JSON bytes";
    /// The request makes no sense.
    INVALID_REQUEST = 18, "invalid request";
    /// The mempool holds the transaction already.
    TX_IN_MEMPOOL_CACHE = 19, "tx already in mempool";
    /// The mempool is full.
    MEMPOOL_IS_FULL = 20, "mempool is full";
    /// The transaction is longer than the chain allows.
    TX_TOO_LARGE = 21, "tx too large";
    /// Nothing is stored under the key.
    KEY_NOT_FOUND = 22, "key not found";
    /// A password is wrong.
    WRONG_PASSWORD = 23, "invalid account password";
    /// A signer is not the one the message names.
    INVALID_SIGNER = 24, "tx intended signer does not match the given signer";
    /// A gas adjustment is malformed.
    INVALID_GAS_ADJUSTMENT = 25, "invalid gas adjustment";
    /// The height is pruned or not reached yet.
    INVALID_HEIGHT = 26, "invalid height";
    /// A version is malformed or unknown.
    INVALID_VERSION = 27, "invalid version";
    /// The chain id is another chain's.
    INVALID_CHAIN_ID = 28, "invalid chain-id";
    /// A value has another type than is wanted.
    INVALID_TYPE = 29, "invalid type";
    /// The transaction's timeout height has passed.
    TX_TIMEOUT_HEIGHT = 30, "tx timeout height";
    /// The transaction carries extension options that nobody knows.
    UNKNOWN_EXTENSION_OPTIONS = 31, "unknown extension options";
    /// The sequence is not the account's next one.
    WRONG_SEQUENCE = 32, "incorrect account sequence";
    /// An `Any` cannot be written.
    PACK_ANY = 33, "failed packing protobuf message to Any";
    /// An `Any` cannot be read.
    UNPACK_ANY = 34, "failed unpacking protobuf message from Any";
    /// An internal rule is broken.
    LOGIC = 35, "internal logic error";
    /// Two requests collide.
    CONFLICT = 36, "conflict";
    /// The feature is switched off or absent.
    NOT_SUPPORTED = 37, "feature not supported";
    /// What was asked for does not exist.
    NOT_FOUND = 38, "not found";
    /// Input or output failed.
    IO = 39, "Internal IO error";
    /// The node's configuration is wrong.
    APP_CONFIG = 40, "error in app.toml";
    /// The gas limit is 0 or above the block's.
    INVALID_GAS_LIMIT = 41, "invalid gas limit";
}

/// A panic inside a transaction (`undefined/111222`).
pub const PANIC: Kind = Kind::new("undefined", 111_222, "panic");

/// An internal error without a number (`undefined/1`).
pub const INTERNAL: Kind = Kind::new("undefined", 1, "internal");

/// The failure of a transaction whose gas limit does not suffice
/// (`baseapp` recovery: location, limit and use).
pub fn out_of_gas(out: &OutOfGas) -> TxError {
    TxError::wrap(
        OUT_OF_GAS,
        format_args!("out of gas in location: {}; gasWanted: {}, gasUsed: {}", out.location, out.limit, out.used),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_without_gaps() {
        let numbers: Vec<u32> = ALL.iter().map(|k| k.code).collect();
        assert_eq!(numbers, (2..=41).collect::<Vec<u32>>());
        assert!(ALL.iter().all(|k| k.codespace == "sdk" && !k.text.is_empty()));
    }

    #[test]
    fn wrapped_text_ends_in_the_text_of_its_kind() {
        let e = TxError::wrap(INSUFFICIENT_FUNDS, "spendable balance 6uplume is smaller than 7uplume");
        assert_eq!((e.codespace.as_ref(), e.code), ("sdk", 5));
        assert_eq!(e.message, "spendable balance 6uplume is smaller than 7uplume: insufficient funds");
        assert_eq!(
            e.context("failed to execute message; message index: 0").message,
            "failed to execute message; message index: 0: spendable balance 6uplume is smaller than 7uplume: insufficient funds"
        );
    }
}
