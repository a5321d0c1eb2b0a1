//! A chain with many accounts, made by blocks: ten million in a genesis document would be gigabytes of JSON.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, SnapshotConfig};
use plume_engine::{Block, BlockOutcome, ConsensusParams, Executor, Genesis, Reader};
use plume_load::{Accounts, KeyScheme, Keys, funding};
use plume_primitives::{Bech32Prefix, Height, Timestamp};
use plume_proto::cosmos::auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse};
use plume_proto::prost::Message;
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams};
use plume_state::{Backend, MemoryBackend};
use plume_state_rocksdb::{Config, RocksBackend};
use plume_testkit::Blocks;
use serde_json::json;

use crate::system::{CHAIN_ID, PREFIX};

/// Coins of each account.
const EACH: u128 = 1_000_000_000;

/// Accounts that one transaction makes.
const OUTPUTS: u64 = 5000;

/// Transactions of a block that makes accounts.
const FILL_TXS: u64 = 4;

/// Where the state of a chain lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In memory only.
    Memory,
    /// RocksDB below this folder, as a node has it.
    Folder(PathBuf),
}

/// A chain and the means to make its blocks.
pub struct Filled {
    /// The chain.
    pub chain: Chain,
    /// What it writes to.
    pub backend: Arc<dyn Backend>,
    /// Makes the next blocks.
    pub blocks: Blocks,
    /// Number of account 0; the others follow.
    pub first_number: u64,
}

/// Opens the chain of a place, empty or not.
///
/// # Errors
/// A database that cannot be opened.
pub fn open(place: &Place) -> Result<(Chain, Arc<dyn Backend>)> {
    let (backend, folder): (Arc<dyn Backend>, _) = match place {
        Place::Memory => (Arc::new(MemoryBackend::new()), None),
        Place::Folder(folder) => (open_backend(folder)?, Some(folder.join("snapshots"))),
    };
    let config =
        ChainConfig { snapshots: SnapshotConfig { folder, ..SnapshotConfig::default() }, ..ChainConfig::default() };
    Ok((Chain::open(config, Arc::clone(&backend))?, backend))
}

fn open_backend(folder: &Path) -> Result<Arc<dyn Backend>> {
    std::fs::create_dir_all(folder)?;
    let settings = Config::new(CHAIN_ID, plume_chain::stores()?);
    let path = folder.join("application.db");
    Ok(Arc::new(RocksBackend::open(&path, &settings).with_context(|| format!("cannot open {}", path.display()))?))
}

/// Executes a block and commits it; every transaction must succeed.
///
/// # Errors
/// A block that fails, or a transaction that does.
pub fn execute(chain: &mut Chain, block: &Block) -> Result<BlockOutcome> {
    let outcome = chain.finalize(block)?;
    if let Some((index, failed)) = outcome.tx_results.iter().enumerate().find(|(_, result)| result.code != 0) {
        anyhow::bail!("transaction {index} of block {}: code {}: {}", block.height, failed.code, failed.log);
    }
    chain.commit()?;
    Ok(outcome)
}

/// A new chain with `count` accounts, their numbers in order. Those of `accounts` that sign have keys.
///
/// # Errors
/// A state that is not as expected.
pub fn fill(place: &Place, count: u64, accounts: &Accounts) -> Result<Filled> {
    let (mut chain, backend) = open(place)?;
    let keys = Keys { seed: u64::MAX, scheme: KeyScheme::Secp256k1 };
    let faucet = keys.key(0);
    let prefix = Bech32Prefix::new(PREFIX)?;
    let faucet_address = prefix.account(&faucet.public_key().address());
    chain.init_chain(genesis(&faucet_address, EACH * u128::from(count)))?;
    let mut blocks = Blocks::from(Height(1), Timestamp::UNIX_EPOCH);
    execute(&mut chain, &blocks.next(Vec::new()))?;
    let (mut made, mut sequence) = (0, 0);
    while made < count {
        let mut txs = Vec::new();
        while made < count && (txs.len() as u64) < FILL_TXS {
            let end = count.min(made + OUTPUTS);
            let to: Vec<String> = (made..end).map(|index| accounts.bech32(index)).collect();
            let from = (&faucet, faucet_address.as_str(), 0, sequence);
            txs.push(funding(CHAIN_ID, from, &to, &[(EACH, "stake")], (0, 1 << 40, "stake")));
            sequence += 1;
            made = end;
        }
        execute(&mut chain, &blocks.next(txs))?;
    }
    let reader = chain.reader();
    let number = |index: u64| -> Result<u64> {
        let request = QueryAccountInfoRequest { address: accounts.bech32(index) };
        let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
        let answer = reader.query(path, &request.encode_to_vec(), None, false);
        let answer = answer.map_err(|error| anyhow::anyhow!("account {index}: {}", error.log))?;
        let info = QueryAccountInfoResponse::decode(answer.value)?.info.context("an account")?;
        Ok(info.account_number)
    };
    let first_number = number(0)?;
    ensure!(number(count - 1)? == first_number + count - 1, "accounts are numbered in the order of their first coins");
    Ok(Filled { chain, backend, blocks, first_number })
}

fn genesis(faucet: &str, coins: u128) -> Genesis {
    let state = json!({
        "auth": {
            "params": {
                "max_memo_characters": "256", "tx_sig_limit": "7", "tx_size_cost_per_byte": "10",
                "sig_verify_cost_ed25519": "590", "sig_verify_cost_secp256k1": "1000",
            },
            "accounts": [{
                "@type": "/cosmos.auth.v1beta1.BaseAccount", "address": faucet, "pub_key": null,
                "account_number": "0", "sequence": "0",
            }],
        },
        "bank": {
            "params": {"default_send_enabled": true},
            "balances": [{"address": faucet, "coins": [{"denom": "stake", "amount": coins.to_string()}]}],
        },
        "plume": {"params": {
            "bech32_prefix": PREFIX, "base_denom": "stake", "fee_denoms": [],
            "policies": {"allow_ed25519_accounts": true},
        }},
    });
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        time: Timestamp::UNIX_EPOCH,
        initial_height: Height(1),
        consensus_params: ConsensusParams {
            block: Some(BlockParams { max_bytes: 100 << 20, max_gas: -1 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 1,
                max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 1, nanos: 0 }),
                max_bytes: 0,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".into()] }),
            version: None,
            abci: None,
        },
        validators: Vec::new(),
        app_state: Bytes::from(state.to_string()),
    }
}
