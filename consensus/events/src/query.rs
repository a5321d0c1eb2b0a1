//! The query language of CometBFT 0.38 (`libs/pubsub/query`): conditions joined by `AND`.

mod condition;
mod lexer;
mod moment;
mod number;
mod parser;

use std::{fmt, str::FromStr, sync::Arc};

pub use condition::{Argument, ArgumentKind, Condition, Operator};
pub use number::Number;
pub use parser::{QueryError, QueryErrorKind};

use crate::EventMap;

/// A conjunction of conditions on events, for example `tm.event='Tx' AND transfer.recipient='plume1..'`.
///
/// Clones are cheap. The text form ([`fmt::Display`]) is CometBFT's: single spaces, the arguments as they were written.
/// Two queries are equal when their text forms are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Query {
    conditions: Arc<[Condition]>,
}

impl Query {
    /// Longest text that is read, in bytes. CometBFT refuses more than 512 in `subscribe` and `tx_search`, and takes
    /// what fits into a request in `block_search`.
    pub const MAX_LENGTH: usize = 4_096;
    /// Most conditions of a query; 512 bytes hold at most 73.
    pub const MAX_CONDITIONS: usize = 128;

    /// The query that every event matches. It has no text form that could be read back.
    #[must_use]
    pub fn all() -> Self {
        Self { conditions: Arc::new([]) }
    }

    /// The query `key='value'`.
    #[must_use]
    pub fn equals(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { conditions: Arc::new([Condition::equals(key.into(), value.into())]) }
    }

    /// The conditions in the order in which they were written.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether each condition holds for at least one value of its key, each on its own: two conditions may be met by
    /// different events of one transaction. (The search over the index is stricter, see `plume-store`.)
    ///
    /// Nothing matches an empty map, except [`Query::all`].
    #[must_use]
    pub fn matches(&self, events: &EventMap) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        !events.is_empty() && self.conditions.iter().all(|condition| condition.matches(events))
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        Ok(Self { conditions: parser::parse(text)?.into() })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conditions.is_empty() {
            return f.write_str("<empty>");
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            if at > 0 {
                f.write_str(" AND ")?;
            }
            condition.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({self})")
    }
}

#[cfg(test)]
mod tests;
