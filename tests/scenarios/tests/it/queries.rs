//! Queries: heights, errors, proofs, transactions by hash, and blocks executed again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use ics23::{CommitmentProof, HostFunctionsManager};
use plume_chain::{ChainConfig, plume_modules};
use plume_engine::{
    BlockRecord, BroadcastMode, BroadcastOutcome, Engine, EngineError, FoundTxs, IncludedTx, NodeInfo, Reader,
    SearchOrder, Status, TxResult, ValidatorsAt,
};
use plume_gateway::{Descriptors, NodeSettings, Services};
use plume_kit::{Observation, Observer};
use plume_primitives::{Height, Timestamp};
use plume_proto::Message;
use plume_proto::cosmos::bank::v1beta1::QueryDenomOwnersRequest;
use plume_proto::cosmos::tx::v1beta1::{GetTxRequest, GetTxResponse};
use plume_state::{Backend, MemoryBackend, StateOptions};
use sha2::{Digest, Sha256};

use crate::support::*;

fn pay(net: &mut Net, amount: u128) -> TxResult {
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), amount)).sign();
    net.run(tx)
}

#[test]
fn past_heights_answer_past_balances() {
    let mut net = Net::new();
    for amount in [1, 2, 3] {
        assert_eq!(pay(&mut net, amount).code, 0);
    }
    let bob = addr("bob");
    let at = |height| net.balance_at(&bob, Some(Height(height))) - FUNDS;
    assert_eq!([at(1), at(2), at(3), at(0)], [1, 3, 6, 6]);
    for (asked, answered) in [(None, 3), (Some(Height(0)), 3), (Some(Height(1)), 1)] {
        let answer = net.reader.query("/cosmos.bank.v1beta1.Query/Params", &[], asked, false).unwrap();
        assert_eq!(answer.height, Height(answered));
    }
}

#[test]
fn future_and_pruned_heights_are_invalid() {
    let backend = Arc::new(MemoryBackend::new());
    let state = StateOptions { min_versions: 1, max_versions: 2, ..StateOptions::default() };
    let config = ChainConfig { state, ..ChainConfig::default() };
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::on(config, plume_modules(), backend.clone(), &document);
    for _ in 0..6 {
        net.block(Vec::new());
    }
    backend.prune(4).unwrap();
    let refused = |path: &str, height| {
        let e = net.reader.query(path, &[1], Some(Height(height)), false).unwrap_err();
        (e.codespace, e.code, e.log)
    };
    for path in ["/cosmos.bank.v1beta1.Query/Params", "/store/bank/key"] {
        let (codespace, code, log) = refused(path, 7);
        assert_eq!((codespace.as_str(), code), ("sdk", 26));
        assert_eq!(log, "cannot query with height in the future; please provide a valid height: invalid height");
        let (codespace, code, log) = refused(path, 2);
        assert_eq!((codespace.as_str(), code), ("sdk", 26), "{log}");
        assert!(
            log.starts_with("failed to load state at height 2; ")
                && log.ends_with("(latest height: 6): invalid height"),
            "{log}"
        );
    }
    net.reader.query("/cosmos.bank.v1beta1.Query/Params", &[], Some(Height(4)), false).unwrap();
}

#[test]
fn errors_take_the_forms_that_clients_match() {
    let mut net = Net::new();
    net.block(Vec::new());
    let stranger = addr("stranger");
    let request = plume_proto::cosmos::auth::v1beta1::QueryAccountRequest { address: stranger.clone() };
    let e = net.reader.query("/cosmos.auth.v1beta1.Query/Account", &request.encode_to_vec(), None, false).unwrap_err();
    assert_eq!((e.codespace.as_str(), e.code, e.grpc_code), ("sdk", 22, 5));
    assert_eq!(e.log, format!("rpc error: code = NotFound desc = account {stranger} not found: key not found"));
    let refused = |path: &str, data: &[u8]| {
        let e = net.reader.query(path, data, None, false).unwrap_err();
        (e.code, e.log)
    };
    assert_eq!(refused("/x.Y/Z", &[]), (6, "unknown query path: unknown request".into()));
    assert_eq!(refused("", &[]), (6, "no query path provided: unknown request".into()));
    assert_eq!(refused("/store/nothing/key", &[1]), (6, "no such store: nothing: unknown request".into()));
    assert_eq!(refused("/store/bank/key", &[]), (2, "query cannot be zero length: tx parse error".into()));
    assert_eq!(refused("/store/chain/key", &[1]).0, 6, "what is outside the app hash is no store to others");
    let version = net.reader.query("/app/version", &[], None, false).unwrap();
    assert_eq!((version.value.as_ref(), version.height), (env!("CARGO_PKG_VERSION").as_bytes(), Height(1)));
    net.reader.query("/p2p/filter/addr/1.2.3.4", &[], None, false).unwrap();
}

#[test]
fn app_simulate_answers_in_json() {
    let mut net = Net::new();
    net.block(Vec::new());
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let answer = net.reader.query("/app/simulate", &tx, None, false).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&answer.value).unwrap();
    assert_eq!(json["gas_info"]["gas_wanted"], u64::MAX.to_string());
    assert_eq!(json["result"]["msg_responses"][0]["@type"], "/cosmos.bank.v1beta1.MsgSendResponse");
    let bad = net.tx("alice").sequence(3).msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let e = net.reader.query("/app/simulate", &bad, None, false).unwrap_err();
    assert_eq!(
        (e.code, e.log.as_str()),
        (32, "failed to simulate tx: account sequence mismatch, expected 0, got 3: incorrect account sequence")
    );
}

/// Checks both levels of a proof with the `ics23` crate alone; gives whether the key exists.
fn verify(answer: &plume_engine::QueryAnswer, store: &str, app_hash: &[u8]) -> bool {
    let [store_op, app_op] = answer.proof.as_slice() else { panic!("two levels") };
    let (store_proof, app_proof) = (
        CommitmentProof::decode(store_op.data.as_ref()).unwrap(),
        CommitmentProof::decode(app_op.data.as_ref()).unwrap(),
    );
    assert_eq!((store_op.key.as_ref(), app_op.key.as_ref()), (answer.key.as_ref(), store.as_bytes()));
    let root = ics23::calculate_existence_root::<HostFunctionsManager>(match store_proof.proof.as_ref().unwrap() {
        ics23::commitment_proof::Proof::Exist(proof) => proof,
        ics23::commitment_proof::Proof::Nonexist(proof) => proof.left.as_ref().or(proof.right.as_ref()).unwrap(),
        _ => panic!("neither existence nor absence"),
    })
    .unwrap();
    let app_spec = plume_state::app_proof_spec();
    assert!(ics23::verify_membership::<HostFunctionsManager>(
        &app_proof,
        &app_spec,
        &app_hash.to_vec(),
        store.as_bytes(),
        &root
    ));
    let spec = plume_state::store_proof_spec();
    if answer.value.is_empty() {
        assert!(ics23::verify_non_membership::<HostFunctionsManager>(&store_proof, &spec, &root, &answer.key));
        return false;
    }
    assert!(ics23::verify_membership::<HostFunctionsManager>(&store_proof, &spec, &root, &answer.key, &answer.value));
    true
}

#[test]
fn balances_and_their_absence_are_proved_against_the_app_hash() {
    let mut net = Net::new();
    let mut hashes = BTreeMap::new();
    for (height, amount) in [(1, 1), (2, 2), (3, 3)] {
        pay(&mut net, amount);
        hashes.insert(height, net.reader.info().app_hash);
    }
    let key_of = |name: &str| [&[0x02, 20][..], key(name).address().as_bytes(), DENOM.as_bytes()].concat();
    for height in 1..=3 {
        let prove =
            |name: &str| net.reader.query("/store/bank/key", &key_of(name), Some(Height(height)), true).unwrap();
        let bob = prove("bob");
        assert_eq!(bob.height, Height(height));
        assert_eq!(bob.value, (FUNDS + u128::from(height * (height + 1) / 2)).to_string());
        assert!(verify(&bob, "bank", &hashes[&height]));
        assert!(!verify(&prove("stranger"), "bank", &hashes[&height]));
    }
    let ibc = net.reader.query("/store/ibc/key", b"clients/x", None, true).unwrap();
    assert!(!verify(&ibc, "ibc", &hashes[&3]), "absence is provable in stores that nothing uses yet");
    assert!(net.reader.query("/store/bank/key", &key_of("bob"), None, false).unwrap().proof.is_empty());
}

/// An engine that knows one transaction.
struct OneTx(IncludedTx);

impl Engine for OneTx {
    fn name(&self) -> &'static str {
        "test"
    }

    fn status(&self) -> Result<Status, EngineError> {
        Err(EngineError::Unavailable("no status".into()))
    }

    fn broadcast(&self, _: Bytes, _: BroadcastMode) -> Result<BroadcastOutcome, EngineError> {
        Err(EngineError::Unavailable("no mempool".into()))
    }

    fn tx(&self, hash: [u8; 32]) -> Result<Option<IncludedTx>, EngineError> {
        Ok((hash == *Sha256::digest(&self.0.tx)).then(|| self.0.clone()))
    }

    fn block(&self, height: Option<Height>) -> Result<Option<BlockRecord>, EngineError> {
        Ok(Some(BlockRecord {
            height: height.unwrap(),
            time: Timestamp::new(1_700_000_001, 5).unwrap(),
            hash: Bytes::new(),
            parts_total: 0,
            parts_hash: Bytes::new(),
            block: Bytes::new(),
        }))
    }

    fn node_info(&self) -> Result<NodeInfo, EngineError> {
        Ok(NodeInfo { network: "plume-test-1".to_owned(), ..NodeInfo::default() })
    }

    fn search_txs(&self, _: &str, _: SearchOrder, _: u64, _: u64) -> Result<FoundTxs, EngineError> {
        Ok(FoundTxs { txs: vec![self.0.clone()], total: 1 })
    }

    fn validators(&self, _: Option<Height>) -> Result<Option<ValidatorsAt>, EngineError> {
        Ok(None)
    }
}

/// Makes the node's own methods part of what `net` answers.
fn serve(net: &Net, included: IncludedTx) {
    let descriptors = Arc::new(Descriptors::decode(plume_proto::DESCRIPTOR_SET).unwrap());
    let services = Services::new(net.reader.clone(), Arc::new(OneTx(included)), descriptors, NodeSettings::default());
    assert!(net.reader.serve(Arc::new(services)));
}

#[test]
fn transaction_is_found_by_its_hash() {
    let mut net = Net::new();
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 1)).sign();
    let result = net.run(tx.clone());
    let find = |net: &Net, hash: &str| -> Result<GetTxResponse, plume_engine::QueryError> {
        net.query("/cosmos.tx.v1beta1.Service/GetTx", &GetTxRequest { hash: hash.to_owned() })
    };
    let text = hex::encode_upper(Sha256::digest(&tx));
    assert_eq!(find(&net, &text).unwrap_err().grpc_code, 12, "no services yet");

    serve(&net, IncludedTx { height: Height(1), index: 0, tx: tx.clone(), result: result.clone() });

    let found = find(&net, &text).unwrap();
    let response = found.tx_response.unwrap();
    assert_eq!((response.height, response.txhash, response.code), (1, text, 0));
    assert_eq!(response.timestamp, "2023-11-14T22:13:21Z");
    assert_eq!((response.gas_wanted, response.gas_used), (200_000, result.gas_used.to_i64()));
    assert_eq!(response.data, hex::encode_upper(&result.data));
    assert_eq!(response.events.len(), 12);
    let any = response.tx.unwrap();
    assert_eq!((any.type_url.as_str(), any.value), ("/cosmos.tx.v1beta1.Tx", tx.to_vec()));
    assert_eq!(found.tx.unwrap().encode_to_vec(), tx);

    let missing = "AB".repeat(32);
    let e = find(&net, &missing).unwrap_err();
    assert_eq!((e.code, e.grpc_code), (22, 5));
    assert_eq!(e.log, format!("rpc error: code = NotFound desc = tx not found: {missing}: key not found"));
    assert_eq!(find(&net, "").unwrap_err().grpc_code, 3);
}

#[test]
fn methods_of_the_node_answer_over_abci_also_without_data() {
    let mut net = Net::new();
    assert_eq!(pay(&mut net, 1).code, 0);
    let included = IncludedTx { height: Height(1), index: 0, tx: Bytes::new(), result: TxResult::default() };
    serve(&net, included);
    assert!(net.reader.query_paths().is_sorted());
    // With an empty request each method answers, or says what its request lacks.
    for path in net.reader.query_paths() {
        match net.reader.query(path, &[], None, false) {
            Ok(answer) => assert_eq!(answer.height, Height(1), "{path}"),
            Err(e) => assert_ne!(e.grpc_code, 12, "{path}: {e}"),
        }
    }
    let info: plume_proto::cosmos::base::tendermint::v1beta1::GetNodeInfoResponse =
        net.query("/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo", &()).unwrap();
    assert_eq!(info.default_node_info.unwrap().network, "plume-test-1");
    let future = net.reader.query("/cosmos.base.node.v1beta1.Service/Config", &[], Some(Height(9)), false).unwrap_err();
    assert_eq!((future.codespace.as_str(), future.code), ("sdk", 26));
    let broadcast = net.reader.query("/cosmos.tx.v1beta1.Service/BroadcastTx", &[], None, false).unwrap_err();
    assert_eq!((broadcast.code, broadcast.log.as_str()), (18, "can't route a broadcast tx message: invalid request"));
}

#[test]
fn subspace_gives_every_record_below_a_prefix() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Pairs {
        #[prost(message, repeated, tag = "1")]
        pairs: Vec<Pair>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Pair {
        #[prost(bytes = "vec", tag = "1")]
        key: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    let mut net = Net::new();
    pay(&mut net, 1);
    pay(&mut net, 2);
    let balances = |height| {
        let answer = net.reader.query("/store/bank/subspace", &[0x02], height, true).unwrap();
        assert!(answer.proof.is_empty());
        assert_eq!(answer.key.as_ref(), [0x02]);
        Pairs::decode(answer.value).unwrap().pairs
    };
    let bob = [&[0x02, 20][..], key("bob").address().as_bytes(), DENOM.as_bytes()].concat();
    let of_bob = |pairs: Vec<Pair>| {
        assert!(pairs.iter().all(|pair| pair.key.starts_with(&[0x02])));
        pairs.into_iter().find(|pair| pair.key == bob).unwrap().value
    };
    assert_eq!(of_bob(balances(None)), (FUNDS + 3).to_string().into_bytes());
    assert_eq!(of_bob(balances(Some(Height(1)))), (FUNDS + 1).to_string().into_bytes());
    let refused = |path: &str| net.reader.query(path, &[2], None, false).unwrap_err().log;
    assert_eq!(refused("/store/bank/other"), "unexpected query path: /other: unknown request");
    assert_eq!(refused("/app/other"), "unknown query: [app other]: unknown request");
    assert_eq!(refused("/p2p/filter"), "path should be p2p filter <addr|id> <parameter>: unknown request");
    assert_eq!(refused("/p2p/other/id/a"), "expected second parameter to be 'filter': unknown request");
}

#[test]
fn query_that_reads_too_much_is_refused_and_says_so() {
    let config = ChainConfig { query_gas_limit: 400, ..ChainConfig::default() };
    let document = genesis(&app_state(&standard_accounts()));
    let mut net = Net::on(config, plume_modules(), Arc::new(MemoryBackend::new()), &document);
    net.block(Vec::new());
    let owners = QueryDenomOwnersRequest { denom: DENOM.to_owned(), pagination: None }.encode_to_vec();
    for (path, request) in
        [("/cosmos.auth.v1beta1.Query/Accounts", &[][..]), ("/cosmos.bank.v1beta1.Query/DenomOwners", &owners)]
    {
        let e = net.reader.query(path, request, None, false).unwrap_err();
        assert_eq!((e.code, e.grpc_code), (6, 8), "{e}");
        assert!(e.message.contains("query-gas-limit") && e.message.contains("gasWanted: 400"), "{}", e.message);
    }
    let e = net.reader.query("/store/acc/subspace", &[1], None, false).unwrap_err();
    assert_eq!(e.grpc_code, 8);
    // Transactions have gas of their own.
    assert_eq!(pay(&mut net, 1).code, 0);
}

/// Counts what it sees.
#[derive(Default)]
struct Counter {
    messages: RefCell<Vec<String>>,
    reads: RefCell<u64>,
    writes: RefCell<u64>,
    gas: RefCell<u64>,
}

impl Observer for Counter {
    fn observe(&self, observation: Observation<'_>) {
        match observation {
            Observation::MessageStarted { type_url, .. } => self.messages.borrow_mut().push(type_url.to_owned()),
            Observation::Read { .. } => *self.reads.borrow_mut() += 1,
            Observation::Write { .. } => *self.writes.borrow_mut() += 1,
            Observation::Gas { amount, .. } => *self.gas.borrow_mut() += amount,
            _ => {}
        }
    }
}

#[test]
fn committed_block_is_executed_again_with_an_observer() {
    let mut net = Net::new();
    net.block(Vec::new());
    let tx = net.tx("alice").msg(&send(&addr("alice"), &addr("bob"), 7)).sign();
    let block = net.blocks.next(vec![tx]);
    let outcome = net.commit(&block);
    pay(&mut net, 1);
    let info = net.reader.info();

    let seen = Counter::default();
    let again = net.reader.execute_again(&block, &seen).unwrap();

    assert_eq!(again.tx_results, outcome.tx_results);
    assert_eq!(again.events, outcome.events);
    assert_eq!(*seen.messages.borrow(), ["/cosmos.bank.v1beta1.MsgSend"]);
    assert!(*seen.reads.borrow() > 5 && *seen.writes.borrow() > 3);
    assert!(*seen.gas.borrow() >= outcome.tx_results[0].gas_used.get());
    assert_eq!(net.reader.info(), info, "nothing is kept");
    let first = plume_engine::Block { height: Height(1), ..block.clone() };
    assert!(net.reader.execute_again(&first, &seen).is_err());
    let future = plume_engine::Block { height: Height(9), ..block };
    assert!(net.reader.execute_again(&future, &seen).is_err());
}
