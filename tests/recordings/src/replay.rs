//! One chain with the recording's genesis, and the comparison of its answers.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig, ChainReader};
use plume_engine::{
    Block, CheckKind, Event, Executor, Genesis, QueryAnswer, QueryError, Reader, TxResult, ValidatorKey,
    ValidatorUpdate,
};
use plume_primitives::{Gas, Height, Timestamp};
use plume_proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse};
use plume_state::MemoryBackend;
use prost::Message;
use serde_json::{Value, json};
use tendermint_proto::google::protobuf::Duration;
use tendermint_proto::v0_38::types::{BlockParams, ConsensusParams, EvidenceParams, ValidatorParams};

use crate::accepted::Accepted;
use crate::recording::{base64, bytes, list, number, text};

/// Gas may differ from the peer's by this share of it.
const GAS_TOLERANCE_PERCENT: u64 = 10;

const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

/// Seconds between two blocks of the recording.
const BLOCK_SECONDS: i64 = 5;

/// Our chain, and everything in which it differed from the recording.
pub struct Replay {
    chain: Chain,
    height: u64,
    time: Timestamp,
    /// Differences by case, in order of appearance.
    pub differences: Vec<Difference>,
    /// Largest and smallest gas of ours in parts per thousand of the peer's.
    pub gas_permille: Option<(u64, u64)>,
}

/// One thing that is not as the peer had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Transaction or query.
    pub case: String,
    /// What differs, for example `result.log`.
    pub aspect: String,
    /// The peer's.
    pub theirs: String,
    /// Plume's.
    pub ours: String,
}

impl Replay {
    /// A chain with the accounts, balances and switches of the recording's first state (`app_state`) or of its last
    /// (`exported_app_state`).
    ///
    /// # Panics
    /// When the chain refuses the genesis.
    pub fn new(recorded: &Value, state: &str) -> Self {
        let app_state = json!({
            "auth": recorded[state]["auth"],
            "bank": recorded[state]["bank"],
            "plume": {"params": {"bech32_prefix": text(recorded, "bech32_prefix"), "base_denom": "stake"}},
        });
        let minimum = text(recorded, "minimum_gas_prices").parse().expect("prices as the SDK writes them");
        let config = ChainConfig { minimum_gas_prices: minimum, ..ChainConfig::default() };
        let mut chain = Chain::open(config, Arc::new(MemoryBackend::new())).expect("an empty backend");
        let time: Timestamp = text(recorded, "genesis_time").parse().expect("RFC 3339");
        let max_gas = i64::try_from(number(recorded, "max_block_gas")).expect("below 2^63");
        let genesis = Genesis {
            chain_id: text(recorded, "chain_id").to_owned(),
            time,
            initial_height: Height(1),
            consensus_params: consensus_params(max_gas),
            validators: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([7; 32]), power: 1 }],
            app_state: Bytes::from(serde_json::to_vec(&app_state).expect("made of JSON")),
        };
        chain.init_chain(genesis).unwrap_or_else(|e| panic!("genesis: {e}"));
        let mut replay = Self { chain, height: 0, time, differences: Vec::new(), gas_permille: None };
        replay.block(vec![]);
        replay
    }

    /// Executes and commits one block.
    pub fn block(&mut self, txs: Vec<Bytes>) -> Vec<TxResult> {
        self.height = self.height.checked_add(1).expect("few blocks");
        let later = self.time.unix_nanos().checked_add(i128::from(BLOCK_SECONDS) * 1_000_000_000).expect("few blocks");
        self.time = Timestamp::from_unix_nanos(later).expect("few blocks");
        let block = Block { height: Height(self.height), time: self.time, txs, ..Block::default() };
        let outcome = self.chain.finalize(&block).unwrap_or_else(|e| panic!("block {}: {e}", self.height));
        self.chain.commit().unwrap_or_else(|e| panic!("commit {}: {e}", self.height));
        outcome.tx_results
    }

    /// Access to the state that it has reached.
    pub fn reader(&self) -> ChainReader {
        self.chain.reader()
    }

    /// Runs one recorded transaction through simulation, CheckTx and a block of its own, as the recorder did.
    pub fn transaction(&mut self, record: &Value) {
        let name = text(record, "name");
        self.block(vec![]);
        assert_eq!(self.height.checked_add(1), Some(number(record, "height")), "{name} is in another block");
        let tx = base64(record, "tx");

        let request = SimulateRequest { tx_bytes: tx.to_vec(), ..SimulateRequest::default() }.encode_to_vec();
        let simulated = self.reader().query(SIMULATE, &request, None, false);
        self.compare_simulation(name, &record["simulate"], simulated);

        let checked = self.reader().check_tx(&tx, CheckKind::New);
        let theirs = &record["check_tx"];
        self.equal(name, "check_tx.code", number(theirs, "code"), u64::from(checked.code));
        self.equal(name, "check_tx.codespace", text(theirs, "codespace"), &checked.codespace);
        self.equal(name, "check_tx.log", text(theirs, "log"), &checked.log);
        self.equal(name, "check_tx.gas_wanted", number(theirs, "gas_wanted"), checked.gas_wanted.0);
        if checked.code == 0 {
            self.gas(name, "check_tx.gas_used", number(theirs, "gas_used"), checked.gas_used);
        }

        let results = self.block(vec![tx]);
        let [result] = results.as_slice() else { panic!("{name}: {} results", results.len()) };
        self.compare_result(name, record, result);
        self.compare_changes(name, record);
    }

    fn compare_simulation(&mut self, name: &str, theirs: &Value, ours: Result<QueryAnswer, QueryError>) {
        match ours {
            Ok(answer) => {
                let answer = SimulateResponse::decode(answer.value).expect("a response of the service");
                let gas = answer.gas_info.expect("gas_info is set");
                self.equal(name, "simulate.code", number(theirs, "code"), 0);
                self.equal(name, "simulate.gas_wanted", number(theirs, "gas_wanted"), gas.gas_wanted);
                self.gas(name, "simulate.gas_used", number(theirs, "gas_used"), Gas(gas.gas_used));
            }
            Err(error) => {
                self.equal(name, "simulate.code", number(theirs, "code"), u64::from(error.code));
                self.equal(name, "simulate.log", &bare(text(theirs, "log")), &bare(&error.log));
            }
        }
    }

    fn compare_result(&mut self, name: &str, record: &Value, ours: &TxResult) {
        let theirs = &record["result"];
        self.equal(name, "result.code", number(theirs, "code"), u64::from(ours.code));
        self.equal(name, "result.codespace", text(theirs, "codespace"), &ours.codespace);
        self.equal(name, "result.log", &without_gas(text(theirs, "log")), &without_gas(&ours.log));
        self.equal(name, "result.data", text(theirs, "data"), hex::encode(&ours.data));
        self.equal(name, "result.gas_wanted", number(theirs, "gas_wanted"), ours.gas_wanted.0);
        self.gas(name, "result.gas_used", number(&record["sdk_only"], "gas_used"), ours.gas_used);
        let (theirs, ours) = (recorded_events(theirs), our_events(&ours.events));
        self.equal(name, "result.events.len", theirs.len(), ours.len());
        for (index, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
            self.equal(name, &format!("result.events[{index}]"), theirs, ours);
        }
    }

    /// Every value that the peer's block left, but for those of accounts that our chain does not have.
    fn compare_changes(&mut self, name: &str, record: &Value) {
        for change in list(record, "changes") {
            let (store, key) = (text(change, "store"), text(change, "key"));
            let created = store == "acc" && change["before"].is_null();
            // bank's index of owners and auth's index of numbers are derived data here, outside the tree.
            let index = store == "bank" && key.starts_with("03") || store == "acc" && !key.starts_with("01");
            if created || index || MODULE_ACCOUNTS.iter().any(|account| key.contains(account)) {
                continue;
            }
            let key = bytes(change, "key");
            let ours = self.reader().query(&format!("/store/{store}/key"), &key, None, false);
            let ours = ours.map(|answer| hex::encode(answer.value)).unwrap_or_else(|e| e.log);
            let theirs = change["after"].as_str().unwrap_or_default();
            self.equal(name, &format!("{store} {}", hex::encode(&key)), theirs, &ours);
        }
    }

    /// Asks one recorded query.
    pub fn query(&mut self, record: &Value) {
        let name = format!("{} {}", text(record, "path"), record["request_json"]);
        let answer = self.reader().query(text(record, "path"), &bytes(record, "request"), None, false);
        match answer {
            Ok(answer) => {
                self.equal(&name, "code", number(record, "code"), 0);
                self.equal(&name, "response", text(record, "response"), hex::encode(answer.value));
            }
            Err(error) => {
                self.equal(&name, "code", number(record, "code"), u64::from(error.code));
                self.equal(&name, "codespace", text(record, "codespace"), &error.codespace);
                self.equal(&name, "log", text(record, "log"), &error.log);
            }
        }
    }

    fn equal<T: PartialEq<U> + Debug, U: Debug>(&mut self, case: &str, aspect: &str, theirs: T, ours: U) {
        if theirs != ours {
            self.differences.push(Difference {
                case: case.to_owned(),
                aspect: aspect.to_owned(),
                theirs: format!("{theirs:?}"),
                ours: format!("{ours:?}"),
            });
        }
    }

    fn gas(&mut self, case: &str, aspect: &str, theirs: u64, ours: Gas) {
        let apart = theirs.abs_diff(ours.0).checked_mul(100).expect("gas of one transaction");
        if apart > theirs.checked_mul(GAS_TOLERANCE_PERCENT).expect("gas of one transaction") {
            self.equal(case, aspect, theirs, ours.0);
            return;
        }
        if let Some(share) = ours.0.checked_mul(1000).and_then(|permille| permille.checked_div(theirs)) {
            let (least, most) = self.gas_permille.unwrap_or((share, share));
            self.gas_permille = Some((least.min(share), most.max(share)));
        }
    }

    /// What is left when the accepted differences are taken away, and the accepted ones that did not occur.
    pub fn unexpected(&self, accepted: &[Accepted]) -> Vec<String> {
        let mut used: BTreeMap<usize, usize> = BTreeMap::new();
        let mut left = Vec::new();
        for difference in &self.differences {
            match accepted.iter().position(|entry| entry.covers(&difference.case, &difference.aspect)) {
                Some(index) => *used.entry(index).or_default() += 1,
                None => left.push(format!(
                    "{}: {}\n    theirs {}\n    ours   {}",
                    difference.case, difference.aspect, difference.theirs, difference.ours
                )),
            }
        }
        for (index, entry) in accepted.iter().enumerate() {
            if !used.contains_key(&index) {
                left.push(format!("accepted, but does not occur: {} {}", entry.case, entry.aspect));
            }
        }
        left
    }
}

/// Hexadecimal addresses of fee_collector and of distribution, which empties it between our two blocks.
const MODULE_ACCOUNTS: [&str; 2] =
    ["f1829676db577682e944fc3493d451b67ff3e29f", "93354845030274cd4bf1686abd60ab28ec52e1a7"];

fn consensus_params(max_gas: i64) -> ConsensusParams {
    ConsensusParams {
        block: Some(BlockParams { max_bytes: 200_000, max_gas }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: 302_400,
            max_age_duration: Some(Duration { seconds: 1_814_400, nanos: 0 }),
            max_bytes: 10_000,
        }),
        validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
        version: Some(Default::default()),
        abci: Some(Default::default()),
    }
}

/// The peer's events. SDK 0.50.9 leaves the sender out of MsgMultiSend's `transfer`; later ones of the 0.50 line have it
/// (wire-rules §2), so it is put where they put it.
fn recorded_events(result: &Value) -> Vec<String> {
    let mut spender = "";
    let mut events = Vec::new();
    for event in list(result, "events") {
        let kind = text(event, "type");
        let mut attributes: Vec<(&str, &str)> = list(event, "attributes")
            .iter()
            .map(|a| (a[0].as_str().expect("a name"), a[1].as_str().expect("a value")))
            .collect();
        match (kind, attributes.first(), attributes.get(1)) {
            ("coin_spent", Some((_, from)), _) => spender = from,
            ("transfer", _, Some(("amount", _))) => attributes.insert(1, ("sender", spender)),
            _ => {}
        }
        let attributes: Vec<_> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        events.push(format!("{kind} {}", attributes.join(" ")));
    }
    events
}

fn our_events(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let attributes: Vec<_> = event.attributes.iter().map(|a| format!("{}={}", a.key, a.value)).collect();
            format!("{} {}", event.kind, attributes.join(" "))
        })
        .collect()
}

/// A log without the numbers of gas used, which may differ by a tenth.
fn without_gas(log: &str) -> String {
    cut(log, "gasUsed: ", |c| c.is_ascii_digit())
}

/// A simulation's log without gas used and without the file and line that the SDK names in brackets.
fn bare(log: &str) -> String {
    let log = cut(&without_gas(log), "gas used: '", |c| c.is_ascii_digit());
    match (log.find(" ["), log.find(']')) {
        (Some(open), Some(close)) if open < close => {
            [log.get(..open), log.get(close..).and_then(|tail| tail.strip_prefix(']'))].into_iter().flatten().collect()
        }
        _ => log,
    }
}

/// Removes what follows `label` as long as `part` holds.
fn cut(log: &str, label: &str, part: impl Fn(char) -> bool) -> String {
    match log.split_once(label) {
        Some((head, tail)) => format!("{head}{label}{}", tail.trim_start_matches(part)),
        None => log.to_owned(),
    }
}
