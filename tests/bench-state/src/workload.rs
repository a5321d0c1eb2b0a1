//! The accounts and their updates: the same bytes for every design.

use bytes::Bytes;
use plume_state::{Store, sha256};

pub(crate) const BANK: Store = Store::committed("bank");
pub(crate) const ACC: Store = Store::committed("acc");

/// The key of an account's balance, as bank stores it: 0x02 | 20 | address | denomination.
pub(crate) fn balance_key(account: u64) -> Bytes {
    let mut key = Vec::with_capacity(28);
    key.extend_from_slice(&[2, 20]);
    key.extend_from_slice(&sha256(&account.to_be_bytes())[..20]);
    key.extend_from_slice(b"uplume");
    key.into()
}

/// The key of an account's record, as auth stores it: 0x01 | address.
pub(crate) fn record_key(account: u64) -> Bytes {
    let mut key = Vec::with_capacity(21);
    key.push(1);
    key.extend_from_slice(&sha256(&account.to_be_bytes())[..20]);
    key.into()
}

/// A record of the size of a `BaseAccount` with public key and sequence, packed in an `Any`.
pub(crate) fn record(account: u64) -> Bytes {
    let mut value = Vec::with_capacity(172);
    value.extend_from_slice(b"\x0a\x20/cosmos.auth.v1beta1.BaseAccount");
    while value.len() < 172 {
        value.extend_from_slice(&sha256(&[account.to_be_bytes(), (value.len() as u64).to_be_bytes()].concat()));
    }
    value.truncate(172);
    value.into()
}

/// A balance as text; `round` changes it.
pub(crate) fn balance(account: u64, round: u64) -> Bytes {
    Bytes::from((1_000_000 + account % 900_000 + round * 1000).to_string())
}

/// The accounts that a block touches: uniformly random, the same in every run.
pub(crate) fn touched(block: u64, updates: u64, accounts: u64) -> impl Iterator<Item = u64> {
    (0..updates).map(move |n| {
        let hash = sha256(&[block.to_be_bytes(), n.to_be_bytes()].concat());
        let (head, _) = hash.split_first_chunk::<8>().expect("a hash has 32 bytes");
        u64::from_be_bytes(*head) % accounts
    })
}
