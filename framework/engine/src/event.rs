use std::borrow::Cow;

/// One ABCI event: a type and ordered attributes, as CometBFT indexes and clients search them.
///
/// Types and keys are words of the program in all but tests and what is read back, so they are borrowed from it where they
/// can be: a bank send alone has thirty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// ABCI type, for example `transfer`, or the full name of a `plume.*` event message.
    pub kind: Cow<'static, str>,
    /// Attributes in the order in which they were added; the order is part of the wire format.
    pub attributes: Vec<Attribute>,
}

/// A key and a value of an [`Event`], both UTF-8 as CometBFT 0.38 has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribute {
    /// Attribute name.
    pub key: Cow<'static, str>,
    /// Attribute value.
    pub value: String,
    /// Whether the engine indexes it.
    pub index: bool,
}

impl Event {
    /// An event of type `kind` without attributes.
    pub fn new(kind: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: kind.into(), attributes: Vec::new() }
    }

    /// The same event with one more indexed attribute at its end.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.push(key, value);
        self
    }

    /// Appends an indexed attribute.
    pub fn push(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.attributes.push(Attribute { key: key.into(), value: value.into(), index: true });
    }

    /// The first value under `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.key == key).map(|a| a.value.as_str())
    }
}

/// The form of ABCI and of transaction results.
impl From<Event> for tendermint_proto::v0_38::abci::Event {
    fn from(event: Event) -> Self {
        let attributes = event.attributes.into_iter().map(|Attribute { key, value, index }| {
            tendermint_proto::v0_38::abci::EventAttribute { key: key.into_owned(), value, index }
        });
        Self { r#type: event.kind.into_owned(), attributes: attributes.collect() }
    }
}
