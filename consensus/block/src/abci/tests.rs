use plume_engine::{
    Attribute, Block, BlockOutcome, CheckKind, CheckOutcome, CommitInfo, Committed, Event, Genesis, Info, Misbehaviour,
    MisbehaviourKind, Proposal, QueryAnswer, QueryError, TxResult, Validator, ValidatorKey, ValidatorUpdate, VoteFlag,
    VoteInfo,
};
use plume_primitives::Gas;
use tendermint_proto::v0_38::abci;
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps, PublicKey, public_key};
use tendermint_proto::v0_38::types::BlockIdFlag;

use crate::key_to_raw;

use super::*;

fn raw_validator() -> abci::Validator {
    abci::Validator { address: Bytes::from_static(&[7; 20]), power: 12 }
}

fn raw_vote(flag: BlockIdFlag) -> abci::VoteInfo {
    abci::VoteInfo { validator: Some(raw_validator()), block_id_flag: flag as i32 }
}

fn validator() -> Validator {
    Validator { address: Bytes::from_static(&[7; 20]), power: 12 }
}

fn raw_evidence() -> abci::Misbehavior {
    abci::Misbehavior {
        r#type: abci::MisbehaviorType::DuplicateVote as i32,
        validator: Some(raw_validator()),
        height: 3,
        time: Some(RawTimestamp { seconds: 30, nanos: 1 }),
        total_voting_power: 40,
    }
}

fn evidence() -> Misbehaviour {
    Misbehaviour {
        kind: MisbehaviourKind::DuplicateVote,
        validator: validator(),
        height: Height(3),
        time: at(30, 1),
        total_power: 40,
    }
}

fn at(seconds: i64, nanos: u32) -> Timestamp {
    Timestamp::new(seconds, nanos).expect("within range")
}

fn finalize_request() -> abci::RequestFinalizeBlock {
    abci::RequestFinalizeBlock {
        txs: vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")],
        decided_last_commit: Some(abci::CommitInfo {
            round: 2,
            votes: vec![raw_vote(BlockIdFlag::Absent), raw_vote(BlockIdFlag::Commit), raw_vote(BlockIdFlag::Nil)],
        }),
        misbehavior: vec![raw_evidence()],
        hash: Bytes::from_static(&[1; 32]),
        height: 9,
        time: Some(RawTimestamp { seconds: 1_700_000_000, nanos: 5 }),
        next_validators_hash: Bytes::from_static(&[2; 32]),
        proposer_address: Bytes::from_static(&[3; 20]),
    }
}

fn block() -> Block {
    let vote = |flag| VoteInfo { validator: validator(), flag };
    Block {
        hash: Bytes::from_static(&[1; 32]),
        height: Height(9),
        time: at(1_700_000_000, 5),
        txs: vec![Bytes::from_static(b"a"), Bytes::from_static(b"bc")],
        last_commit: CommitInfo {
            round: 2,
            votes: vec![vote(VoteFlag::Absent), vote(VoteFlag::Commit), vote(VoteFlag::Nil)],
        },
        misbehaviour: vec![evidence()],
        next_validators_hash: Bytes::from_static(&[2; 32]),
        proposer: Bytes::from_static(&[3; 20]),
    }
}

#[test]
fn decided_block_keeps_every_field() {
    assert_eq!(decided(finalize_request()), Ok(block()));
}

#[test]
fn proposal_and_decision_of_one_block_are_the_same_block() {
    let f = finalize_request();
    let proposal = proposed(abci::RequestProcessProposal {
        txs: f.txs,
        proposed_last_commit: f.decided_last_commit,
        misbehavior: f.misbehavior,
        hash: f.hash,
        height: f.height,
        time: f.time,
        next_validators_hash: f.next_validators_hash,
        proposer_address: f.proposer_address,
    })
    .expect("well formed");
    assert_eq!(proposal.max_tx_bytes, None);
    assert_eq!(Block::from(&proposal), block());
}

#[test]
fn prepare_has_the_room_and_the_local_commit_without_extensions() {
    let f = finalize_request();
    let vote = abci::ExtendedVoteInfo {
        validator: Some(raw_validator()),
        vote_extension: Bytes::new(),
        extension_signature: Bytes::new(),
        block_id_flag: BlockIdFlag::Commit as i32,
    };
    let request = abci::RequestPrepareProposal {
        max_tx_bytes: 1000,
        txs: f.txs,
        local_last_commit: Some(abci::ExtendedCommitInfo { round: 2, votes: vec![vote] }),
        misbehavior: f.misbehavior,
        height: f.height,
        time: f.time,
        next_validators_hash: f.next_validators_hash,
        proposer_address: f.proposer_address,
    };
    let b = block();
    let expected = Proposal {
        hash: Bytes::new(),
        height: b.height,
        time: b.time,
        txs: b.txs,
        max_tx_bytes: Some(1000),
        last_commit: CommitInfo { round: 2, votes: vec![VoteInfo { validator: validator(), flag: VoteFlag::Commit }] },
        misbehaviour: b.misbehaviour,
        next_validators_hash: b.next_validators_hash,
        proposer: b.proposer,
    };
    assert_eq!(prepared(request.clone()), Ok(expected));
    assert_eq!(
        prepared(abci::RequestPrepareProposal { max_tx_bytes: -1, ..request }).map(|p| p.max_tx_bytes),
        Ok(Some(0))
    );
}

#[test]
fn init_chain_carries_initial_height_params_and_validators() {
    let params = tendermint_proto::v0_38::types::ConsensusParams {
        block: Some(tendermint_proto::v0_38::types::BlockParams { max_bytes: 1, max_gas: 2 }),
        ..Default::default()
    };
    let key = |sum| Some(PublicKey { sum: Some(sum) });
    let request = abci::RequestInitChain {
        time: Some(RawTimestamp { seconds: 8, nanos: 9 }),
        chain_id: "plume-local-1".to_owned(),
        consensus_params: Some(params.clone()),
        validators: vec![
            abci::ValidatorUpdate { pub_key: key(public_key::Sum::Ed25519(vec![1; 32])), power: 10 },
            abci::ValidatorUpdate { pub_key: key(public_key::Sum::Secp256k1(vec![2; 33])), power: 20 },
        ],
        app_state_bytes: Bytes::from_static(b"{}"),
        initial_height: 100,
    };
    let expected = Genesis {
        chain_id: "plume-local-1".to_owned(),
        time: at(8, 9),
        initial_height: Height(100),
        consensus_params: params,
        validators: vec![
            ValidatorUpdate { key: ValidatorKey::Ed25519([1; 32]), power: 10 },
            ValidatorUpdate { key: ValidatorKey::Secp256k1([2; 33]), power: 20 },
        ],
        app_state: Bytes::from_static(b"{}"),
    };
    assert_eq!(genesis(request.clone()), Ok(expected.clone()));
    let back: Vec<_> = expected.validators.into_iter().map(raw_validator_update).collect();
    assert_eq!(back, request.validators);
    assert_eq!(
        genesis(abci::RequestInitChain { initial_height: 0, ..request }).map(|g| g.initial_height),
        Ok(Height(1))
    );
}

#[test]
fn malformed_parts_are_named() {
    let with = |change: fn(&mut abci::RequestFinalizeBlock)| {
        let mut request = finalize_request();
        change(&mut request);
        decided(request).map(|_| ())
    };
    assert_eq!(with(|r| r.height = 0), Err(Malformed::Height(0)));
    assert_eq!(with(|r| r.height = -4), Err(Malformed::Height(-4)));
    assert_eq!(
        with(|r| r.time = Some(RawTimestamp { seconds: 0, nanos: -1 })),
        Err(Malformed::Time { seconds: 0, nanos: -1 })
    );
    assert_eq!(
        with(|r| r.time = Some(RawTimestamp { seconds: i64::MAX, nanos: 0 })),
        Err(Malformed::Time { seconds: i64::MAX, nanos: 0 })
    );
    assert_eq!(with(|r| r.misbehavior[0].validator = None), Err(Malformed::Missing("validator of a misbehaviour")));
    assert_eq!(
        with(|r| r.decided_last_commit.as_mut().expect("set above").votes[0].block_id_flag = 0),
        Err(Malformed::VoteFlag(0))
    );
    assert_eq!(
        with(|r| r.decided_last_commit.as_mut().expect("set above").votes[0].block_id_flag = 9),
        Err(Malformed::VoteFlag(9))
    );
    assert_eq!(with(|r| r.time = None), Ok(()));
    let update = |sum: Option<public_key::Sum>| {
        validator_update(abci::ValidatorUpdate { pub_key: Some(PublicKey { sum }), power: 1 }).map(|_| ())
    };
    assert_eq!(update(None), Err(Malformed::Key(InvalidKey::Missing)));
    assert_eq!(
        update(Some(public_key::Sum::Ed25519(vec![0; 31]))),
        Err(Malformed::Key(InvalidKey::Length { kind: "ed25519", expected: 32, got: 31 }))
    );
    assert_eq!(
        update(Some(public_key::Sum::Secp256k1(vec![0; 32]))),
        Err(Malformed::Key(InvalidKey::Length { kind: "secp256k1", expected: 33, got: 32 }))
    );
}

#[test]
fn unknown_evidence_kinds_and_check_types_are_not_errors() {
    let mut request = finalize_request();
    request.misbehavior[0].r#type = 77;
    assert_eq!(decided(request).map(|b| b.misbehaviour[0].kind), Ok(MisbehaviourKind::Unknown));
    assert_eq!(check_kind(0), CheckKind::New);
    assert_eq!(check_kind(1), CheckKind::Recheck);
    assert_eq!(check_kind(2), CheckKind::New);
}

#[test]
fn outcome_keeps_every_field() {
    let event = Event {
        kind: "transfer".into(),
        attributes: vec![
            Attribute { key: "k".into(), value: "v".to_owned(), index: true },
            Attribute { key: "l".into(), value: "w".to_owned(), index: false },
        ],
    };
    let raw = abci::Event {
        r#type: "transfer".to_owned(),
        attributes: vec![
            abci::EventAttribute { key: "k".to_owned(), value: "v".to_owned(), index: true },
            abci::EventAttribute { key: "l".to_owned(), value: "w".to_owned(), index: false },
        ],
    };
    let given = BlockOutcome {
        app_hash: Bytes::from_static(&[5; 32]),
        tx_results: vec![TxResult {
            code: 5,
            codespace: "sdk".to_owned(),
            data: Bytes::from_static(b"d"),
            log: "no funds".to_owned(),
            gas_wanted: Gas(200_000),
            gas_used: Gas(u64::MAX),
            events: vec![event.clone()],
        }],
        events: vec![event],
        validator_updates: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([1; 32]), power: 0 }],
        consensus_params: Some(Default::default()),
    };
    let expected = abci::ResponseFinalizeBlock {
        events: vec![raw.clone()],
        tx_results: vec![abci::ExecTxResult {
            code: 5,
            data: Bytes::from_static(b"d"),
            log: "no funds".to_owned(),
            info: String::new(),
            gas_wanted: 200_000,
            gas_used: i64::MAX,
            events: vec![raw],
            codespace: "sdk".to_owned(),
        }],
        validator_updates: vec![abci::ValidatorUpdate {
            pub_key: Some(key_to_raw(&ValidatorKey::Ed25519([1; 32]))),
            power: 0,
        }],
        consensus_param_updates: Some(Default::default()),
        app_hash: Bytes::from_static(&[5; 32]),
    };
    assert_eq!(finalize_response(given.clone()), expected);
    let mut stored = given;
    stored.tx_results[0].gas_used = Gas(i64::MAX.unsigned_abs());
    assert_eq!(outcome(expected.clone()), Ok(stored), "only gas beyond 63 bits is not kept");
    let mut negative = expected;
    negative.tx_results[0].gas_wanted = -1;
    assert_eq!(outcome(negative), Err(Malformed::Gas(-1)));
}

#[test]
fn answers_of_the_reader_keep_every_field() {
    let info = Info {
        data: "plume".to_owned(),
        version: "1".to_owned(),
        app_version: 2,
        height: Height(3),
        app_hash: Bytes::from_static(&[4; 32]),
    };
    let raw = abci::ResponseInfo {
        data: "plume".to_owned(),
        version: "1".to_owned(),
        app_version: 2,
        last_block_height: 3,
        last_block_app_hash: Bytes::from_static(&[4; 32]),
    };
    assert_eq!(info_response(info), raw);

    let check = CheckOutcome {
        code: 13,
        codespace: "sdk".to_owned(),
        log: "fee".to_owned(),
        gas_wanted: Gas(7),
        gas_used: Gas(8),
    };
    let raw = abci::ResponseCheckTx {
        code: 13,
        codespace: "sdk".to_owned(),
        log: "fee".to_owned(),
        gas_wanted: 7,
        gas_used: 8,
        ..Default::default()
    };
    assert_eq!(check_response(check), raw);

    let proof = vec![plume_engine::ProofOp {
        kind: "ics23:jmt".to_owned(),
        key: Bytes::from_static(b"k"),
        data: Bytes::from_static(b"p"),
    }];
    let answer =
        QueryAnswer { height: Height(6), key: Bytes::from_static(b"k"), value: Bytes::from_static(b"v"), proof };
    let ops = vec![ProofOp { r#type: "ics23:jmt".to_owned(), key: b"k".to_vec(), data: b"p".to_vec() }];
    let raw = abci::ResponseQuery {
        key: Bytes::from_static(b"k"),
        value: Bytes::from_static(b"v"),
        proof_ops: Some(ProofOps { ops }),
        height: 6,
        ..Default::default()
    };
    assert_eq!(query_response(answer), raw);
    assert_eq!(query_response(QueryAnswer::default()).proof_ops, None);

    let refusal = QueryError {
        codespace: "sdk".to_owned(),
        code: 26,
        grpc_code: 3,
        message: "m".to_owned(),
        log: "l".to_owned(),
    };
    let raw = abci::ResponseQuery {
        code: 26,
        codespace: "sdk".to_owned(),
        log: "l".to_owned(),
        height: 11,
        ..Default::default()
    };
    assert_eq!(query_refusal(refusal, Height(11)), raw);
    assert_eq!(
        commit_response(&Committed { height: Height(5), retain_height: Height(2) }),
        abci::ResponseCommit { retain_height: 2 }
    );
}

#[test]
fn size_of_a_transaction_counts_its_tag_and_length() {
    for (length, size) in [(0, 2), (1, 3), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
        assert_eq!(proto_size_of_tx(&Bytes::from(vec![0; length])), size);
    }
}
