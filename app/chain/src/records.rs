//! What this node keeps of the chain outside the state that consensus commits to: it is the same on every node, but
//! no proof needs it, and a block without transactions must not change the app hash.

use plume_engine::{Fatal, ValidatorKey, ValidatorUpdate};
use plume_primitives::{Height, Timestamp};
use plume_proto::google::protobuf::Timestamp as ProtoTimestamp;
use plume_state::collections::{Item, Map, Proto, StringRaw, U64Be};
use plume_state::{Direction, KvRead, KvWrite, StateError, Store};

/// The store of these records.
pub(crate) const RECORDS: Store = Store::local("chain");

const CHAIN_ID: Item<String, StringRaw> = Item::new(RECORDS, b"i");
const INITIAL_HEIGHT: Item<u64, U64Be> = Item::new(RECORDS, b"h");
/// Time of the last block.
const TIME: Item<ProtoTimestamp, Proto> = Item::new(RECORDS, b"t");
/// Power of each validator, by kind of key and key: the set that the next block but one is decided by.
const VALIDATORS: Map<Vec<u8>, u64, U64Be> = Map::new(RECORDS, b"v");

/// What is set once, at genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub chain_id: String,
    pub initial_height: Height,
}

pub(crate) fn write_origin(state: &mut impl KvWrite, origin: &Origin) -> Result<(), Fatal> {
    CHAIN_ID.set(state, &origin.chain_id).map_err(fatal)?;
    INITIAL_HEIGHT.set(state, &origin.initial_height.get()).map_err(fatal)
}

/// `None` before genesis.
pub(crate) fn origin(state: &(impl KvRead + ?Sized)) -> Result<Option<Origin>, Fatal> {
    let Some(chain_id) = CHAIN_ID.get(state).map_err(fatal)? else { return Ok(None) };
    let initial_height =
        INITIAL_HEIGHT.get(state).map_err(fatal)?.ok_or_else(|| Fatal::new("initial height is missing"))?;
    Ok(Some(Origin { chain_id, initial_height: Height(initial_height) }))
}

pub(crate) fn write_time(state: &mut impl KvWrite, time: Timestamp) -> Result<(), Fatal> {
    let time = ProtoTimestamp { seconds: time.seconds(), nanos: time.nanos().try_into().expect("below 10^9") };
    TIME.set(state, &time).map_err(fatal)
}

/// Time of the block whose state this is; the epoch before genesis.
pub(crate) fn time(state: &(impl KvRead + ?Sized)) -> Result<Timestamp, Fatal> {
    let Some(time) = TIME.get(state).map_err(fatal)? else { return Ok(Timestamp::default()) };
    let nanos = u32::try_from(time.nanos).map_err(|_| Fatal::new("stored time has negative nanoseconds"))?;
    Timestamp::new(time.seconds, nanos).map_err(|e| Fatal::new(format!("stored time: {e}")))
}

/// Applies changes of validators; power 0 removes one.
pub(crate) fn update_validators(state: &mut impl KvWrite, updates: &[ValidatorUpdate]) -> Result<(), Fatal> {
    for update in updates {
        let key = validator_key(&update.key);
        match u64::try_from(update.power) {
            Ok(0) => VALIDATORS.remove(state, &key).map_err(fatal)?,
            Ok(power) => VALIDATORS.set(state, &key, &power).map_err(fatal)?,
            Err(_) => return Err(Fatal::new(format!("validator update with negative power {}", update.power))),
        }
    }
    Ok(())
}

/// Every validator, in a fixed order.
pub(crate) fn validators(state: &(impl KvRead + ?Sized)) -> Result<Vec<ValidatorUpdate>, Fatal> {
    let entries = VALIDATORS.iter(state, Direction::Ascending).map_err(fatal)?;
    entries
        .map(|entry| {
            let (key, power) = entry.map_err(fatal)?;
            let corrupt = || Fatal::new(format!("stored validator {} is corrupt", hex::encode(&key)));
            let power = i64::try_from(power).map_err(|_| corrupt())?;
            Ok(ValidatorUpdate { key: read_validator_key(&key).ok_or_else(corrupt)?, power })
        })
        .collect()
}

fn validator_key(key: &ValidatorKey) -> Vec<u8> {
    match key {
        ValidatorKey::Ed25519(key) => [&[1], key.as_slice()].concat(),
        ValidatorKey::Secp256k1(key) => [&[2], key.as_slice()].concat(),
    }
}

fn read_validator_key(bytes: &[u8]) -> Option<ValidatorKey> {
    let (kind, key) = bytes.split_first()?;
    match (kind, key.as_array::<32>(), key.as_array::<33>()) {
        (1, Some(key), _) => Some(ValidatorKey::Ed25519(*key)),
        (2, _, Some(key)) => Some(ValidatorKey::Secp256k1(*key)),
        _ => None,
    }
}

fn fatal(e: StateError) -> Fatal {
    Fatal::new(format!("chain records: {e}"))
}
