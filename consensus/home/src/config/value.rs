//! How one setting takes a TOML value or a flag's text.
//!
//! As in CometBFT (viper), numbers and booleans may also stand in quotes, and lists be one comma-separated text.

use core::time::Duration;

use toml::Value;

use super::address::{NodeId, PeerAddress};
use super::duration::parse_duration;

/// A place that a setting's value goes to.
pub trait Setting {
    /// Takes the value; else says what is allowed.
    fn set(&mut self, value: &Value) -> Result<(), String>;

    /// Whether its flag alone, without a value, means true.
    fn is_switch(&self) -> bool {
        false
    }
}

impl Setting for String {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        *self = value.as_str().ok_or("a text in quotes")?.to_owned();
        Ok(())
    }
}

impl Setting for bool {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        *self = match value {
            Value::Boolean(value) => *value,
            // Go's ParseBool.
            Value::String(text) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                _ => return Err("true or false".to_owned()),
            },
            _ => return Err("true or false".to_owned()),
        };
        Ok(())
    }

    fn is_switch(&self) -> bool {
        true
    }
}

fn whole_number(value: &Value, max: u64) -> Result<u64, String> {
    let number = match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| *number <= max).ok_or_else(|| format!("a whole number from 0 to {max}"))
}

impl Setting for u32 {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        *self = u32::try_from(whole_number(value, i32::MAX as u64)?).expect("bounded above");
        Ok(())
    }
}

impl Setting for u64 {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        *self = whole_number(value, i64::MAX as u64)?;
        Ok(())
    }
}

impl Setting for Duration {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        let parsed = match value {
            Value::String(text) => parse_duration(text),
            Value::Integer(0) => Some(Self::ZERO),
            _ => None,
        };
        *self = parsed.ok_or(r#"a duration with its unit, such as "500ms" or "1m30s", not negative"#)?;
        Ok(())
    }
}

/// The texts of a list: an array, or one text with commas. Empty ones are dropped.
fn texts(value: &Value) -> Option<Vec<String>> {
    let items: Vec<&str> = match value {
        Value::String(text) => text.split(',').collect(),
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    Some(items.into_iter().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

impl Setting for Vec<String> {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        *self = texts(value).ok_or("a list of texts")?;
        Ok(())
    }
}

impl Setting for Vec<PeerAddress> {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        let items = texts(value).ok_or("id@host:port, comma separated")?;
        let parse = |item: &String| item.parse().map_err(|error| format!("id@host:port, comma separated ({error})"));
        *self = items.iter().map(parse).collect::<Result<_, String>>()?;
        Ok(())
    }
}

impl Setting for Vec<NodeId> {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        let allowed = "node ids of 40 hexadecimal digits, comma separated";
        let items = texts(value).ok_or(allowed)?;
        *self = items.iter().map(|item| item.parse().map_err(|_| allowed)).collect::<Result<_, _>>()?;
        Ok(())
    }
}

/// A hash of 32 bytes, or none.
impl Setting for Option<[u8; 32]> {
    fn set(&mut self, value: &Value) -> Result<(), String> {
        let allowed = "64 hexadecimal digits, or nothing";
        let text = value.as_str().ok_or(allowed)?;
        *self = if text.is_empty() {
            None
        } else {
            Some(hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(allowed)?)
        };
        Ok(())
    }
}
