//! What was ever decided and signed by anybody, over all nodes and all their lives.

use std::collections::BTreeMap;

use bytes::Bytes;
use plume_block::{BlockId, verify_commit, vote_sign_bytes};
use plume_primitives::{Height, Timestamp};
use plume_store::BlockStore;

use crate::app::Tx;

/// A decided height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub id: BlockId,
    pub app_hash: Bytes,
    pub time: Timestamp,
    pub proposer: [u8; 20],
    pub round: i32,
}

/// See the module's text. Everything that must never happen panics here.
#[derive(Debug, Default)]
pub struct Ledger {
    chain_id: String,
    pub blocks: BTreeMap<u64, Decided>,
    /// Height of each included transaction.
    pub included: BTreeMap<(String, u64), u64>,
    /// Sign bytes by validator, height and round.
    pub signatures: BTreeMap<([u8; 20], u64, i32), Vec<u8>>,
    /// Validator and height of each signature that was about to be sent, in order, repetitions included.
    pub broadcasts: Vec<([u8; 20], u64)>,
    /// Commits that were verified, on whichever node.
    pub commits: u64,
    /// What [`Ledger::signed`] found; it runs within a node, which would take a panic for its own.
    pub violations: Vec<String>,
}

impl Ledger {
    pub fn new(chain_id: &str) -> Self {
        Self { chain_id: chain_id.to_owned(), ..Self::default() }
    }

    pub fn height(&self) -> u64 {
        self.blocks.keys().next_back().copied().unwrap_or(0)
    }

    /// A signature is durable on a node and about to be sent: contents of `priv_validator_state.json`.
    pub fn signed(&mut self, validator: [u8; 20], height: u64, record: &[u8]) {
        self.broadcasts.push((validator, height));
        let text = std::str::from_utf8(record).expect("JSON");
        let field = |name: &str| {
            let rest = text.split_once(&format!("\"{name}\":")).expect("a field of the record").1.trim_start();
            rest.trim_start_matches('"').split(['"', ',', '\n', '}']).next().expect("a value").trim().to_owned()
        };
        if field("height") != height.to_string() {
            self.violations.push(format!("the record of {height} is {text}"));
        }
        let round: i32 = field("round").parse().expect("a round");
        let bytes = hex::decode(field("signbytes")).expect("sign bytes");
        let before = self.signatures.insert((validator, height, round), bytes.clone());
        if before.is_some_and(|before| before != bytes) {
            self.violations.push(format!("two signatures for height {height}, round {round}"));
        }
    }

    /// A node has stored a decided block.
    pub fn stored(&mut self, node: usize, store: &BlockStore, height: u64) {
        let at = Height(height);
        let block = store.block(at).expect("the block is stored");
        let outcome = store.outcome(at).expect("its results are stored");
        let validators = store.validators(at).expect("its validators are stored");
        let commit = match store.height() == at {
            true => store.seen_commit(at).expect("its commit is stored"),
            false => store.commit(at).expect("its commit is in the next block"),
        };
        verify_commit(&self.chain_id, &validators, &block.id(), at, &commit)
            .unwrap_or_else(|error| panic!("commit of {height} on node {node}: {error}"));
        self.commits += 1;
        for sig in commit.signatures.iter().filter(|sig| !sig.signature.is_empty()) {
            let address: [u8; 20] = sig.validator_address.as_slice().try_into().expect("20 bytes");
            let time = sig.timestamp.as_ref().expect("a time");
            let time = Timestamp::new(time.seconds, u32::try_from(time.nanos).expect("nanoseconds")).expect("a time");
            let bytes = vote_sign_bytes(&self.chain_id, commit.height, commit.round, &block.id(), time);
            let known = self.signatures.get(&(address, height, commit.round));
            assert_eq!(known, Some(&bytes), "a signature at {height} that its record does not know");
        }
        let decided = Decided {
            id: block.id(),
            app_hash: outcome.app_hash.clone(),
            time: block.time(),
            proposer: *block.proposer(),
            round: commit.round,
        };
        if let Some(known) = self.blocks.get(&height) {
            assert_eq!(*known, decided, "node {node} decided something else at {height}");
            return;
        }
        if let Some((last, before)) = self.blocks.iter().next_back() {
            assert_eq!(*last + 1, height, "node {node} is ahead of everything seen by more than one block");
            assert!(before.time < decided.time, "time stands still at {height}");
            assert_eq!(before.app_hash, block.header().app_hash, "header {height} proves the state before it");
        }
        assert_eq!(outcome.tx_results.len(), block.txs().len());
        for (bytes, result) in block.txs().iter().zip(&outcome.tx_results) {
            let tx = Tx::parse(bytes).expect("a transaction of the test");
            assert_eq!(result.code, 0, "{tx:?} at {height}: included twice, or out of order");
            let twice = self.included.insert((tx.client.clone(), tx.sequence), height);
            assert_eq!(twice, None, "{tx:?} is included at {height} and before");
        }
        self.blocks.insert(height, decided);
    }
}
