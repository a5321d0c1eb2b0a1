//! Managing the keys that sign transactions.

mod add;
mod convert;

use std::fs;
use std::io::{self, BufRead};

use anyhow::{Context, Result, ensure};
use plume_client::{KeyOutput, Keyring, KeyringError, Prompt, Record, Terminal, public_key_json};
use plume_crypto::PublicKey;
use serde_json::json;

use crate::cli::{BechPrefix, KeyringArgs, KeysCommand, OutputFormat};
use crate::home::Home;
use crate::output;

/// The only type of key that signs transactions here.
const KEY_TYPE: &str = "secp256k1";

/// Manages the keys that sign transactions.
pub fn run(home: &Home, command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::Add(args) => add::run(home, &args),
        KeysCommand::List { list_names, keyring, output } => list(&open(home, &keyring)?, list_names, output),
        KeysCommand::ListKeyTypes => {
            println!("{KEY_TYPE}");
            Ok(())
        }
        KeysCommand::Show { names, address, pubkey, bech, multisig_threshold, device, keyring, output } => {
            ensure!(!device, "no Ledger device is supported");
            let keyring = open(home, &keyring)?;
            let record = shown_record(&keyring, &names, multisig_threshold)?;
            let shown = output_of(&keyring, &record, bech)?;
            match (address, pubkey) {
                (true, _) => println!("{}", shown.address),
                (_, true) => println!("{}", shown.pubkey),
                _ => output::print(&json!(shown), output),
            }
            Ok(())
        }
        KeysCommand::Delete { names, yes, keyring } => {
            let keyring = open(home, &keyring)?;
            names.iter().try_for_each(|name| delete(&keyring, name, yes))
        }
        KeysCommand::Rename { old, new, yes, keyring } => {
            let keyring = open(home, &keyring)?;
            let record = keyring.get(&old)?;
            if !yes {
                confirm(&format!("rename key {} to {new}?", record.name))?;
            }
            keyring.rename(&record.name, &new)?;
            eprintln!("Key was successfully renamed from {} to {new}", record.name);
            Ok(())
        }
        KeysCommand::Export { name, unarmored_hex, confirmed: _, yes, keyring } => {
            let keyring = open(home, &keyring)?;
            if unarmored_hex {
                if !yes && io::IsTerminal::is_terminal(&io::stdin()) {
                    confirm("WARNING: the private key will be printed unencrypted. Go on?")?;
                }
                println!("{}", hex::encode(keyring.private_key(&name)?.secret_bytes()));
                return Ok(());
            }
            // Before a passphrase is asked for in vain.
            keyring.private_key(&name)?;
            let passphrase = Terminal.new_password("Passphrase to encrypt the exported key")?;
            println!("{}", keyring.export_armored(&name, &passphrase)?);
            Ok(())
        }
        KeysCommand::Import { name, file, keyring } => {
            let keyring = open(home, &keyring)?;
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let passphrase = Terminal.password("Passphrase of the exported key")?;
            imported(&keyring, &keyring.import_armored(&name, &text, &passphrase)?);
            Ok(())
        }
        KeysCommand::ImportHex { name, hex, key_type, keyring } => {
            require_key_type(&key_type)?;
            let keyring = open(home, &keyring)?;
            let secret = match hex {
                Some(hex) => zeroize::Zeroizing::new(hex),
                None => Terminal.password("Private key in hexadecimal digits")?,
            };
            imported(&keyring, &keyring.import_hex(&name, &secret)?);
            Ok(())
        }
        KeysCommand::Parse { address, output } => convert::parse(&home.prefix()?, &address, output),
        KeysCommand::Mnemonic { unsafe_entropy } => convert::mnemonic(unsafe_entropy),
    }
}

/// Opens the keyring that the flags, `client.toml` or the default name.
pub fn open(home: &Home, args: &KeyringArgs) -> Result<Keyring> {
    let config = home.client_config()?;
    let backend = args.keyring_backend.as_deref().unwrap_or(&config.keyring_backend).parse()?;
    let folder = args.keyring_dir.as_deref().unwrap_or(home.path());
    Ok(Keyring::open(folder, backend, home.prefix()?, Box::new(Terminal)))
}

/// The address that `text` is, or that of the key that it names; `None` if it is neither.
pub fn find_address(keyring: &Keyring, text: &str) -> Result<Option<String>> {
    if keyring.prefix().parse_account(text).is_ok() {
        return Ok(Some(text.to_owned()));
    }
    match keyring.get(text) {
        Ok(record) => Ok(Some(keyring.prefix().account(&record.address()))),
        Err(KeyringError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The address that `text` is, or that of the key that it names.
pub fn address_of(keyring: &Keyring, text: &str) -> Result<String> {
    find_address(keyring, text)?.with_context(|| match keyring.prefix().parse_account(text) {
        Err(no_address) => format!("{text:?} is neither an address ({no_address}) nor a key in the keyring"),
        Ok(_) => format!("{text:?} is neither an address nor a key in the keyring"),
    })
}

/// Asks on the terminal; without one the answer is no.
pub fn confirm(question: &str) -> Result<()> {
    eprint!("{question} [y/N]: ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "not confirmed; use --yes to skip the question");
    Ok(())
}

fn require_key_type(name: &str) -> Result<()> {
    ensure!(name == KEY_TYPE, "key type {name:?} is not supported: use {KEY_TYPE}");
    Ok(())
}

fn list(keyring: &Keyring, names_only: bool, format: OutputFormat) -> Result<()> {
    let records = keyring.list()?;
    if names_only {
        records.iter().for_each(|record| println!("{}", record.name));
        return Ok(());
    }
    let keys: Vec<KeyOutput> = records.iter().map(|record| record.output(keyring.prefix())).collect();
    output::print(&json!(keys), format);
    Ok(())
}

/// The named key; the multisig key of several, in the order given, which is kept nowhere.
fn shown_record(keyring: &Keyring, names: &[String], threshold: u32) -> Result<Record> {
    if let [name] = names {
        return Ok(keyring.get(name)?);
    }
    let keys = names.iter().map(|name| Ok(keyring.get(name)?.public_key)).collect::<Result<Vec<_>>>()?;
    let public_key = PublicKey::multisig(threshold, keys)?;
    Ok(Record { name: String::new(), kind: plume_client::KeyKind::Multi, public_key })
}

fn output_of(keyring: &Keyring, record: &Record, kind: BechPrefix) -> Result<KeyOutput> {
    let prefix = keyring.prefix();
    let address = match kind {
        BechPrefix::Acc => prefix.account(&record.address()),
        BechPrefix::Val => prefix.validator_operator(&record.address()),
        BechPrefix::Cons => prefix.consensus(&record.address()),
    };
    let pubkey = public_key_json(&record.public_key).to_string();
    Ok(KeyOutput { address, pubkey, ..record.output(prefix) })
}

fn delete(keyring: &Keyring, name: &str, yes: bool) -> Result<()> {
    let record = keyring.get(name)?;
    if !yes {
        confirm(&format!("delete key {} ({})?", record.name, keyring.prefix().account(&record.address())))?;
    }
    keyring.delete(&record.name)?;
    eprintln!("deleted key {}", record.name);
    Ok(())
}

fn imported(keyring: &Keyring, record: &Record) {
    eprintln!("imported key {} ({})", record.name, keyring.prefix().account(&record.address()));
}
