use std::fs;
use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_client::{HdPath, KeyKind, Keyring, Mnemonic, Prompt, Record, Terminal, WordCount, public_key_from_json};
use plume_crypto::PublicKey;
use serde_json::json;
use zeroize::Zeroizing;

use super::{open, require_key_type};
use crate::cli::KeysAddArgs;
use crate::home::Home;
use crate::output;

/// Makes a key, or keeps one that is given.
pub fn run(home: &Home, args: &KeysAddArgs) -> Result<()> {
    require_key_type(&args.key_type)?;
    let keyring = open(home, &args.keyring)?;
    if let Some(key) = given_public_key(args)? {
        let record = if args.dry_run {
            Record { name: args.name.clone(), kind: KeyKind::Offline, public_key: key }
        } else {
            keyring.add_offline(&args.name, key)?
        };
        return show(&keyring, &record, None, args);
    }
    if !args.multisig.is_empty() {
        let record = multisig(&keyring, args)?;
        return show(&keyring, &record, None, args);
    }
    let mnemonic = if args.recover { read_mnemonic(args)? } else { Mnemonic::generate(WordCount::default()) };
    let path: HdPath = match &args.hd_path {
        Some(path) => path.parse().with_context(|| format!("--hd-path {path}"))?,
        None => format!("m/44'/{}'/{}'/0/{}", args.coin_type, args.account, args.index).parse()?,
    };
    let passphrase = if args.interactive {
        // Not `new_password`: BIP-39 allows any length, none included.
        Terminal.password("BIP-39 passphrase (empty for none)")?
    } else {
        Zeroizing::new(String::new())
    };
    let key = mnemonic.derive(&passphrase, &path)?;
    let record = if args.dry_run {
        Record { name: args.name.clone(), kind: KeyKind::Local, public_key: key.public_key() }
    } else {
        keyring.add_local(&args.name, &key)?
    };
    let shown = (!args.recover && !args.no_backup).then_some(&mnemonic);
    show(&keyring, &record, shown, args)
}

fn given_public_key(args: &KeysAddArgs) -> Result<Option<PublicKey>> {
    if let Some(text) = &args.pubkey {
        let json = serde_json::from_str(text).context("--pubkey is not JSON: use what `keys show --pubkey` prints")?;
        return public_key_from_json(&json).map(Some).map_err(anyhow::Error::msg).context("--pubkey");
    }
    let Some(text) = &args.pubkey_base64 else { return Ok(None) };
    let bytes = STANDARD.decode(text).context("--pubkey-base64 is not base64")?;
    let bytes: [u8; 33] =
        bytes.try_into().map_err(|_| anyhow::anyhow!("--pubkey-base64: a secp256k1 key has 33 bytes"))?;
    Ok(Some(PublicKey::Secp256k1(bytes)))
}

fn multisig(keyring: &Keyring, args: &KeysAddArgs) -> Result<Record> {
    let members: Vec<&str> = args.multisig.iter().map(String::as_str).collect();
    if !args.dry_run {
        return Ok(keyring.add_multisig(&args.name, args.multisig_threshold, &members, args.nosort)?);
    }
    let mut keys = members.iter().map(|name| Ok(keyring.get(name)?.public_key)).collect::<Result<Vec<_>>>()?;
    if !args.nosort {
        keys.sort_by_cached_key(PublicKey::address);
    }
    let public_key = PublicKey::multisig(args.multisig_threshold, keys)?;
    Ok(Record { name: args.name.clone(), kind: KeyKind::Multi, public_key })
}

fn read_mnemonic(args: &KeysAddArgs) -> Result<Mnemonic> {
    if let Some(path) = &args.source {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(Mnemonic::parse(Zeroizing::new(text).trim())?);
    }
    if io::stdin().is_terminal() {
        eprintln!("Enter the mnemonic:");
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    ensure!(!line.trim().is_empty(), "no mnemonic on standard input");
    Ok(Mnemonic::parse(line.trim())?)
}

fn show(keyring: &Keyring, record: &Record, mnemonic: Option<&Mnemonic>, args: &KeysAddArgs) -> Result<()> {
    let mut shown = record.output(keyring.prefix());
    shown.mnemonic = mnemonic.map(|mnemonic| mnemonic.words().to_string());
    output::print(&json!(shown), args.output);
    if mnemonic.is_some() {
        eprintln!("Write the mnemonic down: it is the only way to recover the key.");
    }
    Ok(())
}
