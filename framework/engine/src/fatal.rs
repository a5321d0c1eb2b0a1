/// A condition that the node cannot survive: a failing disk, a corrupt value, a broken invariant.
///
/// It never becomes the result of a transaction. The node stops before it commits anything that
/// was computed after it, because another node may have computed something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fatal {
    message: String,
}

impl Fatal {
    /// Describes what is broken, with both sides of the disagreement where there are two.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Says what was being done when it happened, outermost first.
    #[must_use]
    pub fn while_doing(self, what: impl core::fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message) }
    }
}
