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

use crate::cli::{CodecCommand, DebugArgs, DebugCommand, OutputFormat};
use crate::home::Home;

/// What is printed: names as the SDK writes them, and values.
type Rows = Vec<(&'static str, String)>;

/// The one name that the SDK writes without a colon.
const PARSED: &str = "Parsed key as";

/// Converts and prints.
pub fn run(home: &Home, args: &DebugArgs) -> Result<()> {
    let prefix = home.prefix()?;
    let rows: Rows = match &args.command {
        DebugCommand::Addr { address } => {
            let address = Address::new(&address_bytes(home, address)?)?;
            let numbers: Vec<String> = address.as_bytes().iter().map(u8::to_string).collect();
            vec![
                ("Address", format!("[{}]", numbers.join(" "))),
                ("Address (hex)", hex::encode_upper(address.as_bytes())),
                ("Bech32 Acc", prefix.account(&address)),
                ("Bech32 Val", prefix.validator_operator(&address)),
                ("Bech32 Con", prefix.consensus(&address)),
            ]
        }
        DebugCommand::Pubkey { pubkey } => {
            let json = serde_json::from_str(pubkey).context("the public key is not JSON")?;
            let key = public_key_from_json(&json).map_err(anyhow::Error::msg)?;
            vec![("Address", hex::encode_upper(key.address().as_bytes())), ("PubKey Hex", hex::encode(key_bytes(&key)))]
        }
        DebugCommand::PubkeyRaw { pubkey, kind } => pubkey_raw(home, pubkey, kind)?,
        DebugCommand::RawBytes { bytes } => {
            let numbers = bytes.trim_matches(['[', ']']).split_whitespace();
            let bytes = numbers.map(|number| number.parse::<u8>().with_context(|| format!("{number:?} is not a byte")));
            list(&[hex::encode_upper(bytes.collect::<Result<Vec<_>>>()?)], args.output);
            return Ok(());
        }
        DebugCommand::Prefixes => {
            let base = prefix.as_str();
            vec![
                ("Bech32 Acc", base.to_owned()),
                ("Bech32 Val", format!("{base}valoper")),
                ("Bech32 Con", format!("{base}valcons")),
            ]
        }
        DebugCommand::Codec(CodecCommand::ListInterfaces) => {
            let names: Vec<String> = interfaces().into_iter().map(|(interface, _)| interface).collect();
            list(&names, args.output);
            return Ok(());
        }
        DebugCommand::Codec(CodecCommand::ListImplementations { interface }) => {
            let found = interfaces().into_iter().find(|(name, _)| name == interface);
            let (_, messages) = found.with_context(|| format!("no message implements {interface}"))?;
            let urls: Vec<String> = messages.iter().map(|message| format!("/{message}")).collect();
            list(&urls, args.output);
            return Ok(());
        }
    };
    match args.output {
        OutputFormat::Text => rows.iter().for_each(|(name, value)| match *name {
            PARSED => println!("{name} {value}"),
            _ => println!("{name}: {value}"),
        }),
        OutputFormat::Json => {
            let name = |name: &str| name.to_lowercase().replace(['(', ')'], "").replace(' ', "_");
            let fields = rows.iter().map(|(key, value)| (name(key), json!(value)));
            println!("{}", serde_json::Value::Object(fields.collect()));
        }
    }
    Ok(())
}

fn list(lines: &[String], format: OutputFormat) {
    match format {
        OutputFormat::Text => lines.iter().for_each(|line| println!("{line}")),
        OutputFormat::Json => println!("{}", json!(lines)),
    }
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

fn pubkey_raw(home: &Home, text: &str, kind: &str) -> Result<Rows> {
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
    let amino = key.to_amino();
    let mut rows: Rows = Vec::new();
    if is_ed25519 {
        rows.push(("Hex", hex::encode_upper(key.single_bytes())));
    }
    rows.extend([
        (PARSED, name.to_owned()),
        ("Address", hex::encode_upper(key.address().as_bytes())),
        ("JSON (base64)", json!({"type": key.amino_name(), "value": STANDARD.encode(key.single_bytes())}).to_string()),
        ("Bech32 Acc", bech32::encode(&format!("{base}pub"), &amino)),
        ("Bech32 Validator Operator", bech32::encode(&format!("{base}valoperpub"), &amino)),
    ]);
    if is_ed25519 {
        rows.push(("Bech32 Validator Consensus", bech32::encode(&format!("{base}valconspub"), &amino)));
    }
    Ok(rows)
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
