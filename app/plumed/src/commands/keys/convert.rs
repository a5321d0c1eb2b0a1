use std::io::{self, BufRead};

use anyhow::{Result, bail, ensure};
use plume_client::{Mnemonic, WordCount};
use plume_primitives::{Bech32Prefix, bech32};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::OutputFormat;
use crate::output;

/// Characters of base64 that 256 bits take; fewer cannot hold enough randomness.
const LEAST_ENTROPY: usize = 43;

/// Prints an address in bech32 as hexadecimal digits, one in hexadecimal digits with every prefix of the chain.
pub fn parse(prefix: &Bech32Prefix, text: &str, format: OutputFormat) -> Result<()> {
    let text = text.trim();
    if let Ok((human, bytes)) = bech32::decode(text) {
        output::print(&json!({"human": human, "bytes": hex::encode_upper(bytes)}), format);
        return Ok(());
    }
    let Ok(bytes) = hex::decode(text) else { bail!("couldn't find valid bech32 nor hex data") };
    ensure!(!bytes.is_empty(), "couldn't parse empty input");
    let base = prefix.as_str();
    let formats: Vec<String> = ["", "pub", "valoper", "valoperpub", "valcons", "valconspub"]
        .iter()
        .map(|kind| bech32::encode(&format!("{base}{kind}"), &bytes))
        .collect();
    output::print(&json!({"formats": formats}), format);
    Ok(())
}

/// Prints a mnemonic of 24 words, from the system's randomness or from the user's.
pub fn mnemonic(user_entropy: bool) -> Result<()> {
    let mnemonic = if user_entropy {
        eprintln!("Enter at least {LEAST_ENTROPY} random characters, for example rolls of dice:");
        let mut line = Zeroizing::new(String::new());
        io::stdin().lock().read_line(&mut line)?;
        let entropy = line.trim();
        ensure!(
            entropy.len() >= LEAST_ENTROPY,
            "256-bits is {LEAST_ENTROPY} characters in Base-64, and 100 in Base-6. You entered {}, and probably want more",
            entropy.len()
        );
        Mnemonic::from_entropy(&plume_state::sha256(entropy.as_bytes()))
    } else {
        Mnemonic::generate(WordCount::default())
    };
    println!("{}", mnemonic.words().as_str());
    Ok(())
}
