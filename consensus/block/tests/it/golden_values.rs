//! Single values computed by CometBFT's own code (`tests/vectors/vectors.go hashes`).

use bytes::Bytes;
use plume_block::{
    BlockId, FullBlock, PartSetHeader, ValidatorSet, commit_hash, header_hash, median_time, params, raw,
    vote_sign_bytes,
};
use plume_engine::ValidatorUpdate;
use plume_primitives::Timestamp;
use prost::Message;
use serde_json::Value;
use tendermint_proto::google::protobuf::Timestamp as RawTimestamp;

use crate::golden_sets::key;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../data/hashes.json")).expect("JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex")).expect("hex")
}

fn integer(value: &Value) -> i64 {
    value.as_i64().expect("an integer")
}

const ID: BlockId = BlockId { hash: [1; 32], parts: PartSetHeader { total: 3, hash: [2; 32] } };

#[test]
fn sign_bytes() {
    for vector in vectors()["votes"].as_array().expect("a list") {
        let v: Vec<i64> = vector[0].as_array().expect("a list").iter().map(integer).collect();
        let time = Timestamp::new(v[0], u32::try_from(v[1]).expect("nanoseconds")).expect("a time");
        let id = if v[4] == 1 { ID } else { BlockId::ZERO };
        let got = vote_sign_bytes("chain-1", v[2], i32::try_from(v[3]).expect("a round"), &id, time);
        assert_eq!(hex::encode(got), vector[1].as_str().expect("hex"));
    }
}

#[test]
fn commit_with_all_flags() {
    let vectors = vectors();
    let encoded = bytes(&vectors["commit"]);
    let commit = raw::Commit::decode(encoded.as_slice()).expect("a commit");
    assert_eq!(commit.signatures.iter().map(|s| s.block_id_flag).collect::<Vec<_>>(), [2, 1, 3]);
    assert_eq!(commit_hash(&commit).to_vec(), bytes(&vectors["commit_hash"]));
    assert_eq!(plume_block::require_well_formed(&commit), Ok(()));
    // Entries without the time that Go always writes hash the same.
    let mut lazy = commit;
    lazy.signatures[1].timestamp = None;
    assert_eq!(commit_hash(&lazy).to_vec(), bytes(&vectors["commit_hash"]));
}

#[test]
fn medians() {
    let vectors = vectors();
    let vectors = vectors["medians"].as_array().expect("a list");
    assert_eq!(vectors.len(), 40);
    for vector in vectors {
        let powers = vector[0].as_array().expect("a list");
        let updates: Vec<_> =
            (0..).zip(powers).map(|(n, power)| ValidatorUpdate { key: key(n), power: integer(power) }).collect();
        let set = ValidatorSet::new(&updates).expect("a set");
        let entries = vector[1].as_array().expect("a list");
        let signatures = entries.iter().zip(set.validators()).map(|(entry, validator)| {
            if integer(&entry[0]) < 0 {
                let timestamp = Some(RawTimestamp { seconds: Timestamp::GO_ZERO.seconds(), nanos: 0 });
                return raw::CommitSig { block_id_flag: 1, timestamp, ..raw::CommitSig::default() };
            }
            assert_eq!(integer(&entry[0]), validator.power);
            raw::CommitSig {
                block_id_flag: 2,
                validator_address: validator.address().to_vec(),
                timestamp: Some(RawTimestamp { seconds: integer(&entry[1]), nanos: 0 }),
                signature: vec![1],
            }
        });
        let commit = raw::Commit { signatures: signatures.collect(), ..raw::Commit::default() };
        let median = median_time(&commit, &set).expect("known validators");
        assert_eq!(median.seconds(), integer(&vector[2]), "{vector}");
    }
}

#[test]
fn headers() {
    let vectors = vectors();
    for name in ["header_full", "header_bare"] {
        let header = raw::Header::decode(bytes(&vectors[name][0]).as_slice()).expect("a header");
        assert_eq!(header_hash(&header).to_vec(), bytes(&vectors[name][1]), "{name}");
    }
    // What Go writes although it is empty may be missing in our message.
    let mut bare = raw::Header::decode(bytes(&vectors["header_bare"][0]).as_slice()).expect("a header");
    (bare.version, bare.last_block_id) = (None, None);
    assert_eq!(header_hash(&bare).to_vec(), bytes(&vectors["header_bare"][1]));
}

#[test]
fn consensus_params() {
    for vector in vectors()["params"].as_array().expect("a list") {
        let mut params = params::defaults();
        params.block = Some(raw::BlockParams { max_bytes: integer(&vector[0][0]), max_gas: integer(&vector[0][1]) });
        assert_eq!(hex::encode(params::hash(&params)), vector[1].as_str().expect("hex"));
    }
}

#[test]
fn block_with_evidence_and_an_empty_transaction() {
    let vectors = vectors();
    let vector = &vectors["block"];
    let encoded = Bytes::from(bytes(&vector[0]));
    let block = FullBlock::decode(encoded.clone()).expect("a block of CometBFT");
    assert_eq!(block.hash().to_vec(), bytes(&vector[1]));
    assert_eq!(i64::from(block.id().parts.total), integer(&vector[2]));
    assert_eq!(block.id().parts.hash.to_vec(), bytes(&vector[3]));
    assert_eq!(block.txs(), [Bytes::new(), Bytes::from_static(b"tx")]);
    assert_eq!(block.evidence().evidence.len(), 1);
    assert_eq!(block.to_raw().encode_to_vec(), encoded, "the message has the same bytes");
}
