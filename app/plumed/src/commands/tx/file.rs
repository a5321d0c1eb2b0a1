//! Transactions in files.

use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use anyhow::{Context, Result};
use plume_client::{tx_from_json, tx_to_json};
use plume_proto::cosmos::tx::v1beta1::Tx;
use serde_json::Value;

/// Text of a file; `-` is standard input.
pub fn text(path: &Path) -> Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The transaction in a file.
pub fn read(path: &Path) -> Result<Tx> {
    tx_from_json(&text(path)?).with_context(|| format!("{} holds no transaction", path.display()))
}

/// Prints a transaction or writes it to `path`.
pub fn write(tx: &Tx, path: Option<&Path>) -> Result<()> {
    write_json(&tx_to_json(tx)?, path)
}

/// Prints JSON or writes it to `path`.
pub fn write_json(json: &Value, path: Option<&Path>) -> Result<()> {
    match path {
        Some(path) => fs::write(path, format!("{json}\n")).with_context(|| format!("cannot write {}", path.display())),
        None => {
            println!("{json}");
            Ok(())
        }
    }
}

/// What `parse` makes of each line of a file that is not empty.
pub fn read_lines<T>(path: &Path, parse: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    let text = text(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse = |(at, line): (usize, &str)| {
        parse(line).with_context(|| format!("{}, line {}", path.display(), at.saturating_add(1)))
    };
    lines.map(parse).collect()
}

/// Prints JSON values, one a line, or writes them to `path`.
pub fn write_lines(lines: &[Value], path: Option<&Path>) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    match path {
        Some(path) => fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}
