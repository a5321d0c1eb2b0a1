use std::fs;
use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, Result, bail, ensure};
use plume_client::{HdPath, KeyOutput, Keyring, Mnemonic, Prompt, Record, Terminal, WordCount, public_key_from_json};
use serde_json::json;

use crate::cli::{KeyringArgs, KeysAddArgs, KeysCommand};
use crate::home::Home;
use crate::output;

/// Manages the keys that sign transactions.
pub fn run(home: &Home, command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::Add(args) => add(home, &args),
        KeysCommand::List { keyring, output } => {
            let keyring = open(home, &keyring)?;
            let keys: Vec<KeyOutput> = keyring.list()?.iter().map(|record| record.output(keyring.prefix())).collect();
            output::print(&json!(keys), output);
            Ok(())
        }
        KeysCommand::Show { name, address, pubkey, keyring, output } => {
            let keyring = open(home, &keyring)?;
            let shown = keyring.get(&name)?.output(keyring.prefix());
            match (address, pubkey) {
                (true, true) => bail!("--address and --pubkey exclude each other"),
                (true, false) => println!("{}", shown.address),
                (false, true) => println!("{}", shown.pubkey),
                (false, false) => output::print(&json!(shown), output),
            }
            Ok(())
        }
        KeysCommand::Delete { name, yes, keyring } => {
            let keyring = open(home, &keyring)?;
            let record = keyring.get(&name)?;
            if !yes {
                confirm(&format!("delete key {} ({})?", record.name, keyring.prefix().account(&record.address())))?;
            }
            keyring.delete(&record.name)?;
            eprintln!("deleted key {}", record.name);
            Ok(())
        }
        KeysCommand::Export { name, unarmored_hex, confirmed: _, keyring } => {
            let keyring = open(home, &keyring)?;
            if unarmored_hex {
                println!("{}", hex::encode(keyring.private_key(&name)?.secret_bytes()));
                return Ok(());
            }
            let passphrase = Terminal.new_password("Passphrase to encrypt the exported key")?;
            println!("{}", keyring.export_armored(&name, &passphrase)?);
            Ok(())
        }
        KeysCommand::Import { name, file, keyring } => {
            let keyring = open(home, &keyring)?;
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let passphrase = Terminal.password("Passphrase of the exported key")?;
            let record = keyring.import_armored(&name, &text, &passphrase)?;
            eprintln!("imported key {} ({})", record.name, keyring.prefix().account(&record.address()));
            Ok(())
        }
    }
}

/// Opens the keyring that the flags, `client.toml` or the default name.
pub fn open(home: &Home, args: &KeyringArgs) -> Result<Keyring> {
    let config = home.client_config()?;
    let backend = args.keyring_backend.as_deref().unwrap_or(&config.keyring_backend).parse()?;
    let folder = args.keyring_dir.as_deref().unwrap_or(home.path());
    Ok(Keyring::open(folder, backend, home.prefix()?, Box::new(Terminal)))
}

/// Asks on the terminal; without one the answer is no.
pub fn confirm(question: &str) -> Result<()> {
    eprint!("{question} [y/N]: ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "not confirmed; use --yes to skip the question");
    Ok(())
}

fn add(home: &Home, args: &KeysAddArgs) -> Result<()> {
    let keyring = open(home, &args.keyring)?;
    if let Some(text) = &args.pubkey {
        let json = serde_json::from_str(text).context("--pubkey is not JSON: use what `keys show --pubkey` prints")?;
        let key = public_key_from_json(&json).map_err(anyhow::Error::msg).context("--pubkey")?;
        ensure!(!args.dry_run, "--dry-run needs no --pubkey: nothing is derived");
        return show(&keyring, &keyring.add_offline(&args.name, key)?, None, args);
    }
    if !args.multisig.is_empty() {
        ensure!(!args.dry_run, "--dry-run cannot be combined with --multisig");
        let members: Vec<&str> = args.multisig.iter().map(String::as_str).collect();
        let record = keyring.add_multisig(&args.name, args.multisig_threshold, &members, args.nosort)?;
        return show(&keyring, &record, None, args);
    }
    let mnemonic = if args.recover { read_mnemonic()? } else { Mnemonic::generate(WordCount::default()) };
    let path: HdPath = format!("m/44'/{}'/{}'/0/{}", args.coin_type, args.account, args.index).parse()?;
    let key = mnemonic.derive("", &path)?;
    let record = if args.dry_run {
        Record { name: args.name.clone(), kind: plume_client::KeyKind::Local, public_key: key.public_key() }
    } else {
        keyring.add_local(&args.name, &key)?
    };
    let shown = (!args.recover && !args.no_backup).then_some(&mnemonic);
    show(&keyring, &record, shown, args)
}

fn read_mnemonic() -> Result<Mnemonic> {
    if io::stdin().is_terminal() {
        eprintln!("Enter the mnemonic:");
    }
    let mut line = zeroize::Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
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
