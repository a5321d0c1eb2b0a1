//! Chains of real CometBFT v0.38.25 nodes (`tests/vectors/record.py`), made again by our code.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plume_block::{ChainState, FullBlock, Validator, ValidatorSet, merkle, no_commit, raw, verify_commit};
use plume_engine::{BlockOutcome, Genesis, InitOutcome, TxResult, ValidatorKey, ValidatorUpdate, VoteFlag};
use plume_primitives::{Gas, Height};
use serde_json::Value;
use tendermint_proto::google::protobuf::Duration;

fn recording(name: &str) -> Value {
    let text = include_str!("../data/chains.json");
    serde_json::from_str::<Value>(text).expect("JSON")[name].take()
}

fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

fn key(value: &Value) -> ValidatorKey {
    let bytes = STANDARD.decode(value.as_str().expect("a key")).expect("base64");
    ValidatorKey::Ed25519(bytes.try_into().expect("32 bytes"))
}

fn genesis(value: &Value) -> Genesis {
    let params = &value["consensus_params"];
    Genesis {
        chain_id: value["chain_id"].as_str().expect("text").to_owned(),
        time: value["genesis_time"].as_str().expect("text").parse().expect("a time"),
        initial_height: Height(number(&value["initial_height"]).unsigned_abs()),
        consensus_params: raw::ConsensusParams {
            block: Some(raw::BlockParams {
                max_bytes: number(&params["block"]["max_bytes"]),
                max_gas: number(&params["block"]["max_gas"]),
            }),
            evidence: Some(raw::EvidenceParams {
                max_age_num_blocks: number(&params["evidence"]["max_age_num_blocks"]),
                max_age_duration: Some(Duration {
                    seconds: number(&params["evidence"]["max_age_duration"]) / 1_000_000_000,
                    nanos: 0,
                }),
                max_bytes: number(&params["evidence"]["max_bytes"]),
            }),
            validator: Some(raw::ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
            version: Some(raw::VersionParams { app: 0 }),
            abci: Some(raw::AbciParams { vote_extensions_enable_height: 0 }),
        },
        validators: value["validators"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|v| ValidatorUpdate { key: key(&v["pub_key"]["value"]), power: number(&v["power"]) })
            .collect(),
        app_state: Bytes::new(),
    }
}

/// Text, or `[text, letter, count]` for a long run.
fn tx(value: &Value) -> Bytes {
    match value.as_array() {
        None => Bytes::from(value.as_str().expect("text").to_owned()),
        Some(parts) => {
            let run = parts[1].as_str().expect("text").repeat(usize::try_from(number(&parts[2])).expect("a count"));
            Bytes::from(format!("{}{run}", parts[0].as_str().expect("text")))
        }
    }
}

fn outcome(block: &Value) -> BlockOutcome {
    let decode = |value: &Value| Bytes::from(STANDARD.decode(value.as_str().unwrap_or("")).expect("base64"));
    let gas = |value: &Value| Gas(number(value).unsigned_abs());
    BlockOutcome {
        app_hash: decode(&block["app_hash"]),
        tx_results: block["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|r| TxResult {
                code: u32::try_from(number(&r["code"])).expect("a code"),
                data: decode(&r["data"]),
                gas_wanted: gas(&r["gas_wanted"]),
                gas_used: gas(&r["gas_used"]),
                ..TxResult::default()
            })
            .collect(),
        validator_updates: block["updates"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|u| ValidatorUpdate { key: key(&u["pub_key"]["Sum"]["value"]["ed25519"]), power: number(&u["power"]) })
            .collect(),
        ..BlockOutcome::default()
    }
}

fn assert_validators(set: &ValidatorSet, recorded: &Value, height: Height) {
    let recorded: Vec<_> = recorded
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| {
            let mut validator = Validator::new(key(&v[0]), number(&v[1]));
            validator.priority = number(&v[2]);
            validator
        })
        .collect();
    assert_eq!(set.validators(), recorded, "validators of height {height}");
}

/// What `/validators` answers: CometBFT stores a set where it changed, and rotates it from there in one go. Priorities
/// may then differ from those it really used, because they are scaled once instead of at each height.
fn answered(changes: &BTreeMap<Height, ValidatorSet>, height: Height) -> ValidatorSet {
    let (changed, stored) = changes.range(..=height).next_back().expect("the first set is there");
    let mut set = stored.clone();
    set.increment_proposer_priority(u32::try_from(height.get() - changed.get()).expect("few"));
    set
}

/// Makes each block again and compares everything; the last state is returned.
fn replay(recording: &Value) -> ChainState {
    let genesis = genesis(&recording["genesis"]);
    let blocks = recording["blocks"].as_array().expect("a list");
    let headers: Vec<raw::Header> =
        blocks.iter().map(|b| serde_json::from_value(b["header"].clone()).expect("a header")).collect();
    let init = InitOutcome {
        app_hash: Bytes::from(headers[0].app_hash.clone()),
        validators: Vec::new(),
        consensus_params: None,
    };
    let app_version = number(&recording["app_version"]).unsigned_abs();
    let mut state = ChainState::genesis(&genesis, &init, app_version).expect("a genesis");
    let mut changes = BTreeMap::from([(state.initial_height, state.validators.clone())]);
    let mut last_commit = no_commit();
    for (recorded, header) in blocks.iter().zip(&headers) {
        let height = state.next_height().expect("far from the end");
        assert_validators(&answered(&changes, height), &recorded["validators"], height);
        let txs: Vec<Bytes> = recorded["txs"].as_array().expect("a list").iter().map(tx).collect();
        let proposer = header.proposer_address.as_slice().try_into().expect("20 bytes");
        let block = state.make_block(txs.clone(), &last_commit, &proposer).expect("a block");
        assert_eq!(block.header(), header, "header of height {height}");
        let id: raw::BlockId = serde_json::from_value(recorded["block_id"].clone()).expect("a block id");
        assert_eq!(block.id().to_raw(), id, "id of height {height}");
        assert_eq!(state.validate(&block), Ok(()), "height {height}");

        let read = FullBlock::decode(block.bytes().clone()).expect("our own bytes");
        assert_eq!((read.id(), read.txs(), read.last_commit()), (block.id(), txs.as_slice(), &last_commit));

        let commit: raw::Commit = serde_json::from_value(recorded["commit"].clone()).expect("a commit");
        let verified = verify_commit(&state.chain_id, &state.validators, &block.id(), height, &commit);
        assert_eq!(verified, Ok(()), "commit of height {height}");
        let mut in_round = state.validators.clone();
        in_round.increment_proposer_priority(commit.round.unsigned_abs());
        assert_eq!(in_round.proposer().map(|v| *v.address()), Some(proposer), "proposer of height {height}");

        let decided = state.decided(&block).expect("votes of the last validators");
        assert_eq!((decided.txs, decided.hash), (txs, Bytes::from(id.hash)));
        let signers = decided.last_commit.votes.iter().filter(|vote| vote.flag == VoteFlag::Commit).count();
        assert_eq!(signers, last_commit.signatures.iter().filter(|s| s.block_id_flag == 2).count());

        state = state.next(&block, &outcome(recorded)).expect("a valid outcome");
        if state.last_height_validators_changed.get() == height.get() + 2 {
            changes.insert(state.last_height_validators_changed, state.next_validators.clone());
        }
        last_commit = commit;
    }
    let next = state.next_height().expect("far from the end");
    assert_validators(&answered(&changes, next), &recording["after"], next);
    state
}

#[test]
fn four_nodes_with_changing_validators_are_reproduced_to_the_byte() {
    let recording = recording("four_nodes");
    let blocks = recording["blocks"].as_array().expect("a list");
    assert!(blocks.len() >= 50);
    let parts = |b: &Value| number(&b["block_id"]["parts"]["total"]);
    assert!(blocks.iter().any(|b| parts(b) == 3), "a block of several parts is among them");
    assert!(blocks.iter().any(|b| number(&b["commit"]["round"]) > 0), "a later round is among them");

    let state = replay(&recording);
    let stored = hex::decode(recording["state"].as_str().expect("hex")).expect("hex");
    assert_eq!(hex::encode(state.encode()), hex::encode(&stored), "what the node had stored in the end");
    assert_eq!(ChainState::decode(&stored), Ok(state));
}

#[test]
fn a_chain_that_starts_at_height_100_is_reproduced() {
    let recording = recording("late_start");
    let state = replay(&recording);
    assert_eq!(state.last_block_height, Height(104));
    // The node went on a little before it stopped.
    let stored = hex::decode(recording["state"].as_str().expect("hex")).expect("hex");
    let read = ChainState::decode(&stored).expect("a stored state");
    assert_eq!(read.encode(), stored);
    assert_eq!((read.validators.hash(), read.initial_height), (state.validators.hash(), Height(100)));
}

#[test]
fn the_first_block_is_written_with_its_empty_parts() {
    let recording = recording("late_start");
    let header: raw::Header = serde_json::from_value(recording["blocks"][0]["header"].clone()).expect("a header");
    let block = FullBlock::build(header.clone(), Vec::new(), no_commit()).expect("a block");
    let bytes = block.bytes();
    // No data, no evidence, a commit that holds an empty block id with an empty part set header.
    assert_eq!(bytes[bytes.len() - 10..], [0x12, 0, 0x1a, 0, 0x22, 4, 0x1a, 2, 0x12, 0]);
    assert!(bytes.windows(4).any(|w| w == [0x2a, 2, 0x12, 0]), "last_block_id of the header");
    assert_eq!(header.last_commit_hash, merkle::EMPTY);
}
