//! The chain that both nodes run: one validator, four funded accounts, a change of the validator's power by schedule.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, plume_modules};
use plume_engine::ValidatorKey;
use plume_home::genesis::{GenesisDoc, GenesisValidator};
use plume_home::keys::KeyPair;
use plume_primitives::{Bech32Prefix, Height, Timestamp};
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams, VersionParams};
use plume_state::MemoryBackend;
use plume_testkit::{ScheduledValidators, Signer, TxDraft};
use serde_json::{Value, json};

/// Chain id.
pub const CHAIN_ID: &str = "conformance-1";
/// Base denomination.
pub const DENOM: &str = "uplume";
/// Accounts, numbered from 0 in this order.
pub const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// What each account holds at genesis.
pub const FUNDS: u128 = 1_000_000;
/// At this height the validator's power becomes [`NEW_POWER`].
pub const POWER_CHANGES: u64 = 5;
/// Power of the validator from [`POWER_CHANGES`] + 2 on; 10 before.
pub const NEW_POWER: i64 = 25;

/// How long an engine waits after a block: transactions sent within this time come into the next block together.
pub const BLOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(2500);

/// The validator's key, the same for both nodes.
pub fn validator() -> KeyPair {
    KeyPair::from_seed([1; 32])
}

/// The nodes' own key, the same for both.
pub fn node() -> KeyPair {
    KeyPair::from_seed([2; 32])
}

/// An empty chain.
///
/// # Panics
/// Never with these modules.
pub fn open() -> Chain {
    let ValidatorKey::Ed25519(key) = validator().public() else { panic!("the validator has an ed25519 key") };
    let schedule = ScheduledValidators::new().at(POWER_CHANGES, key, NEW_POWER);
    let catalogue = plume_modules().with(schedule);
    Chain::open_with(ChainConfig::default(), Arc::new(MemoryBackend::new()), catalogue).expect("an empty chain")
}

/// The genesis document of both nodes.
///
/// # Panics
/// Never: the time is valid.
pub fn genesis() -> GenesisDoc {
    GenesisDoc {
        time: Timestamp::new(1_700_000_000, 123_456_000).expect("a time"),
        chain_id: CHAIN_ID.to_owned(),
        initial_height: Height(1),
        consensus_params: plume_engine::ConsensusParams {
            block: Some(BlockParams { max_bytes: 4 << 20, max_gas: 100_000_000 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: 100_000,
                max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 172_800, nanos: 0 }),
                max_bytes: 1 << 20,
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
            version: Some(VersionParams { app: 0 }),
            abci: None,
        },
        validators: vec![GenesisValidator { key: validator().public(), power: 10, name: "first <node>".to_owned() }],
        app_hash: Bytes::new(),
        app_state: app_state(),
    }
}

fn prefix() -> Bech32Prefix {
    Bech32Prefix::new("plume").expect("a prefix")
}

/// Address of an account.
pub fn address(name: &str) -> String {
    Signer::named(name).bech32(&prefix())
}

fn app_state() -> Value {
    let accounts = NAMES.iter().enumerate().map(|(number, name)| {
        json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount",
            "address": address(name), "pub_key": null, "account_number": number.to_string(), "sequence": "0",
        })
    });
    let balances = NAMES
        .iter()
        .map(|name| json!({"address": address(name), "coins": [{"denom": DENOM, "amount": FUNDS.to_string()}]}));
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

/// A payment signed by `from` with its `sequence`. An amount above [`FUNDS`] passes the check and fails in a block.
///
/// # Panics
/// When `from` is no account.
pub fn send(from: &str, sequence: u64, to: &str, amount: u128, memo: &str) -> Bytes {
    let number = NAMES.iter().position(|name| *name == from).expect("an account") as u64;
    let message = MsgSend {
        from_address: address(from),
        to_address: address(to),
        amount: vec![Coin { denom: DENOM.to_owned(), amount: amount.to_string() }],
    };
    TxDraft::new(CHAIN_ID, &message).memo(memo).fee(7, DENOM).sign(&[(&Signer::named(from), number, sequence)])
}
