//! What the tests share: stores, a state over memory, and a simple model.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use plume_state::{
    ChangeSet, Derivation, Direction, KvRead, MemoryBackend, Record, State, StateConfig, StateOptions, Store,
};

pub const BANK: Store = Store::committed("bank");
pub const ACC: Store = Store::committed("acc");
pub const UPGRADE: Store = Store::committed("upgrade");
pub const LOCAL: Store = Store::local("node");
pub const INDEX: Store = Store::derived("bank.index");

pub type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// Three committed stores, a local and a derived one: the derived one maps values to keys.
pub fn config() -> StateConfig {
    StateConfig {
        stores: vec![BANK, ACC, UPGRADE, LOCAL, INDEX],
        derivations: vec![Derivation {
            source: BANK,
            target: INDEX,
            derive: Arc::new(|key, value, sink| sink(&[value, b"|", key].concat(), b"\x01")),
        }],
        options: StateOptions::default(),
    }
}

pub fn open(backend: &MemoryBackend) -> State {
    State::open(config(), Arc::new(backend.clone())).unwrap()
}

pub fn new_state() -> State {
    open(&MemoryBackend::new())
}

pub fn write(store: Store, key: &[u8], value: Option<&[u8]>) -> (Store, Bytes, Option<Bytes>) {
    (store, Bytes::copy_from_slice(key), value.map(Bytes::copy_from_slice))
}

/// Commits writes as the next block and returns the app hash.
pub fn commit(state: &mut State, writes: impl IntoIterator<Item = (Store, Bytes, Option<Bytes>)>) -> [u8; 32] {
    let prepared = state.prepare(&ChangeSet::from_writes(writes)).unwrap();
    let app_hash = prepared.app_hash();
    state.commit(prepared, state.height() + 1).unwrap();
    assert_eq!(state.app_hash(), app_hash);
    app_hash
}

pub fn all(view: &dyn KvRead, store: Store) -> Vec<Record> {
    view.range(store, std::ops::Bound::Unbounded, std::ops::Bound::Unbounded, Direction::Ascending)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

pub fn contents(view: &dyn KvRead, store: Store) -> Contents {
    all(view, store).into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}
