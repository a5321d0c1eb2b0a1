//! Where a transaction is, by its hash.

use std::collections::HashSet;

use plume_block::Hash;
use rocksdb::{DB, WriteBatch};

use crate::{StoreError, tables::Table};

/// Where a transaction was included, and whether it succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TxRecord {
    pub(crate) height: u64,
    pub(crate) index: u32,
    pub(crate) success: bool,
}

impl TxRecord {
    pub(crate) fn encode(self) -> [u8; 13] {
        let mut record = [0; 13];
        record[..8].copy_from_slice(&self.height.to_be_bytes());
        record[8..12].copy_from_slice(&self.index.to_be_bytes());
        record[12] = self.success.into();
        record
    }

    pub(crate) fn decode(record: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::damaged("transaction record", format!("{} bytes", record.len()));
        let (height, rest) = record.split_first_chunk().ok_or_else(damaged)?;
        let (index, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let success = match rest {
            [0] => false,
            [1] => true,
            _ => return Err(damaged()),
        };
        Ok(Self { height: u64::from_be_bytes(*height), index: u32::from_be_bytes(*index), success })
    }

    pub(crate) fn read(db: &DB, hash: &[u8]) -> Result<Option<Self>, StoreError> {
        db.get_pinned_cf(Table::TxHashes.of(db)?, hash)?.map(|record| Self::decode(&record)).transpose()
    }
}

/// Adds the records of a block's transactions, given by hash and success in order.
///
/// The last inclusion of a transaction counts, but a failure never hides an earlier success.
pub(crate) fn put_txs(
    db: &DB,
    batch: &mut WriteBatch,
    height: u64,
    txs: impl Iterator<Item = (Hash, bool)>,
) -> Result<(), StoreError> {
    let table = Table::TxHashes.of(db)?;
    let txs: Vec<_> = txs.collect();
    let has_failures = txs.iter().any(|(_, success)| !success);
    let mut succeeded_here = HashSet::new();
    let mut records = Vec::with_capacity(txs.len());
    for (index, (hash, success)) in (0_u32..).zip(txs) {
        if has_failures && success {
            succeeded_here.insert(hash);
        }
        if !success
            && (succeeded_here.contains(&hash) || TxRecord::read(db, &hash)?.is_some_and(|earlier| earlier.success))
        {
            continue;
        }
        records.push((hash, TxRecord { height, index, success }));
    }
    // The database takes keys best in their order. The sort is stable: of two records of one transaction the later one
    // stays the later one.
    records.sort_by_key(|(hash, _)| *hash);
    for (hash, record) in records {
        batch.put_cf(table, hash, record.encode());
    }
    Ok(())
}
