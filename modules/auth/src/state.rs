//! The state of auth: keys and values are those of SDK 0.50, byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use plume_interfaces::Account;
use plume_kit::{Abort, Ctx, Fatal, KvGas};
use plume_primitives::Address;
use plume_proto::Any;
use plume_proto::cosmos::auth::v1beta1::Params;
use plume_state::collections::{BytesRaw, Item, Map, Proto, Schema, SchemaError, Sequence, ValueCodec};
use plume_state::{Derivation, Direction, KvRead, StateError, Store};

use crate::record::Record;
use crate::stored;

/// The module's store.
pub const STORE: Store = Store::committed("acc");
/// Which address has an account number: derived from the accounts, in RAM only.
pub const NUMBERS_STORE: Store = Store::derived("acc.numbers");

/// `0x00 -> Params`.
pub(crate) const PARAMS: Item<Params, Proto> = Item::new(STORE, b"\x00");
/// `0x01 | address -> Any` of an account. Written by [`create`] and [`update`] alone.
const ACCOUNTS: Map<Address, Any, Proto> = Map::new(STORE, b"\x01");
/// `0x02 -> next account number`.
pub(crate) const NEXT_NUMBER: Sequence = Sequence::new(STORE, b"\x02");
/// `accountNumber | number -> address`: the SDK keeps it beside the accounts, we in [`NUMBERS_STORE`].
pub(crate) const NUMBERS: Map<u64, Address, BytesRaw> = Map::new(NUMBERS_STORE, b"accountNumber");

pub(crate) fn schema() -> Result<Schema, SchemaError> {
    Schema::new(vec![PARAMS.schema("params"), ACCOUNTS.schema("accounts"), NEXT_NUMBER.schema("account_number")])
}

/// How [`NUMBERS_STORE`] is rebuilt at load.
pub(crate) fn derivations() -> Vec<Derivation> {
    vec![Derivation {
        source: STORE,
        target: NUMBERS_STORE,
        derive: Arc::new(|raw_key, value, sink| {
            if !raw_key.starts_with(ACCOUNTS.prefix()) {
                return Ok(());
            }
            let address = ACCOUNTS.decode_key(raw_key)?;
            let record = decode(raw_key, &ACCOUNTS.decode_value(raw_key, value)?)?;
            sink(&NUMBERS.raw_key(&record.number())?, &BytesRaw::encode(&address))
        }),
    }]
}

/// The bytes before every account, for pages.
pub(crate) const fn accounts_prefix() -> &'static [u8] {
    ACCOUNTS.prefix()
}

/// The account at `address`.
pub(crate) fn get(state: &(impl KvRead + ?Sized), address: &Address) -> Result<Option<Record>, StateError> {
    get_any(state, address)?.map(|stored| decode(address.as_bytes(), &stored)).transpose()
}

/// The bytes of the account at `address`.
pub(crate) fn get_bytes(state: &(impl KvRead + ?Sized), address: &Address) -> Result<Option<Bytes>, StateError> {
    state.get(STORE, &ACCOUNTS.raw_key(address)?)
}

/// What the rest of the chain sees of the account with these bytes.
pub(crate) fn view(bytes: &[u8], address: &Address) -> Result<Account, StateError> {
    match stored::base_account(bytes, address) {
        Some(account) => Ok(account),
        None => view_of(&record(bytes, address)?, address),
    }
}

/// The account with these bytes.
pub(crate) fn record(bytes: &[u8], address: &Address) -> Result<Record, StateError> {
    let key = ACCOUNTS.raw_key(address)?;
    decode(address.as_bytes(), &ACCOUNTS.decode_value(&key, bytes)?)
}

/// What the rest of the chain sees of `record`.
pub(crate) fn view_of(record: &Record, address: &Address) -> Result<Account, StateError> {
    record.view(address).map_err(|error| StateError::corrupt(STORE, address.as_bytes(), error.to_string()))
}

/// The account at `address` as it is stored.
pub(crate) fn get_any(state: &(impl KvRead + ?Sized), address: &Address) -> Result<Option<Any>, StateError> {
    ACCOUNTS.get(state, address)
}

/// Whether there is an account at `address`.
pub(crate) fn exists(state: &(impl KvRead + ?Sized), address: &Address) -> Result<bool, StateError> {
    ACCOUNTS.has(state, address)
}

/// Every account, by address.
pub(crate) fn all<R: KvRead + ?Sized>(
    state: &R,
) -> Result<impl Iterator<Item = Result<(Address, Record), StateError>> + use<'_, R>, StateError> {
    let entries = ACCOUNTS.iter(state, Direction::Ascending)?;
    Ok(entries.map(|entry| {
        let (address, stored) = entry?;
        let record = decode(address.as_bytes(), &stored)?;
        Ok((address, record))
    }))
}

/// What is stored at a key of a page.
pub(crate) fn decode_any(key: &[u8], value: &[u8]) -> Result<Any, StateError> {
    ACCOUNTS.decode_value(key, value)
}

/// Stores a new account.
///
/// # Consensus
/// Reads and writes in the SDK's order: old record, index, record.
///
/// # Errors
/// [`Fatal`] when address or number is taken: the caller has checked the one, the sequence gives out each number once.
pub(crate) fn create(ctx: &mut Ctx<'_>, address: &Address, record: &Record) -> Result<(), Abort> {
    if get_any(ctx, address)?.is_some() {
        return Err(Fatal::new(format!("account {address:?} is created twice")).into());
    }
    let number = record.number();
    if NUMBERS.has(ctx, &number)? {
        return Err(Fatal::new(format!("account number {number} is given out twice")).into());
    }
    NUMBERS.set(ctx, &number, address)?;
    ACCOUNTS.set(ctx, address, &record.to_any())?;
    Ok(())
}

/// Replaces an account that exists; its number stays.
///
/// # Consensus
/// The SDK reads the old record, removes its index entry, looks whether the new one is free and writes it, each time
/// and for gas. The entry never changes, so only the gas is left of that.
pub(crate) fn update(ctx: &mut Ctx<'_>, address: &Address, record: &Record) -> Result<(), Abort> {
    ctx.get(STORE, &ACCOUNTS.raw_key(address)?)?;
    ctx.charge(KvGas::SDK.delete, "Delete")?;
    ctx.charge(KvGas::SDK.has, "Has")?;
    ctx.charge(KvGas::SDK.write_flat, "WriteFlat")?;
    for entry_part in [NUMBERS.raw_key(&record.number())?.len(), address.as_bytes().len()] {
        let bytes = u64::try_from(entry_part).unwrap_or(u64::MAX);
        ctx.charge(KvGas::SDK.write_per_byte.saturating_mul(bytes), "WritePerByte")?;
    }
    ACCOUNTS.set(ctx, address, &record.to_any())?;
    Ok(())
}

fn decode(key: &[u8], stored: &Any) -> Result<Record, StateError> {
    Record::from_any(stored).map_err(|error| StateError::corrupt(STORE, key, error.to_string()))
}

#[cfg(test)]
mod tests {
    use plume_primitives::Bech32Prefix;

    use super::*;

    #[test]
    fn keys_are_the_sdks() {
        let address = Address::from([0xAB; 20]);
        assert_eq!(PARAMS.key(), b"\x00");
        assert_eq!(ACCOUNTS.raw_key(&address).unwrap().to_vec(), [&[1_u8][..], &[0xAB; 20]].concat());
        assert_eq!(ACCOUNTS.prefix(), accounts_prefix());
        assert_eq!(NEXT_NUMBER.schema("n").prefix, b"\x02");
        assert_eq!(NUMBERS.raw_key(&258).unwrap().as_slice(), b"accountNumber\0\0\0\0\0\0\x01\x02");
        assert_eq!((STORE.name(), NUMBERS_STORE.name()), ("acc", "acc.numbers"));
    }

    #[test]
    fn schema_has_no_collision() {
        let names: Vec<_> = schema().unwrap().collections().iter().map(|c| c.name).collect();
        assert_eq!(names, ["params", "accounts", "account_number"]);
    }

    #[test]
    fn numbers_are_derived_from_accounts_alone() {
        let derivation = derivations().remove(0);
        let derive = |key: &[u8], value: &[u8]| {
            let mut out = Vec::new();
            (derivation.derive)(key, value, &mut |key, value| {
                out.push((key.to_vec(), value.to_vec()));
                Ok(())
            })
            .unwrap();
            out
        };
        let address = Address::from([0xAB; 20]);
        let record = Record::base(&Bech32Prefix::new("plume").unwrap(), &address, 258);
        let value = Proto::encode(&record.to_any());
        let key = ACCOUNTS.raw_key(&address).unwrap();
        assert_eq!(derive(&key, &value), [(b"accountNumber\0\0\0\0\0\0\x01\x02".to_vec(), vec![0xAB; 20])]);
        assert_eq!(derive(b"\x02", &7_u64.to_be_bytes()), []);
    }
}
