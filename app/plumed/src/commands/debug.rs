//! Conversions of addresses, keys and bytes, printed as the SDK prints them.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_client::public_key_from_json;
use plume_codec::pool;
use plume_crypto::PublicKey;
use plume_primitives::{Address, bech32};
use prost_reflect::{DynamicMessage, Value};
use serde_json::json;

use crate::cli::{CodecCommand, DebugCommand};
use crate::home::Home;

/// Converts and prints.
pub fn run(home: &Home, command: &DebugCommand) -> Result<()> {
    let prefix = home.prefix()?;
    match command {
        DebugCommand::Addr { address } => {
            let address = Address::new(&address_bytes(home, address)?)?;
            let numbers: Vec<String> = address.as_bytes().iter().map(u8::to_string).collect();
            println!("Address: [{}]", numbers.join(" "));
            println!("Address (hex): {}", hex::encode_upper(address.as_bytes()));
            println!("Bech32 Acc: {}", prefix.account(&address));
            println!("Bech32 Val: {}", prefix.validator_operator(&address));
            println!("Bech32 Con: {}", prefix.consensus(&address));
        }
        DebugCommand::Pubkey { pubkey } => {
            let json = serde_json::from_str(pubkey).context("the public key is not JSON")?;
            let key = public_key_from_json(&json).map_err(anyhow::Error::msg)?;
            println!("Address: {}", hex::encode_upper(key.address().as_bytes()));
            println!("PubKey Hex: {}", hex::encode(key_bytes(&key)));
        }
        DebugCommand::PubkeyRaw { pubkey, kind } => pubkey_raw(home, pubkey, kind)?,
        DebugCommand::RawBytes { bytes } => {
            let numbers = bytes.trim_matches(['[', ']']).split_whitespace();
            let bytes = numbers.map(|number| number.parse::<u8>().with_context(|| format!("{number:?} is not a byte")));
            println!("{}", hex::encode_upper(bytes.collect::<Result<Vec<_>>>()?));
        }
        DebugCommand::Prefixes => {
            let base = prefix.as_str();
            println!("Bech32 Acc: {base}\nBech32 Val: {base}valoper\nBech32 Con: {base}valcons");
        }
        DebugCommand::Codec(CodecCommand::ListInterfaces) => {
            interfaces().iter().for_each(|(interface, _)| println!("{interface}"));
        }
        DebugCommand::Codec(CodecCommand::ListImplementations { interface }) => {
            let found = interfaces().into_iter().find(|(name, _)| name == interface);
            let (_, messages) = found.with_context(|| format!("no message implements {interface}"))?;
            messages.iter().for_each(|message| println!("/{message}"));
        }
    }
    Ok(())
}

fn address_bytes(home: &Home, text: &str) -> Result<Vec<u8>> {
    if let Ok(bytes) = hex::decode(text) {
        return Ok(bytes);
    }
    let prefix = home.prefix()?;
    let (human, bytes) = bech32::decode(text).with_context(|| format!("{text:?} is neither hexadecimal nor bech32"))?;
    let base = prefix.as_str();
    let known = [base.to_owned(), format!("{base}valoper"), format!("{base}valcons")];
    ensure!(known.contains(&human), "expected prefix {}, got {human}", known.join(", "));
    Ok(bytes)
}

/// What the SDK calls the bytes of a key: of a multisig key its amino encoding.
fn key_bytes(key: &PublicKey) -> Vec<u8> {
    match key {
        PublicKey::Multisig(_) => key.to_amino(),
        single => single.single_bytes().to_vec(),
    }
}

fn pubkey_raw(home: &Home, text: &str, kind: &str) -> Result<()> {
    let prefix = home.prefix()?;
    let base = prefix.as_str();
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
    let key = match bytes.as_deref().map(|bytes| (bytes.len(), bytes)) {
        Some((32, bytes)) if kind == "ed25519" => PublicKey::Ed25519(bytes.try_into()?),
        Some((33, bytes)) => PublicKey::Secp256k1(bytes.try_into()?),
        Some(_) | None => match bech32::decode(text) {
            Ok((human, bytes)) if human.ends_with("pub") => PublicKey::from_amino(&bytes)?,
            _ => bail!("pubkey '{text}' invalid; expected hex, base64, or bech32 of correct size"),
        },
    };
    let (name, is_ed25519) = match &key {
        PublicKey::Ed25519(_) => ("ed25519", true),
        _ => ("secp256k1", false),
    };
    if is_ed25519 {
        println!("Hex: {}", hex::encode_upper(key.single_bytes()));
    }
    let amino = key.to_amino();
    println!("Parsed key as {name}");
    println!("Address: {}", hex::encode_upper(key.address().as_bytes()));
    println!("JSON (base64): {}", json!({"type": key.amino_name(), "value": STANDARD.encode(key.single_bytes())}));
    println!("Bech32 Acc: {}", bech32::encode(&format!("{base}pub"), &amino));
    println!("Bech32 Validator Operator: {}", bech32::encode(&format!("{base}valoperpub"), &amino));
    if is_ed25519 {
        println!("Bech32 Validator Consensus: {}", bech32::encode(&format!("{base}valconspub"), &amino));
    }
    Ok(())
}

/// Interfaces with the messages that implement them, from the option `cosmos_proto.implements_interface`; messages of
/// transactions implement `cosmos.base.v1beta1.Msg`.
fn interfaces() -> Vec<(String, Vec<String>)> {
    let mut all = std::collections::BTreeMap::<String, Vec<String>>::new();
    for message in pool().all_messages() {
        let name = message.full_name().to_owned();
        for interface in texts(&message.options(), "cosmos_proto.implements_interface") {
            all.entry(interface).or_default().push(name.clone());
        }
        if plume_codec::is_transaction_message(&format!("/{name}")) {
            all.entry("cosmos.base.v1beta1.Msg".to_owned()).or_default().push(name);
        }
    }
    all.into_iter().collect()
}

fn texts(options: &DynamicMessage, name: &str) -> Vec<String> {
    let Some(extension) = pool().get_extension_by_name(name) else { return Vec::new() };
    let value = options.get_extension(&extension);
    let list = value.as_list().unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
