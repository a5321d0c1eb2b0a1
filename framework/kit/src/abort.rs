use std::borrow::Cow;

use plume_engine::Fatal;
use plume_state::StateError;

use crate::sdk;

/// A transaction's own fault: a pinned code in a codespace and a text for people.
///
/// # Consensus
/// `code` is hashed into the block's results; numbers are never changed. The text is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TxError {
    /// Names who numbers `code`: `sdk` for the standard failures, else the module.
    pub codespace: Cow<'static, str>,
    /// Never 0.
    pub code: u32,
    /// Lower case, no full stop, both sides of the disagreement.
    pub message: String,
}

impl TxError {
    /// A failure numbered by `kind`, with `message` before the kind's own text, as the SDK's
    /// `errors.Wrap` writes it: `message: kind`.
    pub fn wrap(kind: sdk::Kind, message: impl core::fmt::Display) -> Self {
        Self { codespace: Cow::Borrowed(kind.codespace), code: kind.code, message: format!("{message}: {}", kind.text) }
    }

    /// The kind's own text and nothing else.
    pub fn plain(kind: sdk::Kind) -> Self {
        Self { codespace: Cow::Borrowed(kind.codespace), code: kind.code, message: kind.text.to_owned() }
    }

    /// Puts `context` in front of the text; the code stays.
    #[must_use]
    pub fn context(mut self, context: impl core::fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Whether this failure is of `kind`.
    pub fn is(&self, kind: sdk::Kind) -> bool {
        self.codespace == kind.codespace && self.code == kind.code
    }
}

/// A module's own error list: one `thiserror` enum per module implements this.
pub trait Coded: core::fmt::Display {
    /// The codespace, normally the module's name.
    fn codespace(&self) -> &'static str;
    /// The pinned number, never 0.
    fn code(&self) -> u32;
}

impl<E: Coded> From<E> for TxError {
    fn from(error: E) -> Self {
        Self { codespace: Cow::Borrowed(error.codespace()), code: error.code(), message: error.to_string() }
    }
}

/// Why work inside a transaction stopped.
///
/// The two halves never turn into one another: a [`TxError`] is the outcome of a transaction and
/// the same on each node, a [`Fatal`] stops this node before it commits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Abort {
    /// The transaction fails with a code.
    #[error("{0}")]
    Tx(TxError),
    /// The node stops.
    #[error("fatal: {0}")]
    Fatal(Fatal),
}

impl Abort {
    /// Puts `context` in front of the text of either half.
    #[must_use]
    pub fn context(self, context: impl core::fmt::Display) -> Self {
        match self {
            Self::Tx(e) => Self::Tx(e.context(context)),
            Self::Fatal(f) => Self::Fatal(f.while_doing(context)),
        }
    }

    /// For block hooks and genesis: a transaction error there is a broken promise of the code
    /// that called, so the node stops and says so.
    pub fn unexpected(self, what: impl core::fmt::Display) -> Fatal {
        match self {
            Self::Tx(e) => Fatal::new(format!("{what}: {e} ({}/{})", e.codespace, e.code)),
            Self::Fatal(f) => f.while_doing(what),
        }
    }
}

impl From<TxError> for Abort {
    fn from(e: TxError) -> Self {
        Self::Tx(e)
    }
}

impl From<Fatal> for Abort {
    fn from(f: Fatal) -> Self {
        Self::Fatal(f)
    }
}

impl<E: Coded> From<E> for Abort {
    fn from(e: E) -> Self {
        Self::Tx(e.into())
    }
}

impl From<StateError> for Abort {
    fn from(e: StateError) -> Self {
        match &e {
            StateError::Gas(out) => Self::Tx(sdk::out_of_gas(out)),
            StateError::Fatal(fault) => Self::Fatal(Fatal::new(fault.to_string())),
            // Questions about other heights and unstorable keys: a block asks neither.
            _ => Self::Fatal(Fatal::new(e.to_string())),
        }
    }
}
