//! The chain that the targets act on.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, ChainReader};
use plume_crypto::PublicKey;
use plume_engine::{Block, ConsensusParams, Executor, Genesis, ValidatorKey, ValidatorUpdate};
use plume_primitives::{Address, Bech32Prefix, Height, Timestamp};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams, VersionParams};
use plume_state::MemoryBackend;
use plume_testkit::{Blocks, Signer};
use serde_json::{Value, json};

pub const CHAIN_ID: &str = "plume-fuzz-1";
pub const DENOM: &str = "uplume";
/// Accounts with numbers from 0; the last one has no funds.
pub const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// The account behind them.
pub const MULTISIG_NUMBER: u64 = 5;
/// Commits after which a world is made anew.
const MAX_COMMITS: u32 = 2_000;

/// A chain with a committed block.
pub struct World {
    pub chain: Chain,
    pub reader: ChainReader,
    pub blocks: Blocks,
    commits: u32,
}

pub fn coin(amount: u128) -> Coin {
    Coin { denom: DENOM.to_owned(), amount: amount.to_string() }
}

pub fn text(address: &Address) -> String {
    Bech32Prefix::new("plume").expect("a prefix").account(address)
}

/// The address of an account of [`NAMES`].
pub fn address(at: usize) -> String {
    text(&Signer::named(NAMES[at]).address())
}

/// Two of the first three accounts.
pub fn multisig() -> PublicKey {
    PublicKey::multisig(2, NAMES[..3].iter().map(|name| Signer::named(name).public_key()).collect()).expect("2 of 3")
}

fn app_state() -> Value {
    let named = NAMES.iter().map(|name| Signer::named(name).address());
    let addresses: Vec<String> = named.chain([multisig().address()]).map(|address| text(&address)).collect();
    let accounts = addresses.iter().enumerate().map(|(number, address)| {
        json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": address, "pub_key": null, "account_number": number.to_string(), "sequence": "0",
        })
    });
    let funded = addresses.iter().enumerate().filter(|(at, _)| *at != NAMES.len() - 1);
    let balances = funded.map(|(_, address)| {
        json!({"address": address, "coins": [
            {"denom": "other", "amount": u128::MAX.to_string()[..38]},
            {"denom": DENOM, "amount": "1000000000"},
        ]})
    });
    json!({
        "auth": {
            "params": {
                "max_memo_characters": "256", "tx_sig_limit": "7", "tx_size_cost_per_byte": "10",
                "sig_verify_cost_ed25519": "590", "sig_verify_cost_secp256k1": "1000",
            },
            "accounts": accounts.collect::<Vec<_>>(),
        },
        "bank": {
            "params": {"send_enabled": [], "default_send_enabled": true},
            "balances": balances.collect::<Vec<_>>(), "supply": [], "denom_metadata": [], "send_enabled": [],
        },
        "plume": {"params": {"bech32_prefix": "plume", "base_denom": DENOM, "fee_denoms": [], "policies": {}}},
    })
}

pub fn genesis() -> Genesis {
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        time: Timestamp::new(1_700_000_000, 0).expect("in range"),
        initial_height: Height(1),
        consensus_params: ConsensusParams {
            block: Some(BlockParams { max_bytes: 4 << 20, max_gas: 50_000_000 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 100_000,
                max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 172_800, nanos: 0 }),
                max_bytes: 1 << 20,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
            version: Some(VersionParams { app: 0 }),
            abci: None,
        },
        validators: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([7; 32]), power: 10 }],
        app_state: Bytes::from(app_state().to_string()),
    }
}

/// A chain that has seen nothing yet.
pub fn unborn() -> Chain {
    let mut config = ChainConfig::default();
    config.state.max_versions = 10;
    config.state.min_versions = 1;
    Chain::open(config, Arc::new(MemoryBackend::new())).expect("an empty chain opens")
}

impl World {
    pub fn new() -> Self {
        let genesis = genesis();
        let mut chain = unborn();
        chain.init_chain(genesis.clone()).expect("the genesis is good");
        let reader = chain.reader();
        let mut world = Self { chain, reader, blocks: Blocks::from(genesis.initial_height, genesis.time), commits: 0 };
        world.commit_empty();
        world
    }

    /// Commits an empty block: pending sequences are forgotten.
    pub fn commit_empty(&mut self) {
        let block: Block = self.blocks.next(vec![]);
        self.chain.finalize(&block).expect("an empty block");
        self.chain.commit().expect("an empty block");
        self.commits += 1;
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Lends this thread's world to `work`. One that a panic has interrupted is not used again.
pub fn with_world<T>(work: impl FnOnce(&mut World) -> T) -> T {
    let kept = WORLD.with_borrow_mut(Option::take).filter(|world| world.commits < MAX_COMMITS);
    let mut world = kept.unwrap_or_else(World::new);
    let result = work(&mut world);
    WORLD.with_borrow_mut(|slot| *slot = Some(world));
    result
}
