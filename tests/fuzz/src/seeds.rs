//! Inputs to begin with, and words worth knowing.

use plume_proto::cosmos::auth::v1beta1::{MsgUpdateParams as AuthUpdateParams, Params as AuthParams};
use plume_proto::cosmos::bank::v1beta1::{
    Input, MsgMultiSend, MsgSend, MsgSetSendEnabled, MsgUpdateParams as BankUpdateParams, Output, Params as BankParams,
    SendEnabled,
};
use plume_proto::cosmos::consensus::v1::MsgUpdateParams as ConsensusUpdateParams;
use plume_proto::tendermint::abci::{self, Request, request};
use plume_proto::{Any, Message, any};

use crate::{
    mutate::{Dictionary, join_frames},
    txs::{By, signed},
    world::{self, CHAIN_ID, DENOM, NAMES, address, coin, multisig, text},
};

fn send(from: &str, to: &str, amount: u128) -> Any {
    any(&MsgSend { from_address: from.to_owned(), to_address: to.to_owned(), amount: vec![coin(amount)] })
}

fn multi_send(from: &str, to: &[&str]) -> Any {
    any(&MsgMultiSend {
        inputs: vec![Input { address: from.to_owned(), coins: vec![coin(to.len() as u128)] }],
        outputs: to.iter().map(|to| Output { address: (*to).to_owned(), coins: vec![coin(1)] }).collect(),
    })
}

/// Messages that only the authority may send, sent by somebody else.
fn presumptuous(by: &str) -> Vec<Any> {
    let authority = by.to_owned();
    vec![
        any(&AuthUpdateParams { authority: authority.clone(), params: Some(AuthParams::default()) }),
        any(&BankUpdateParams { authority: authority.clone(), params: Some(BankParams::default()) }),
        any(&MsgSetSendEnabled {
            authority: authority.clone(),
            send_enabled: vec![SendEnabled { denom: DENOM.to_owned(), enabled: false }],
            use_default_for: vec!["other".to_owned()],
        }),
        any(&ConsensusUpdateParams { authority, ..ConsensusUpdateParams::default() }),
    ]
}

/// Signed transactions of every kind; most would succeed.
pub fn transactions() -> Vec<Vec<u8>> {
    let mut txs = vec![];
    for at in 0..NAMES.len() {
        let (from, to) = (address(at), address((at + 1) % NAMES.len()));
        for sequence in 0..3 {
            txs.push(signed(By::Key(at), sequence, sequence == 1, vec![send(&from, &to, 5)], |_, _| {}));
        }
        txs.push(signed(
            By::Key(at),
            0,
            false,
            vec![send(&from, &to, 1), multi_send(&from, &[&to, &to])],
            |body, _| {
                body.memo = "memo".to_owned();
                body.timeout_height = 1_000_000;
            },
        ));
        txs.push(signed(By::Key(at), 0, true, vec![multi_send(&from, &[&to, &from])], |_, fee| {
            fee.payer.clone_from(&from);
            fee.gas_limit = 90_000;
        }));
        txs.push(signed(By::Key(at), 0, false, presumptuous(&from), |_, fee| fee.amount.clear()));
        txs.push(signed(By::Key(at), 0, false, vec![send(&from, &to, u128::MAX)], |_, fee| fee.gas_limit = 60_000));
    }
    let shared = text(&multisig().address());
    for amino in [false, true] {
        txs.push(signed(By::Multisig, 0, amino, vec![send(&shared, &address(0), 7)], |_, _| {}));
    }
    txs
}

/// Blocks as `FinalizeBlock` and `ProcessProposal` carry them.
pub fn blocks() -> Vec<Vec<u8>> {
    let txs = transactions();
    let vote = abci::VoteInfo {
        validator: Some(abci::Validator { address: vec![7; 20].into(), power: 10 }),
        block_id_flag: 2,
    };
    let block = |txs: &[Vec<u8>]| abci::RequestFinalizeBlock {
        txs: txs.iter().map(|tx| tx.clone().into()).collect(),
        decided_last_commit: Some(abci::CommitInfo { round: 0, votes: vec![vote.clone()] }),
        ..Default::default()
    };
    let mut blocks = vec![block(&[]), block(&txs[..1]), block(&txs[..3]), block(&txs)];
    let mut odd = block(&txs[3..5]);
    odd.misbehavior = vec![abci::Misbehavior {
        r#type: 1,
        validator: Some(abci::Validator { address: vec![7; 20].into(), power: 10 }),
        height: 1,
        time: Some(plume_proto::google::protobuf::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
        total_voting_power: 10,
    }];
    blocks.push(odd);
    blocks.iter().map(Message::encode_to_vec).collect()
}

/// Streams of ABCI requests.
pub fn frames() -> Vec<Vec<u8>> {
    use request::Value;
    let frame = |value: Value| Request { value: Some(value) }.encode_to_vec();
    let txs = transactions();
    let time = |seconds| Some(plume_proto::google::protobuf::Timestamp { seconds, nanos: 0 });
    let genesis = world::genesis();
    let init = frame(Value::InitChain(abci::RequestInitChain {
        time: time(1_700_000_000),
        chain_id: CHAIN_ID.to_owned(),
        consensus_params: Some(genesis.consensus_params),
        validators: vec![abci::ValidatorUpdate {
            pub_key: Some(plume_proto::tendermint::crypto::PublicKey {
                sum: Some(plume_proto::tendermint::crypto::public_key::Sum::Ed25519(vec![7; 32])),
            }),
            power: 10,
        }],
        app_state_bytes: genesis.app_state,
        initial_height: 1,
    }));
    let block = |height: i64, txs: &[Vec<u8>]| {
        frame(Value::FinalizeBlock(abci::RequestFinalizeBlock {
            txs: txs.iter().map(|tx| tx.clone().into()).collect(),
            height,
            time: time(1_700_000_000 + height),
            hash: vec![height as u8; 32].into(), // small
            ..Default::default()
        }))
    };
    let proposal = frame(Value::ProcessProposal(abci::RequestProcessProposal {
        txs: vec![txs[0].clone().into()],
        height: 1,
        time: time(1_700_000_001),
        hash: vec![1; 32].into(),
        ..Default::default()
    }));
    let prepare = frame(Value::PrepareProposal(abci::RequestPrepareProposal {
        max_tx_bytes: 10_000,
        txs: txs.iter().map(|tx| tx.clone().into()).collect(),
        height: 1,
        time: time(1_700_000_001),
        ..Default::default()
    }));
    let check = frame(Value::CheckTx(abci::RequestCheckTx { tx: txs[0].clone().into(), r#type: 0 }));
    let query = |path: &str| {
        frame(Value::Query(abci::RequestQuery { path: path.to_owned(), data: vec![2].into(), height: 0, prove: true }))
    };
    let (flush, info, commit) = (
        frame(Value::Flush(abci::RequestFlush {})),
        frame(Value::Info(abci::RequestInfo::default())),
        frame(Value::Commit(abci::RequestCommit {})),
    );
    let streams = [
        vec![frame(Value::Echo(abci::RequestEcho { message: "hello".to_owned() })), flush.clone(), info.clone()],
        vec![info.clone(), init.clone(), prepare, proposal, block(1, &txs[..2]), commit.clone(), flush.clone()],
        vec![
            init.clone(),
            block(1, &[]),
            commit.clone(),
            block(2, &txs),
            commit,
            check.clone(),
            query("/store/bank/key"),
        ],
        vec![
            check,
            query("/cosmos.bank.v1beta1.Query/AllBalances"),
            query("/app/version"),
            query("/cosmos.tx.v1beta1.Service/Simulate"),
            flush,
        ],
        vec![
            frame(Value::ListSnapshots(abci::RequestListSnapshots {})),
            frame(Value::OfferSnapshot(abci::RequestOfferSnapshot::default())),
            frame(Value::LoadSnapshotChunk(abci::RequestLoadSnapshotChunk::default())),
            frame(Value::ApplySnapshotChunk(abci::RequestApplySnapshotChunk::default())),
            frame(Value::ExtendVote(abci::RequestExtendVote::default())),
            frame(Value::VerifyVoteExtension(abci::RequestVerifyVoteExtension::default())),
            info,
        ],
    ];
    streams.iter().map(|stream| join_frames(stream)).collect()
}

/// Words of the transactions: amounts at limits, denominations, addresses, type URLs.
pub fn dictionary() -> Dictionary {
    let mut words: Vec<String> = [
        "",
        "0",
        "-0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e3",
        " 1",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456",
        "18446744073709551616",
        "99999999999999999999999999999999999999999999",
        DENOM,
        "other",
        "u",
        "ibc/ABC",
        "9bad",
        "a\u{0}b",
        "\u{e9}\u{301}",
        "plume1",
        "cosmos1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqnrql8a",
        "/",
        "//",
        "/cosmos.tx.v1beta1.Tx",
        "/google.protobuf.Any",
        CHAIN_ID,
    ]
    .map(str::to_owned)
    .to_vec();
    words.extend((0..NAMES.len()).map(address));
    words.push(address(0).to_uppercase());
    words.push(text(&multisig().address()));
    words.push(text(&plume_primitives::module_address("gov")));
    words.push(text(&plume_primitives::module_address("fee_collector")));
    words.push("x".repeat(300));
    let messages = plume_codec::pool().all_messages().map(|message| format!("/{}", message.full_name()));
    words.extend(messages.filter(|name| name.contains("Msg") || name.contains("PubKey")));
    let mut words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
    words.extend([vec![0xFF; 8], vec![0x80; 10], vec![0xFF, 0xFE, 0x80], vec![0; 33], vec![2; 33], vec![0x0A; 600]]);
    Dictionary(words)
}
