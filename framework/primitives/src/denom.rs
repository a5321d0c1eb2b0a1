use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::text_serde::text_serde;

/// Name of a kind of coin: `[a-zA-Z][a-zA-Z0-9/:._-]{2,127}`, ordered by bytes. A clone is one counter increment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denom(Arc<str>);

/// A string that is not a denomination.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid denom: {0}")]
pub struct InvalidDenom(pub String);

impl Denom {
    /// Checks `text` and takes it.
    ///
    /// # Errors
    /// [`InvalidDenom`], with the SDK's text `invalid denom: X`.
    pub fn new(text: &str) -> Result<Self, InvalidDenom> {
        if Self::is_valid(text) { Ok(Self(text.into())) } else { Err(InvalidDenom(text.to_owned())) }
    }

    /// Whether `text` is a denomination, without taking it.
    pub fn is_valid(text: &str) -> bool {
        (3..=128).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/:._-".contains(&byte))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Denom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Denom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Denom {
    type Err = InvalidDenom;

    fn from_str(text: &str) -> Result<Self, InvalidDenom> {
        Self::new(text)
    }
}

impl AsRef<str> for Denom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

// Lets ordered maps keyed by `Denom` be searched with a `&str`; both order by bytes.
impl Borrow<str> for Denom {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

text_serde!(Denom);
