//! Printing results for people and for programs.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use plume_primitives::Timestamp;
use serde_json::Value;

use crate::cli::OutputFormat;

/// Prints a result: JSON on one line, or the same content as indented `name: value` lines.
pub fn print(value: &Value, format: OutputFormat) {
    match format {
        OutputFormat::Json => println!("{value}"),
        OutputFormat::Text => print!("{}", to_text(value)),
    }
}

/// The time of this machine's clock, for genesis documents.
pub fn now() -> Result<Timestamp> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    Timestamp::UNIX_EPOCH.checked_add(elapsed).context("the clock stands after the year 9999")
}

/// The content of `value` in the manner of YAML, as the SDK prints it.
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0, false);
    text
}

fn write_value(text: &mut String, value: &Value, indent: usize, in_list: bool) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (position, (name, field)) in fields.iter().enumerate() {
                if !(in_list && position == 0) {
                    text.push_str(&"  ".repeat(indent));
                }
                text.push_str(&scalar_text(name));
                text.push(':');
                write_nested(text, field, indent);
            }
        }
        Value::Array(entries) if !entries.is_empty() => {
            for (position, entry) in entries.iter().enumerate() {
                if !(in_list && position == 0) {
                    text.push_str(&"  ".repeat(indent));
                }
                text.push_str("- ");
                write_value(text, entry, indent.saturating_add(1), true);
            }
        }
        other => {
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
}

fn write_nested(text: &mut String, field: &Value, indent: usize) {
    match field {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            write_value(text, field, indent.saturating_add(1), false);
        }
        Value::Array(entries) if !entries.is_empty() => {
            text.push('\n');
            write_value(text, field, indent, false);
        }
        other => {
            text.push(' ');
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
}

/// Text as YAML reads it back: quoted where it would mean something else bare.
fn scalar_text(text: &str) -> String {
    let special =
        |c: char| matches!(c, '@' | '&' | '*' | '!' | '|' | '>' | '%' | '`' | '-' | '?' | '[' | '{' | ',' | ' ');
    let word = matches!(text, "true" | "false" | "null" | "yes" | "no" | "~");
    let quoted = text.is_empty()
        || word
        || text.starts_with(special)
        || text.ends_with(' ')
        || text.parse::<f64>().is_ok()
        || text.contains(['\n', ':', '#', '"', '\'']);
    if quoted { format!("{text:?}") } else { text.to_owned() }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => scalar_text(text),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_indented_and_numbers_in_strings_stay_strings() {
        let value = serde_json::json!({"balances": [{"denom": "uplume", "amount": "5"}], "pagination": {"next_key": null}, "empty": [], "@type": "yes"});
        assert_eq!(
            to_text(&value),
            "balances:\n- denom: uplume\n  amount: \"5\"\npagination:\n  next_key: null\nempty: []\n\"@type\": \"yes\"\n"
        );
    }
}
