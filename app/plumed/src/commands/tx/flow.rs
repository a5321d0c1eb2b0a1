//! The way of a transaction from its messages to the node.

use anyhow::{Context, Result, bail, ensure};
use plume_client::{Account, Keyring, Record, SignMode, Signer, TxDraft, encode_tx};
use plume_primitives::{Coins, DecCoins, Gas};
use plume_proto::Any;

use super::{broadcast, file, gas, signature};
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
    let mut draft = draft(args, messages(&address)?)?;
    if args.gas == "auto" || args.dry_run {
        ensure!(!args.offline, "gas cannot be simulated --offline: name a limit with --gas");
        let record = record.as_ref().with_context(|| format!("simulation needs the key of {from}"))?;
        let place = Place::of(home, args, &address)?;
        let limit = gas::estimate(home, args, &draft.build(), &[(record.public_key.clone(), place.sequence)])?;
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
    if args.offline {
        return file::write(&tx, None);
    }
    if !args.yes {
        eprintln!("{}", plume_client::tx_to_json(&tx)?);
        keys::confirm("sign and broadcast this transaction?")?;
    }
    broadcast::send(home, args, &encode_tx(&tx)?)
}

/// Address and key of `from`; an address alone suffices for a transaction that is only generated.
fn signer_of(keyring: &Keyring, from: &str, args: &TxArgs) -> Result<(String, Option<Record>)> {
    match keyring.get(from) {
        Ok(record) => Ok((keyring.prefix().account(&record.address()), Some(record))),
        Err(error) if args.generate_only => {
            keyring.prefix().parse_account(from).map_err(|_| error)?;
            Ok((from.to_owned(), None))
        }
        Err(error) => Err(error.into()),
    }
}

fn draft(args: &TxArgs, messages: Vec<Any>) -> Result<TxDraft> {
    let limit = if args.gas == "auto" {
        Gas::ZERO
    } else {
        Gas(args.gas.parse().with_context(|| format!("--gas {}: write a number, or auto", args.gas))?)
    };
    let mut draft = TxDraft::of(messages).memo(&args.note).timeout_height(args.timeout_height);
    if let Some(payer) = &args.fee_payer {
        draft = draft.fee_payer(payer);
    }
    if let Some(granter) = &args.fee_granter {
        draft = draft.fee_granter(granter);
    }
    with_gas(draft, args, limit)
}

/// Sets the limit, and the fee that `--fees` or `--gas-prices` name for it.
fn with_gas(draft: TxDraft, args: &TxArgs, limit: Gas) -> Result<TxDraft> {
    let fee: Coins = match (&args.fees, &args.gas_prices) {
        (Some(_), Some(_)) => bail!("--fees and --gas-prices exclude each other"),
        (Some(fees), None) => fees.parse().with_context(|| format!("--fees {fees}"))?,
        (None, Some(prices)) => {
            let prices: DecCoins = prices.parse().with_context(|| format!("--gas-prices {prices}"))?;
            gas::fee(&prices, limit)?
        }
        (None, None) => Coins::new(),
    };
    Ok(draft.gas(limit).fee(fee))
}
