//! The design of other chains: the `jmt` crate with nodes and values in RocksDB.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use borsh::BorshDeserialize;
use jmt::storage::{LeafNode, Node, NodeBatch, NodeKey, TreeReader, TreeWriter};
use jmt::{KeyHash, OwnedValue, Sha256Jmt, Version};
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, IteratorMode, Options, WriteBatch};
use serde::{Deserialize, Serialize};

use crate::Plan;
use crate::measure::{folder_bytes, micros_per, process_cpu, resident_bytes, thread_cpu, written_bytes};
use crate::workload::{balance, balance_key, touched};

const NODES: &str = "nodes";
const VALUES: &str = "values";
const PREIMAGES: &str = "preimages";
const FILL_BLOCK: u64 = 50_000;

#[derive(Serialize, Deserialize, Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) accounts: u64,
    pub(crate) fill_seconds: f64,
    pub(crate) updates: u64,
    /// Block thread, CPU microseconds per update.
    pub(crate) block_thread_us: f64,
    /// CPU of all threads per update.
    pub(crate) total_us: f64,
    pub(crate) block_ms: f64,
    pub(crate) written_bytes: f64,
    pub(crate) disk_bytes: u64,
    pub(crate) resident_bytes: u64,
}

struct Store(DB);

impl Store {
    fn open(path: &Path) -> Result<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.increase_parallelism(2);
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&Cache::new_lru_cache(1 << 30)?);
        table.set_bloom_filter(10.0, false);
        let mut family = Options::default();
        family.set_block_based_table_factory(&table);
        family.set_write_buffer_size(64 << 20);
        let families = [NODES, VALUES, PREIMAGES].map(|name| ColumnFamilyDescriptor::new(name, family.clone()));
        Ok(Self(DB::open_cf_descriptors(&options, path, families)?))
    }

    fn family(&self, name: &str) -> Result<&rocksdb::ColumnFamily> {
        self.0.cf_handle(name).with_context(|| format!("no column family {name}"))
    }
}

/// Version first, so that new nodes are written next to one another.
fn node_key(key: &NodeKey) -> Result<Vec<u8>> {
    let mut bytes = key.version().to_be_bytes().to_vec();
    bytes.extend_from_slice(&borsh::to_vec(key.nibble_path())?);
    Ok(bytes)
}

fn value_key(key: &KeyHash, version: Version) -> Vec<u8> {
    [&key.0[..], &version.to_be_bytes()].concat()
}

impl TreeReader for Store {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>> {
        let bytes = self.0.get_pinned_cf(self.family(NODES)?, node_key(key)?)?;
        bytes.map(|bytes| Ok(Node::try_from_slice(&bytes)?)).transpose()
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>> {
        Err(anyhow!("only restoring needs it"))
    }

    fn get_value_option(&self, max_version: Version, key: KeyHash) -> Result<Option<OwnedValue>> {
        let upper = value_key(&key, max_version);
        let mode = IteratorMode::From(&upper, rocksdb::Direction::Reverse);
        match self.0.iterator_cf(self.family(VALUES)?, mode).next() {
            Some(entry) => {
                let (found, value) = entry?;
                Ok(found.starts_with(&key.0).then(|| Option::<Vec<u8>>::try_from_slice(&value)).transpose()?.flatten())
            }
            None => Ok(None),
        }
    }
}

impl TreeWriter for Store {
    fn write_node_batch(&self, nodes: &NodeBatch) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (key, node) in nodes.nodes() {
            batch.put_cf(self.family(NODES)?, node_key(key)?, borsh::to_vec(node)?);
        }
        for ((version, key), value) in nodes.values() {
            batch.put_cf(self.family(VALUES)?, value_key(key, *version), borsh::to_vec(value)?);
        }
        Ok(self.0.write(batch)?)
    }
}

impl Store {
    fn commit(&self, writes: Vec<(bytes::Bytes, bytes::Bytes)>, version: Version) -> Result<()> {
        let mut preimages = WriteBatch::default();
        // The tree wants one write per key.
        let mut values = BTreeMap::new();
        for (key, value) in &writes {
            let hash = KeyHash::with::<sha2::Sha256>(key);
            preimages.put_cf(self.family(PREIMAGES)?, hash.0, key);
            values.insert(hash, Some(value.to_vec()));
        }
        let (_, batch) = Sha256Jmt::new(self).put_value_set(values, version)?;
        self.write_node_batch(&batch.node_batch)?;
        self.0.write(preimages)?;
        Ok(())
    }
}

pub(crate) fn blocks(path: &Path, plan: &Plan) -> Result<Reference> {
    let store = Store::open(path)?;
    let accounts = plan.reference_accounts;
    let start = Instant::now();
    let mut version = 0;
    let mut account = 0;
    while account < accounts {
        let end = accounts.min(account + FILL_BLOCK);
        store.commit((account..end).map(|n| (balance_key(n), balance(n, 0))).collect(), version)?;
        (account, version) = (end, version + 1);
    }
    store.0.flush()?;
    let fill_seconds = start.elapsed().as_secs_f64();

    let (mut time, mut outside, mut walls) = (Duration::ZERO, Duration::ZERO, Vec::new());
    let mut updates = 0;
    let (cpu_before, written_before) = (process_cpu()?, written_bytes()?);
    for block in 0..plan.reference_blocks {
        let cpu = thread_cpu()?;
        let writes: Vec<_> =
            touched(block, plan.updates, accounts).map(|n| (balance_key(n), balance(n, block + 1))).collect();
        outside += thread_cpu()? - cpu;
        updates += writes.len() as u64;
        let (wall, cpu) = (Instant::now(), thread_cpu()?);
        store.commit(writes, version)?;
        time += thread_cpu()? - cpu;
        walls.push(wall.elapsed());
        version += 1;
    }
    for family in [NODES, VALUES, PREIMAGES] {
        store.0.flush_cf(store.family(family)?)?;
    }
    let total = process_cpu()? - cpu_before - outside;
    walls.sort_unstable();
    Ok(Reference {
        accounts,
        fill_seconds,
        updates,
        block_thread_us: micros_per(time, updates),
        total_us: micros_per(total, updates),
        block_ms: walls.get(walls.len() / 2).map_or(0.0, |wall| wall.as_secs_f64() * 1e3),
        written_bytes: (written_bytes()? - written_before) as f64 / updates as f64,
        disk_bytes: folder_bytes(path)?,
        resident_bytes: resident_bytes()?,
    })
}
