use thiserror::Error;

use crate::wire::WireType;

/// Why bytes or JSON cannot be read as told. Texts of what a transaction can cause are the SDK's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// No message of this chain has that type URL.
    #[error("unable to resolve type URL {0}")]
    UnknownType(String),
    /// A field that the message does not have (ADR-020).
    #[error("errUnknownField \"{message}\": {{TagNum: {number}, WireType:\"{wire_type}\"}}")]
    UnknownField {
        /// Name of the message as the SDK prints it.
        message: String,
        /// Number of the field.
        number: u32,
        /// How its value is encoded.
        wire_type: WireType,
    },
    /// A known field whose value is encoded as another type.
    #[error("Mismatched \"{message}\": {{TagNum: {number}, GotWireType: \"{got}\" != WantWireType: \"{want}\"}}")]
    WireTypeMismatch {
        /// Name of the message as the SDK prints it.
        message: String,
        /// Number of the field.
        number: u32,
        /// What was found.
        got: WireType,
        /// What the field's type asks for.
        want: WireType,
    },
    /// More than [`crate::MAX_DEPTH`] levels.
    #[error("recursion limit reached")]
    TooDeep,
    /// A tag or a length that is not a varint, or a length beyond the end.
    #[error("invalid length")]
    InvalidLength,
    /// A field whose value ends too early or is no value.
    #[error("could not consume field value for tagNum: {number}, wireType: \"{wire_type}\"; unexpected EOF")]
    InvalidValue {
        /// Number of the field.
        number: u32,
        /// How its value should be encoded.
        wire_type: WireType,
    },
    /// A transaction whose encoding is not the only one of its content (ADR-027).
    #[error(transparent)]
    NotDeterministic(#[from] NotDeterministic),
    /// Bytes that are no such message.
    #[error("{message}: {reason}")]
    Malformed {
        /// Full name of the message.
        message: String,
        /// What the protobuf decoder says.
        reason: String,
    },
    /// A message that nobody can sign.
    #[error("no cosmos.msg.v1.signer option found for message {0}")]
    NoSigner(String),
    /// A transaction whose content the amino sign mode does not cover.
    #[error("SIGN_MODE_LEGACY_AMINO_JSON does not support protobuf extension options: invalid request")]
    AminoExtensionOptions,
    /// A value that has no amino JSON form.
    #[error("no amino JSON for {field}: {reason}")]
    AminoUnsupported {
        /// Full name of the field or message.
        field: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// A field whose legacy amino form its descriptor does not tell.
    #[error("no legacy amino form of {field}: {reason}")]
    LegacyUnsupported {
        /// Full name of the field.
        field: String,
        /// What its descriptor lacks.
        reason: &'static str,
    },
    /// JSON or bytes that are no legacy amino transaction, with the SDK's text where it has one.
    #[error("{0}")]
    Legacy(String),
    /// A value that cannot be rendered for `SIGN_MODE_TEXTUAL`.
    #[error("no rendering for {field}: {reason}")]
    TextualUnsupported {
        /// Full name of the field or message.
        field: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// JSON that is no such message, or a message that has no JSON.
    #[error("{}{problem}", place(.at))]
    Json {
        /// Path to the place, for example `balances[3].coins[0].amount`.
        at: String,
        /// What is wrong there.
        problem: JsonProblem,
    },
}

/// What is wrong with the encoding of a `TxRaw`; texts are the SDK's where it has the check.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotDeterministic {
    /// Ends inside a field.
    #[error("invalid length; unexpected EOF")]
    Truncated,
    /// All fields of `TxRaw` hold bytes.
    #[error("expected 2 wire type, got {0}")]
    WireType(u8),
    /// Fields ascend.
    #[error("txRaw must follow ADR-027, got tagNum {found} after tagNum {previous}")]
    Order {
        /// Number of the field at fault.
        found: u32,
        /// Number of the field before it.
        previous: u32,
    },
    /// Body and auth info occur once. The SDK lets the last one win, so that anyone can lengthen a transaction.
    #[error("txRaw must follow ADR-027, got tagNum {0} twice")]
    Repeated(u32),
    /// Lengths have no padding.
    #[error("length prefix varint for tagNum {number} is not as short as possible, read {read}, only need {needed}")]
    PaddedLength {
        /// Number of the field.
        number: u32,
        /// Bytes of the length as found.
        read: usize,
        /// Bytes that it needs.
        needed: usize,
    },
    /// Tags have no padding. The SDK does not check this.
    #[error("tag varint for tagNum {0} is not as short as possible")]
    PaddedTag(u32),
}

/// What is wrong at one place of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonProblem {
    /// The message has no such field.
    #[error("unknown field of {0}")]
    UnknownField(String),
    /// The same field under both of its names, or two fields of one `oneof`.
    #[error("set twice")]
    Repeated,
    /// Another JSON type than the field takes.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A number that the field's type cannot hold.
    #[error("number out of range")]
    OutOfRange,
    /// No value of the enumeration.
    #[error("unknown value of {0}")]
    UnknownEnumValue(String),
    /// Text that is not a decimal number, and why.
    #[error("invalid decimal: {0}")]
    Decimal(String),
    /// Text that is not a time, and why.
    #[error("invalid time: {0}")]
    Time(String),
    /// An `Any` of a type that does not exist.
    #[error("unable to resolve type URL {0}")]
    UnknownType(String),
    /// Bytes inside an `Any` that are not of its type, and why.
    #[error("{0}")]
    Malformed(String),
    /// Nested beyond [`crate::MAX_DEPTH`].
    #[error("recursion limit reached")]
    TooDeep,
    /// Groups, which proto3 does not have, and in amino JSON maps and floating point numbers, which are never signed.
    #[error("type not supported")]
    Unsupported,
}

/// The whole document has no name.
fn place(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!("{at}: ") }
}

impl CodecError {
    pub(crate) fn json(problem: JsonProblem) -> Self {
        Self::Json { at: String::new(), problem }
    }

    /// Adds the step that led to the place of the problem, while the error travels outward.
    pub(crate) fn inside(self, step: &str) -> Self {
        match self {
            Self::Json { at, problem } if at.is_empty() => Self::Json { at: step.to_owned(), problem },
            Self::Json { at, problem } if at.starts_with('[') => Self::Json { at: format!("{step}{at}"), problem },
            Self::Json { at, problem } => Self::Json { at: format!("{step}.{at}"), problem },
            other => other,
        }
    }
}
