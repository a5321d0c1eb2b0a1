//! The way of a transaction from its messages to the node.

use anyhow::{Context, Result, bail, ensure};
use plume_client::{Account, Keyring, Record, SignMode, Signer, TxDraft, encode_tx, required_signers};
use plume_crypto::PublicKey;
use plume_primitives::{Address, Coin, Coins, DecCoins, Gas};
use plume_proto::Any;
use plume_proto::cosmos::base::v1beta1::Coin as ProtoCoin;
use plume_proto::cosmos::tx::v1beta1::Tx;

use super::{aux, broadcast, file, gas, signature};
use crate::cli::{SignModeArg, TxArgs};
use crate::commands::keys;
use crate::commands::query::Client;
use crate::home::Home;

/// Where a signature will stand: chain, account number, sequence.
pub struct Place {
    /// Chain id.
    pub chain_id: String,
    /// Account number.
    pub account_number: u64,
    /// Sequence.
    pub sequence: u64,
}

impl Place {
    /// From the flags; what they leave open is asked of the node.
    pub fn of(home: &Home, args: &TxArgs, address: &str) -> Result<Self> {
        if let (Some(account_number), Some(sequence)) = (args.account_number, args.sequence) {
            return Ok(Self { chain_id: chain_id(home, args)?, account_number, sequence });
        }
        ensure!(!args.offline, "--offline needs --account-number and --sequence: there is nobody to ask");
        let account = account(home, args, address)?;
        Ok(Self {
            chain_id: chain_id(home, args)?,
            account_number: args.account_number.unwrap_or(account.account_number),
            sequence: args.sequence.unwrap_or(account.sequence),
        })
    }

    /// The form that signing takes.
    pub fn signer(&self) -> Signer<'_> {
        Signer { chain_id: &self.chain_id, account_number: self.account_number, sequence: self.sequence }
    }
}

fn account(home: &Home, args: &TxArgs, address: &str) -> Result<Account> {
    let client = Client::of(home, &args.node)?;
    client
        .rpc
        .account(address)?
        .with_context(|| format!("no account has the address {address}: it must receive coins before it can sign"))
}

/// Chain id from the flags, else `client.toml`, else the node.
pub fn chain_id(home: &Home, args: &TxArgs) -> Result<String> {
    if let Some(chain_id) = args.chain_id.clone() {
        return Ok(chain_id);
    }
    let configured = home.client_config()?.chain_id;
    if !configured.is_empty() {
        return Ok(configured);
    }
    ensure!(!args.offline, "--offline needs --chain-id");
    Ok(Client::of(home, &args.node)?.rpc.status()?.chain_id)
}

/// Sign mode of the flags.
pub fn mode(args: &TxArgs) -> SignMode {
    match args.sign_mode {
        SignModeArg::Direct => SignMode::Direct,
        SignModeArg::AminoJson => SignMode::AminoJson,
        SignModeArg::Textual => SignMode::Textual,
        SignModeArg::DirectAux => SignMode::DirectAux,
    }
}

/// Makes a transaction of `messages` signed by `from` and does with it what the flags say.
pub fn run(home: &Home, args: &TxArgs, from: &str, messages: impl FnOnce(&str) -> Result<Vec<Any>>) -> Result<()> {
    let keyring = keys::open(home, &args.keyring)?;
    let (address, record) = signer_of(&keyring, from, args)?;
    let mut draft = draft(args, messages(&address)?, &keyring)?;
    if args.aux {
        return aux::print(home, args, &keyring, from, &draft.build());
    }
    if args.gas == "auto" || args.dry_run {
        ensure!(!args.offline, "gas cannot be simulated --offline: name a limit with --gas");
        let limit = gas::estimate(home, args, &draft.build(), &signers_of(home, args, &keyring, &draft.build())?)?;
        eprintln!("gas estimate: {}", limit.get());
        if args.dry_run {
            return Ok(());
        }
        draft = with_gas(draft, args, limit)?;
    }
    let mut tx = draft.build();
    if args.generate_only {
        return file::write(&tx, None);
    }
    let record =
        record.with_context(|| format!("key {from} is not in the keyring: use --generate-only to sign elsewhere"))?;
    let place = Place::of(home, args, &address)?;
    let key = keyring.private_key(&record.name)?;
    signature::add(home, args, &mut tx, &key, &place, keyring.prefix())?;
    sign_for_others(home, args, &keyring, &record, &mut tx)?;
    send(home, args, &tx)
}

/// Broadcasts a signed transaction once the user agrees; offline it is printed.
pub fn send(home: &Home, args: &TxArgs, tx: &Tx) -> Result<()> {
    if args.offline {
        return file::write(tx, None);
    }
    if !args.yes {
        eprintln!("{}", plume_client::tx_to_json(tx)?);
        keys::confirm("sign and broadcast this transaction?")?;
    }
    broadcast::send(home, args, &encode_tx(tx)?)
}

/// Address and key of `from`; an address alone suffices for a transaction that is only generated or simulated.
fn signer_of(keyring: &Keyring, from: &str, args: &TxArgs) -> Result<(String, Option<Record>)> {
    match keyring.get(from) {
        Ok(record) => Ok((keyring.prefix().account(&record.address()), Some(record))),
        Err(error) if args.generate_only || args.dry_run => {
            keyring.prefix().parse_account(from).map_err(|_| error)?;
            Ok((from.to_owned(), None))
        }
        Err(error) => Err(error.into()),
    }
}

/// Keys and sequences of all who must sign: from the keyring, else from the chain.
pub fn signers_of(home: &Home, args: &TxArgs, keyring: &Keyring, tx: &Tx) -> Result<Vec<(PublicKey, u64)>> {
    let prefix = keyring.prefix();
    let signer = |address: &Address| {
        let text = prefix.account(address);
        let account = account(home, args, &text)?;
        let key = match (account.public_key, keyring.get(&text)) {
            (Some(key), _) => key,
            (None, Ok(record)) => record.public_key,
            (None, Err(_)) => bail!("{text} has signed nothing yet, so its key must be in the keyring"),
        };
        Ok((key, account.sequence))
    };
    required_signers(tx, prefix)?.iter().map(signer).collect()
}

/// Signs for every further signer whose key is in the keyring, for example the one that pays the fee.
fn sign_for_others(home: &Home, args: &TxArgs, keyring: &Keyring, done: &Record, tx: &mut Tx) -> Result<()> {
    for address in required_signers(tx, keyring.prefix())? {
        let text = keyring.prefix().account(&address);
        if address == done.address() {
            continue;
        }
        let Ok(key) = keyring.private_key(&text) else { continue };
        ensure!(!args.offline, "{text} must sign, too: use `tx sign` with its own account number and sequence");
        let Account { account_number, sequence, .. } = account(home, args, &text)?;
        let place = Place { chain_id: chain_id(home, args)?, account_number, sequence };
        signature::add(home, args, tx, &key, &place, keyring.prefix())?;
    }
    Ok(())
}

/// The sum of two lists of coins.
pub fn sum(a: &[ProtoCoin], b: &[ProtoCoin]) -> Result<Vec<ProtoCoin>> {
    let read = |coins: &[ProtoCoin]| -> Result<Coins> {
        let texts: Vec<String> = coins.iter().map(|coin| format!("{}{}", coin.amount, coin.denom)).collect();
        Ok(texts.join(",").parse()?)
    };
    let sum = read(a)?.checked_add(&read(b)?).context("the fees would pass 2^128 - 1")?;
    let coin = |coin: &Coin| ProtoCoin { denom: coin.denom.to_string(), amount: coin.amount.to_string() };
    Ok(sum.iter().map(coin).collect())
}

fn draft(args: &TxArgs, messages: Vec<Any>, keyring: &Keyring) -> Result<TxDraft> {
    let mut draft = TxDraft::of(messages).memo(&args.note).timeout_height(args.timeout_height);
    if let Some(payer) = &args.fee_payer {
        draft = draft.fee_payer(&keys::address_of(keyring, payer).context("--fee-payer")?);
    }
    if let Some(granter) = &args.fee_granter {
        draft = draft.fee_granter(&keys::address_of(keyring, granter).context("--fee-granter")?);
    }
    with_gas(draft, args, gas_limit(args)?)
}

/// Sets the limit, and the fee for it.
fn with_gas(draft: TxDraft, args: &TxArgs, limit: Gas) -> Result<TxDraft> {
    Ok(draft.gas(limit).fee(fee(args, limit)?))
}

/// The limit that `--gas` names; 0 for one that is still to be simulated.
pub fn gas_limit(args: &TxArgs) -> Result<Gas> {
    if args.gas == "auto" {
        return Ok(Gas::ZERO);
    }
    Ok(Gas(args.gas.parse().with_context(|| format!("--gas {}: write a number, or auto", args.gas))?))
}

/// The fee that `--fees` or `--gas-prices` name for a limit.
pub fn fee(args: &TxArgs, limit: Gas) -> Result<Coins> {
    Ok(match (&args.fees, &args.gas_prices) {
        (Some(_), Some(_)) => bail!("--fees and --gas-prices exclude each other"),
        (Some(fees), None) => fees.parse().with_context(|| format!("--fees {fees}"))?,
        (None, Some(prices)) => {
            let prices: DecCoins = prices.parse().with_context(|| format!("--gas-prices {prices}"))?;
            gas::fee(&prices, limit)?
        }
        (None, None) => Coins::new(),
    })
}
