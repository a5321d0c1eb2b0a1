//! One of four validators puts a bad transaction into its proposals; the other three vote it down (CometBFT), or all pass
//! the entry over (Raft).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use plume_chain::{Chain, ChainConfig};
use plume_cometbft::{Stop, SupervisorOptions};
use plume_engine::{Block, BlockOutcome, Committed, Executor, Fatal, Genesis, InitOutcome, Proposal, Verdict};
use plume_home::home::Home;
use plume_home::keys::consensus_address;
use plume_proto::cosmos::tx::v1beta1::TxRaw;
use plume_proto::{Any, Message};
use plume_state::MemoryBackend;
use plume_testkit::{Signer, TxDraft};
use plume_tests_devnet::{Account, Engine, Load, Network, Node, Setup, Times, cometbft, in_process, until};
use serde_json::json;

/// An account that never pays anything: every transaction of it in this test is bad.
const VICTIM: usize = 2;

/// Times that a bad proposal is made before all honest validators must have judged one of them.
const ATTEMPTS: usize = 5;

/// What goes into the next own proposal, and where it went.
#[derive(Default)]
struct Plan {
    inject: Vec<Bytes>,
    tried: Option<u64>,
}

/// An honest state machine but for its proposals.
struct Cheat {
    chain: Chain,
    plan: Arc<Mutex<Plan>>,
    own: Vec<Bytes>,
    /// Over Raft it rejects its own block with all others: a leader that waits for votes that never come stops the
    /// chain, and may.
    votes_for_own: bool,
}

impl Cheat {
    fn is_own(&self, proposal: &Proposal) -> bool {
        self.votes_for_own && !self.own.is_empty() && proposal.txs.ends_with(&self.own)
    }
}

impl Executor for Cheat {
    type Reader = <Chain as Executor>::Reader;

    fn init_chain(&mut self, genesis: Genesis) -> Result<InitOutcome, Fatal> {
        self.chain.init_chain(genesis)
    }

    fn prepare(&mut self, proposal: Proposal) -> Result<Vec<Bytes>, Fatal> {
        let height = proposal.height.get();
        let mut txs = self.chain.prepare(proposal)?;
        let mut plan = self.plan.lock().expect("no panic while held");
        self.own = std::mem::take(&mut plan.inject);
        if !self.own.is_empty() {
            plan.tried = Some(height);
            txs.extend(self.own.iter().cloned());
        }
        Ok(txs)
    }

    fn process(&mut self, proposal: &Proposal) -> Result<Verdict, Fatal> {
        if self.is_own(proposal) { Ok(Verdict::Accept) } else { self.chain.process(proposal) }
    }

    fn anticipate(&mut self, proposal: &Proposal) -> Result<(), Fatal> {
        if self.is_own(proposal) { Ok(()) } else { self.chain.anticipate(proposal) }
    }

    fn finalize(&mut self, block: &Block) -> Result<BlockOutcome, Fatal> {
        self.chain.finalize(block)
    }

    fn commit(&mut self) -> Result<Committed, Fatal> {
        self.chain.commit()
    }

    fn discard_uncommitted(&mut self) {
        self.chain.discard_uncommitted();
    }

    fn drain(&mut self) -> Result<(), Fatal> {
        self.chain.drain()
    }

    fn reader(&self) -> Self::Reader {
        self.chain.reader()
    }
}

/// A kind of bad transaction: its name, the reason that the honest validators must log, and the transactions.
struct Case {
    name: &'static str,
    reason: &'static str,
    txs: Vec<Bytes>,
}

/// Stops the cheat also when the test fails; its thread could not end otherwise.
struct StopAtEnd(Stop);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.request();
    }
}

#[test]
fn a_proposer_of_bad_transactions_is_voted_down_each_time_on_cometbft() {
    voted_down(Engine::Cometbft);
}

#[test]
fn a_raft_leader_s_bad_transactions_are_passed_over_each_time() {
    voted_down(Engine::Raft);
}

fn voted_down(engine: Engine) {
    let mut network = Network::new(Setup { times: Times::STEADY, ..Setup::new(engine) });
    // Over Raft only the leader proposes.
    let cheat = match engine {
        Engine::Raft => network.first_leader(),
        Engine::Cometbft => 3,
    };
    let honest: Vec<usize> = (0..4).filter(|index| *index != cheat).collect();
    let home = Home::new(network.nodes()[cheat].home());
    let address = consensus_address(&home.validator_key().expect("written by devnet"));
    let plan = Arc::new(Mutex::new(Plan::default()));
    let chain = Chain::open(ChainConfig::default(), Arc::new(MemoryBackend::new())).expect("an empty chain");
    let votes_for_own = engine == Engine::Cometbft;
    let executor = Cheat { chain, plan: Arc::clone(&plan), own: Vec::new(), votes_for_own };
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let _guard = StopAtEnd(stop.clone());
        let stopped = stop.clone();
        let running = scope.spawn(move || match engine {
            Engine::Raft => {
                let options = in_process::Options { times: Times::STEADY, ..in_process::Options::default() };
                in_process::run(executor, home.root(), &options, &stopped)
                    .map(|()| 0)
                    .map_err(|error| error.to_string())
            }
            Engine::Cometbft => {
                let options = SupervisorOptions {
                    binary: Some(cometbft()),
                    flags: ["--log_level", "none"].map(str::to_owned).to_vec(),
                    stop: stopped,
                    ..SupervisorOptions::new(home.root())
                };
                plume_cometbft::run(executor, &options).map_err(|error| error.to_string())
            }
        });
        for index in &honest {
            network.nodes_mut()[*index].start();
        }
        let load = Load::start(&network, VICTIM);
        load.wait_for(2);
        let witnesses: Vec<&Node> = honest.iter().map(|index| &network.nodes()[*index]).collect();
        let said = match engine {
            Engine::Raft => "rejected the proposed block",
            Engine::Cometbft => "proposal rejected",
        };

        for case in cases(&network, witnesses[0]) {
            let bad = case.txs.last().expect("at least one");
            // Whoever lags for a moment fetches the decided block and judges no proposal for it.
            let judged = (0..ATTEMPTS).any(|_| {
                let logs: Vec<_> = witnesses.iter().map(|node| node.log().len()).collect();
                *plan.lock().expect("no panic while held") = Plan { inject: case.txs.clone(), tried: None };
                let height = until(&format!("proposal of the cheat with {}", case.name), || {
                    plan.lock().expect("no panic while held").tried
                });
                for node in &witnesses {
                    let commit = until("the block of that height", || commit(node, height));
                    assert!(commit.round >= 1, "{}: height {height} was decided in the cheat's round", case.name);
                    let own = engine == Engine::Cometbft && commit.proposer == hex::encode_upper(address);
                    assert!(!own, "{}: the cheat's block was decided", case.name);
                    assert!(!commit.txs.contains(bad), "{}: the transaction is in block {height}", case.name);
                }
                let reasons = witnesses.iter().zip(logs).filter_map(|(node, before)| {
                    node.log()[before..].lines().find(|line| line.contains(said)).map(str::to_owned)
                });
                let reasons: Vec<String> = reasons.collect();
                for reason in &reasons {
                    assert!(reason.contains(case.reason), "{}: {reason}", case.name);
                }
                reasons.len() == witnesses.len()
            });
            assert!(judged, "{}: in none of {ATTEMPTS} attempts did all honest validators reject it", case.name);
        }

        // The chain never stood still, and the account that all of it was done to is as it was.
        load.wait_for(4);
        let mut sent = load.finish();
        sent.push(0);
        network.require_same_chain(&sent);
        stop.request();
        assert_eq!(running.join().expect("no panic"), Ok(0), "the cheat itself runs on");
    });
}

fn cases(network: &Network, witness: &Node) -> Vec<Case> {
    let (chain_id, denom) = (network.chain_id(), network.denom());
    let victim = &network.accounts()[VICTIM];
    let draft = || victim.payment(chain_id, denom);
    let signed = |draft: TxDraft| draft.sign(&[(victim.signer(), victim.number(), 0)]);
    let at = |sequence| victim.pay(chain_id, denom, sequence);
    let edit = |change: &dyn Fn(&mut TxDraft)| {
        let mut draft = draft();
        change(&mut draft);
        signed(draft)
    };
    let raw = |change: &dyn Fn(&mut TxRaw)| {
        let mut raw = TxRaw::decode(at(0)).expect("signed above");
        change(&mut raw);
        Bytes::from(raw.encode_to_vec())
    };
    let stranger = Signer::named("nobody knows");
    let payer = &network.accounts()[0];
    let half = max_gas(witness) / 2 + 1;
    let one = |name, reason, tx| Case { name, reason, txs: vec![tx] };
    vec![
        one("bytes that are no transaction", "sdk/2: ", Bytes::from_static(b"\xff\xffno transaction")),
        one("an empty transaction", "sdk/", Bytes::new()),
        one("no message", "sdk/18: ", edit(&|draft| draft.body.messages.clear())),
        one(
            "an unknown message",
            "sdk/2: ",
            edit(&|draft| draft.body.messages.push(Any { type_url: "/x.Y".to_owned(), value: Vec::new() })),
        ),
        one("a signature for another chain", "sdk/4: ", edit(&|draft| draft.chain_id.push('0'))),
        one("a changed signature", "sdk/4: ", raw(&|raw| raw.signatures[0][40] ^= 1)),
        one("no signature", "sdk/", raw(&|raw| raw.signatures.clear())),
        one("one signature too many", "sdk/4: ", raw(&|raw| raw.signatures.push(vec![0; 64]))),
        one("the key of a stranger", "sdk/8: ", draft().sign(&[(&stranger, victim.number(), 0)])),
        one("a sequence of the future", "sdk/32: ", at(5)),
        one("a payment made before", "sdk/32: ", payer.pay(chain_id, denom, 0)),
        Case { name: "one transaction twice", reason: "sdk/32: ", txs: vec![at(0), at(0)] },
        one("no gas", "sdk/41: ", signed(draft().gas(0))),
        one("more gas than a block has", "gas of the block", signed(draft().gas(half * 2))),
        one("gas for nothing", "sdk/11: ", signed(draft().gas(1000))),
        Case {
            name: "more gas together than a block has",
            reason: "gas of the block",
            txs: (0..2)
                .map(|sequence| draft().gas(half).sign(&[(victim.signer(), victim.number(), sequence)]))
                .collect(),
        },
        one("a fee that nobody can pay", "sdk/5: ", signed(draft().fee(u128::MAX, denom))),
        one("an unknown fee payer", "sdk/9: ", stranger_payment(network, &stranger, victim)),
        one("a fee granter", "sdk/18: ", edit(&|draft| draft.fee.granter = payer.address().to_owned())),
        one("a height that has passed", "sdk/30: ", edit(&|draft| draft.body.timeout_height = 1)),
        one("a memo that is too long", "sdk/12: ", signed(draft().memo(&"m".repeat(300)))),
        one(
            "an extension option",
            "sdk/2: ",
            edit(&|draft| draft.body.extension_options.push(draft.body.messages[0].clone())),
        ),
        one("an unordered transaction", "sdk/18: ", edit(&|draft| draft.body.unordered = true)),
        one("an unknown field", "sdk/2: ", raw(&|raw| raw.body_bytes.extend([0x7a, 0]))),
    ]
}

fn stranger_payment(network: &Network, stranger: &Signer, victim: &Account) -> Bytes {
    use plume_proto::cosmos::bank::v1beta1::MsgSend;
    let prefix = plume_primitives::Bech32Prefix::new("plume").expect("a prefix");
    let message =
        MsgSend { from_address: stranger.bech32(&prefix), to_address: victim.address().to_owned(), amount: Vec::new() };
    TxDraft::new(network.chain_id(), &message).fee(1, network.denom()).sign(&[(stranger, 0, 0)])
}

struct Decided {
    round: u64,
    proposer: String,
    txs: Vec<Bytes>,
}

/// The block of `height` and the round in which it was decided, once the next height has begun.
fn commit(node: &Node, height: u64) -> Option<Decided> {
    let params = json!({ "height": height.to_string() });
    let commit = node.rpc().call("commit", &params).ok()?;
    let block = node.rpc().call("block", &params).ok()?;
    let header = &block["block"]["header"];
    let txs = block["block"]["data"]["txs"].as_array().into_iter().flatten();
    Some(Decided {
        round: commit["signed_header"]["commit"]["round"].as_u64()?,
        proposer: header["proposer_address"].as_str()?.to_owned(),
        txs: txs.map(|tx| from_base64(tx.as_str().expect("a string"))).collect(),
    })
}

fn max_gas(node: &Node) -> u64 {
    let params = until("consensus params", || node.rpc().call("consensus_params", &json!({})).ok());
    params["consensus_params"]["block"]["max_gas"]
        .as_str()
        .and_then(|gas| gas.parse().ok())
        .expect("blocks have a gas limit")
}

fn from_base64(text: &str) -> Bytes {
    use base64::Engine as _;
    Bytes::from(base64::engine::general_purpose::STANDARD.decode(text).expect("base64"))
}
