//! The state of bank: keys and values are those of SDK 0.50, byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use plume_kit::{Abort, Ctx, KvGas};
use plume_primitives::{Address, Amount, Coin, CoinError, Coins, Denom};
use plume_proto::cosmos::bank::v1beta1::{Metadata, Params};
use plume_state::collections::{
    IntText, Item, KeyBuf, KeyCodec, LengthPrefixed, Map, Proto, Schema, SchemaError, Unit, ValueCodec,
};
use plume_state::{Derivation, Direction, KvRead, KvWrite, StateError, Store};

/// The module's store.
pub const STORE: Store = Store::committed("bank");
/// Who holds a denomination: derived from the balances, in RAM only.
pub const OWNERS_STORE: Store = Store::derived("bank.owners");

/// `0x00 | denom -> amount`: how much exists, never zero.
pub(crate) const SUPPLY: Map<Denom, Amount, IntText> = Map::new(STORE, b"\x00");
/// `0x01 | base denom -> Metadata`.
pub(crate) const METADATA: Map<Denom, Metadata, Proto> = Map::new(STORE, b"\x01");
/// `0x02 | length | address | denom -> amount`, never zero. Written by [`set_balance`] alone.
const BALANCES: Map<(Address, Denom), Amount, IntText> = Map::new(STORE, b"\x02");
/// `0x03 | denom | 0x00 | length | address`: the SDK keeps it beside the balances, we in [`OWNERS_STORE`].
const OWNERS_PREFIX: &[u8] = b"\x03";
/// `0x04 | denom -> BoolValue`: switches that override the default.
pub(crate) const SEND_ENABLED: Map<Denom, bool, Proto> = Map::new(STORE, b"\x04");
/// `0x05 -> Params`.
pub(crate) const PARAMS: Item<Params, Proto> = Item::new(STORE, b"\x05");

pub(crate) fn schema() -> Result<Schema, SchemaError> {
    Schema::new(vec![
        SUPPLY.schema("supply"),
        METADATA.schema("denom_metadata"),
        BALANCES.schema("balances"),
        SEND_ENABLED.schema("send_enabled"),
        PARAMS.schema("params"),
    ])
}

/// How [`OWNERS_STORE`] is rebuilt at load.
pub(crate) fn derivations() -> Vec<Derivation> {
    vec![Derivation {
        source: STORE,
        target: OWNERS_STORE,
        derive: Arc::new(|raw_key, _, sink| {
            if !raw_key.starts_with(BALANCES.prefix()) {
                return Ok(());
            }
            let (address, denom) = BALANCES.decode_key(raw_key)?;
            sink(&owner_key(&address, &denom)?, &owner_value())
        }),
    }]
}

/// How much of `denom` an account holds.
pub(crate) fn balance(state: &(impl KvRead + ?Sized), address: &Address, denom: &Denom) -> Result<Amount, StateError> {
    Ok(BALANCES.get(state, &(address, denom))?.unwrap_or_default())
}

/// Everything that an account holds.
pub(crate) fn balances(state: &(impl KvRead + ?Sized), address: &Address) -> Result<Coins, StateError> {
    let mut held = Vec::new();
    for entry in BALANCES.iter_prefix(state, address, Direction::Ascending)? {
        let ((_, denom), amount) = entry?;
        held.push(Coin::new(denom, amount));
    }
    coins_of(held)
}

/// Every balance, by address length, address and denomination.
pub(crate) fn all_balances<R: KvRead + ?Sized>(
    state: &R,
) -> Result<impl Iterator<Item = Result<(Address, Coin), StateError>> + use<'_, R>, StateError> {
    let entries = BALANCES.iter(state, Direction::Ascending)?;
    Ok(entries.map(|entry| entry.map(|((address, denom), amount)| (address, Coin::new(denom, amount)))))
}

/// Replaces the balance `old`, which the caller has just read, by `new`; zero removes it.
///
/// # Consensus
/// The SDK writes its index of owners with every balance and charges for it. Ours changes only when an account comes to
/// hold a denomination or no longer does; the gas is the same.
pub(crate) fn set_balance(
    ctx: &mut Ctx<'_>,
    address: &Address,
    denom: &Denom,
    old: Amount,
    new: Amount,
) -> Result<(), Abort> {
    let owner = owner_key(address, denom)?;
    if new.is_zero() {
        ctx.delete(OWNERS_STORE, &owner)?;
        BALANCES.remove(ctx, &(address, denom))?;
        return Ok(());
    }
    if old.is_zero() {
        ctx.set(OWNERS_STORE, &owner, owner_value())?;
    } else {
        ctx.charge(KvGas::SDK.write_flat, "WriteFlat")?;
        let key_bytes = u64::try_from(owner.len()).unwrap_or(u64::MAX);
        ctx.charge(KvGas::SDK.write_per_byte.saturating_mul(key_bytes), "WritePerByte")?;
    }
    BALANCES.set(ctx, &(address, denom), &new)?;
    Ok(())
}

/// The bytes before every balance of `address`, for pages.
pub(crate) fn balances_prefix(address: &Address) -> Result<KeyBuf, StateError> {
    BALANCES.raw_prefix(address)
}

/// The bytes before every owner of `denom`, for pages.
pub(crate) fn owners_prefix(denom: &Denom) -> Result<KeyBuf, StateError> {
    let mut raw = KeyBuf::from_slice(OWNERS_PREFIX);
    denom.encode_part(&mut raw).map_err(|error| StateError::misuse(OWNERS_STORE, error.0))?;
    Ok(raw)
}

fn owner_key(address: &Address, denom: &Denom) -> Result<KeyBuf, StateError> {
    let mut raw = owners_prefix(denom)?;
    raw.push(address.len_byte());
    raw.extend_from_slice(address.as_bytes());
    Ok(raw)
}

/// That an account holds the denomination is all that its entry says.
fn owner_value() -> Bytes {
    Unit::encode(&())
}

/// The address at the end of a key under [`owners_prefix`].
pub(crate) fn owner_of(key: &[u8]) -> Result<Address, StateError> {
    LengthPrefixed::<Address>::decode_last(key)
        .map(|LengthPrefixed(address)| address)
        .map_err(|error| StateError::corrupt(OWNERS_STORE, key, error.0))
}

/// A denomination at the end of a key.
pub(crate) fn denom_of(key: &[u8]) -> Result<Denom, StateError> {
    Denom::decode_last(key).map_err(|error| StateError::corrupt(STORE, key, error.0))
}

/// An amount as it is stored.
pub(crate) fn amount_of(key: &[u8], value: &Bytes) -> Result<Amount, StateError> {
    IntText::decode(value).map_err(|error| StateError::corrupt(STORE, key, error.0))
}

/// Stored coins: in order and without doubles, since keys are; a zero is corruption.
pub(crate) fn coins_of(coins: Vec<Coin>) -> Result<Coins, StateError> {
    Coins::from_sorted(coins).map_err(|error: CoinError| StateError::corrupt(STORE, b"", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address::from([0xAB; 20])
    }

    fn denom() -> Denom {
        Denom::new("uplume").unwrap()
    }

    fn concat(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn keys_are_the_sdks() {
        let address = [0xAB; 20];
        assert_eq!(SUPPLY.raw_key(&denom()).unwrap().as_slice(), b"\x00uplume");
        assert_eq!(METADATA.raw_key(&denom()).unwrap().as_slice(), b"\x01uplume");
        assert_eq!(
            BALANCES.raw_key(&(&self::address(), &denom())).unwrap().to_vec(),
            concat(&[b"\x02\x14", &address, b"uplume"])
        );
        assert_eq!(owner_key(&self::address(), &denom()).unwrap().to_vec(), concat(&[b"\x03uplume\x00\x14", &address]));
        assert_eq!(SEND_ENABLED.raw_key(&denom()).unwrap().as_slice(), b"\x04uplume");
        assert_eq!(PARAMS.key(), b"\x05");
        assert_eq!((STORE.name(), OWNERS_STORE.name()), ("bank", "bank.owners"));
    }

    #[test]
    fn values_are_the_sdks_and_never_empty() {
        assert_eq!(IntText::encode(&Amount::MAX), "340282366920938463463374607431768211455");
        assert_eq!(Proto::encode(&true), &b"\x08\x01"[..]);
        // The SDK stores nothing for these two; no value of ours is empty.
        assert_eq!(Proto::encode(&false), &b"\x00"[..]);
        assert_eq!(Proto::encode(&Params::default()), &b"\x00"[..]);
        let on = Params { default_send_enabled: true, ..Params::default() };
        assert_eq!(Proto::encode(&on), &b"\x10\x01"[..]);
    }

    #[test]
    fn schema_has_no_collision() {
        let names: Vec<_> = schema().unwrap().collections().iter().map(|c| c.name).collect();
        assert_eq!(names, ["supply", "denom_metadata", "balances", "send_enabled", "params"]);
    }

    #[test]
    fn owners_are_derived_from_balances_alone() {
        let derivation = derivations().remove(0);
        let derive = |key: &[u8]| {
            let mut out = Vec::new();
            (derivation.derive)(key, b"1", &mut |key, value| {
                out.push((key.to_vec(), value.to_vec()));
                Ok(())
            })
            .unwrap();
            out
        };
        assert_eq!(
            derive(&concat(&[b"\x02\x14", &[0xAB; 20], b"uplume"])),
            [(concat(&[b"\x03uplume\x00\x14", &[0xAB; 20]]), vec![1])]
        );
        assert_eq!(derive(b"\x00uplume"), []);
        assert_eq!(owner_of(&concat(&[b"\x14", &[0xAB; 20]])).unwrap(), address());
    }
}
