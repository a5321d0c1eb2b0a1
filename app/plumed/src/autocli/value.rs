//! What an argument's text means, by the field's type and options.

use std::fs;

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_home::config::parse_duration;
use plume_primitives::{Coins, DecCoins};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, Value as Option_};
use serde_json::{Value, json};

/// How a field is written on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syntax {
    /// An account: its address, or the name of a key.
    Address,
    /// Any text; numbers in text (amounts, decimals) are checked when the message is encoded.
    Text,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A value of an enumeration: its name, its name without what all share, or its number.
    Enum(EnumDescriptor),
    /// A file's path, hexadecimal digits or base64.
    Bytes,
    /// `10uplume`; several with commas in between.
    Coin,
    /// `0.5uplume`; several with commas in between.
    DecCoin,
    /// `1h30m`.
    Duration,
    /// `2026-01-02T03:04:05Z`.
    Timestamp,
    /// JSON of a message, or the path of a file that holds it.
    Json(String),
}

impl Syntax {
    /// The syntax of one value of `field`.
    pub fn of(field: &FieldDescriptor) -> Self {
        if field.is_map() {
            return Self::Json("map".to_owned());
        }
        match field.kind() {
            Kind::String => match scalar(field).as_deref() {
                Some("cosmos.AddressString") => Self::Address,
                _ => Self::Text,
            },
            Kind::Bool => Self::Bool,
            Kind::Bytes => Self::Bytes,
            Kind::Enum(values) => Self::Enum(values),
            Kind::Message(message) => match message.full_name() {
                "cosmos.base.v1beta1.Coin" => Self::Coin,
                "cosmos.base.v1beta1.DecCoin" => Self::DecCoin,
                "google.protobuf.Duration" => Self::Duration,
                "google.protobuf.Timestamp" => Self::Timestamp,
                "google.protobuf.Any" => Self::Json("any".to_owned()),
                _ => Self::Json(message.full_name().to_owned()),
            },
            _ => Self::Number,
        }
    }

    /// Whether commas separate values of a list.
    pub fn has_commas(&self) -> bool {
        // Coins read their commas themselves, JSON has its own.
        !matches!(self, Self::Coin | Self::DecCoin | Self::Json(_))
    }

    /// What help says is wanted.
    pub fn about(&self) -> String {
        match self {
            Self::Address => "address, or name of a key".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Enum(values) => choices(values).join(", "),
            Self::Bytes => "base64, hexadecimal digits, or a file's path".to_owned(),
            Self::Coin => "coins, for example 10uplume".to_owned(),
            Self::DecCoin => "decimal coins, for example 0.5uplume".to_owned(),
            Self::Duration => "duration, for example 1h30m".to_owned(),
            Self::Timestamp => "time, for example 2026-01-02T03:04:05Z".to_owned(),
            Self::Json(name) if name == "any" => "JSON with @type, or a file's path".to_owned(),
            Self::Json(name) if name == "map" => "JSON object, or a file's path".to_owned(),
            Self::Json(name) => format!("JSON of {name}, or a file's path"),
        }
    }

    /// A value for examples.
    pub fn example(&self) -> &'static str {
        match self {
            Self::Address => "plume1...",
            Self::Text => "TEXT",
            Self::Bool => "true",
            Self::Number => "1",
            Self::Enum(_) => "1",
            Self::Bytes => "AQI=",
            Self::Coin => "10uplume",
            Self::DecCoin => "0.5uplume",
            Self::Duration => "1h30m",
            Self::Timestamp => "2026-01-02T03:04:05Z",
            Self::Json(_) => "value.json",
        }
    }

    /// The JSON values that `text` stands for: one, but for lists of coins.
    ///
    /// # Errors
    /// A text of another form; the message says what is wanted.
    pub fn read(&self, text: &str, address_of: &dyn Fn(&str) -> Result<String>) -> Result<Vec<Value>> {
        let wanted = || anyhow!("{text:?} is not of the form wanted here: {}", self.about());
        let one = match self {
            Self::Address => json!(address_of(text)?),
            Self::Text | Self::Timestamp => json!(text),
            Self::Bool => json!(text.parse::<bool>().map_err(|_| wanted())?),
            Self::Number => match text.parse::<i128>() {
                Ok(_) => json!(text),
                Err(_) => json!(text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(wanted)?),
            },
            Self::Enum(values) => json!(enum_value(values, text).ok_or_else(wanted)?),
            Self::Bytes => json!(STANDARD.encode(bytes(text).ok_or_else(wanted)?)),
            Self::Coin => {
                let coins: Coins = text.parse().with_context(wanted)?;
                return Ok(coins.iter().map(|coin| amount(&coin.denom, &coin.amount)).collect());
            }
            Self::DecCoin => {
                let coins: DecCoins = text.parse().with_context(wanted)?;
                return Ok(coins.iter().map(|coin| amount(&coin.denom, &coin.amount)).collect());
            }
            Self::Duration => {
                let duration = parse_duration(text).ok_or_else(wanted)?;
                json!(format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos()))
            }
            Self::Json(_) => return json_or_file(text),
        };
        Ok(vec![one])
    }
}

/// `cosmos_proto.scalar` of a field.
fn scalar(field: &FieldDescriptor) -> Option<String> {
    let extension = field.parent_message().parent_pool().get_extension_by_name("cosmos_proto.scalar")?;
    let options = field.options();
    match options.get_extension(&extension).as_ref() {
        Option_::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn amount(denom: &impl ToString, amount: &impl ToString) -> Value {
    json!({"denom": denom.to_string(), "amount": amount.to_string()})
}

/// A list in JSON stands for its values.
fn json_or_file(text: &str) -> Result<Vec<Value>> {
    let is_json = text.trim_start().starts_with(['{', '[', '"']);
    let content = if is_json {
        text.to_owned()
    } else {
        fs::read_to_string(text).with_context(|| format!("{text:?} is neither JSON nor a file that can be read"))?
    };
    match serde_json::from_str(&content).with_context(|| format!("{text:?} is not valid JSON"))? {
        Value::Array(values) => Ok(values),
        value => Ok(vec![value]),
    }
}

/// A file is tried first, then hexadecimal digits, then base64, as the SDK does.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if let Ok(content) = fs::read(text) {
        return Some(content);
    }
    hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok())
}

/// Names of an enumeration as they are written: `VOTE_OPTION_NO_WITH_VETO` is `no-with-veto`.
fn choices(values: &EnumDescriptor) -> Vec<String> {
    let prefix = shared_prefix(values);
    values.values().map(|value| short_name(value.name(), &prefix)).collect()
}

fn enum_value(values: &EnumDescriptor, text: &str) -> Option<String> {
    let prefix = shared_prefix(values);
    let wanted = text.replace('_', "-").to_ascii_lowercase();
    let by_number = text.parse().ok().and_then(|number| values.get_value(number));
    let found = by_number.or_else(|| {
        values.values().find(|value| {
            short_name(value.name(), &prefix) == wanted || value.name().replace('_', "-").eq_ignore_ascii_case(&wanted)
        })
    })?;
    Some(found.name().to_owned())
}

fn short_name(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).replace('_', "-").to_ascii_lowercase()
}

/// What the names of all values begin with, up to an underscore: `VOTE_OPTION_`.
fn shared_prefix(values: &EnumDescriptor) -> String {
    let names: Vec<String> = values.values().map(|value| value.name().to_owned()).collect();
    let Some(first) = names.first().filter(|_| names.len() > 1) else { return String::new() };
    let mut end = first.len();
    for name in &names {
        let same = first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        end = end.min(same);
    }
    let shared = first.get(..end).unwrap_or_default();
    shared.rfind('_').map_or(String::new(), |at| shared.get(..=at).unwrap_or_default().to_owned())
}
