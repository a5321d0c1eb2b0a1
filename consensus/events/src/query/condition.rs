//! One condition and the values that meet it.

use std::fmt;

use super::{moment, number::Number};
use crate::EventMap;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `CONTAINS`: the value has the argument in it.
    Contains,
    /// `EXISTS`: there is a value.
    Exists,
}

impl Operator {
    /// Whether this is one of `<`, `<=`, `>`, `>=`.
    #[must_use]
    pub fn is_range(self) -> bool {
        matches!(self, Self::Less | Self::AtMost | Self::Greater | Self::AtLeast)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Contains => "CONTAINS",
            Self::Exists => "EXISTS",
        })
    }
}

/// What an argument was written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgumentKind {
    /// `'text'`
    String,
    /// `12` or `3.5`
    Number,
    /// `TIME 2013-05-03T14:45:00Z`
    Time,
    /// `DATE 2013-05-03`
    Date,
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Argument {
    kind: ArgumentKind,
    text: String,
    number: Option<Number>,
    /// Nanoseconds since 1970 of a time or date.
    moment: Option<i128>,
}

impl Argument {
    pub(super) fn new(kind: ArgumentKind, text: String) -> Self {
        let moment = match kind {
            ArgumentKind::Time => moment::time(&text),
            ArgumentKind::Date => moment::date(&text),
            ArgumentKind::String | ArgumentKind::Number => None,
        };
        Self { kind, number: Number::whole(&text), moment: moment.map(|moment| moment.nanos), text }
    }

    /// How it was written.
    #[must_use]
    pub fn kind(&self) -> ArgumentKind {
        self.kind
    }

    /// Its text without quotes and label.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its text as a number, however it was written: also `'5'` is one. `None` when it is none.
    #[must_use]
    pub fn number(&self) -> Option<&Number> {
        self.number.as_ref()
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ArgumentKind::String => write!(f, "'{}'", self.text),
            ArgumentKind::Number => f.write_str(&self.text),
            ArgumentKind::Time => write!(f, "TIME {}", self.text),
            ArgumentKind::Date => write!(f, "DATE {}", self.text),
        }
    }
}

/// A condition on the values under one composite key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    tag: String,
    operator: Operator,
    /// `None` only for [`Operator::Exists`].
    argument: Option<Argument>,
}

impl Condition {
    pub(super) fn new(tag: String, operator: Operator, argument: Option<Argument>) -> Self {
        Self { tag, operator, argument }
    }

    pub(super) fn equals(tag: String, text: String) -> Self {
        Self::new(tag, Operator::Equal, Some(Argument::new(ArgumentKind::String, text)))
    }

    /// The composite key, `type.attribute`.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The comparison.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What is compared with; `None` for [`Operator::Exists`].
    #[must_use]
    pub fn argument(&self) -> Option<&Argument> {
        self.argument.as_ref()
    }

    /// Text of the argument, empty without one.
    #[must_use]
    pub fn text(&self) -> &str {
        self.argument.as_ref().map_or("", Argument::text)
    }

    /// Whether a value under the key meets the condition.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        let Some(argument) = &self.argument else { return true };
        if self.operator == Operator::Contains {
            return value.contains(&argument.text);
        }
        let order = match argument.kind {
            ArgumentKind::String => return value == argument.text,
            ArgumentKind::Number => {
                let number = Number::leading(value);
                number.and_then(|number| argument.number.as_ref().map(|other| number.cmp(other)))
            }
            ArgumentKind::Time | ArgumentKind::Date => {
                let moment =
                    if argument.kind == ArgumentKind::Time { moment::time(value) } else { moment::date(value) };
                moment.and_then(|moment| argument.moment.map(|other| moment.nanos.cmp(&other)))
            }
        };
        order.is_some_and(|order| match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::Less => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::AtLeast => order.is_ge(),
            Operator::Contains | Operator::Exists => false,
        })
    }

    /// Whether some value under the key meets the condition. A key that is the whole type of an event stands for an
    /// empty value: `transfer EXISTS` matches every transfer.
    pub(super) fn matches(&self, events: &EventMap) -> bool {
        events.values(&self.tag).iter().any(|value| self.accepts(value))
            || (events.has_type(&self.tag) && self.accepts(""))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tag, self.operator)?;
        self.argument.as_ref().map_or(Ok(()), |argument| write!(f, " {argument}"))
    }
}
