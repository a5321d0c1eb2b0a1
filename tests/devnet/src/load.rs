use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use plume_client::{HdPath, Mnemonic, RpcClient};
use plume_primitives::{Bech32Prefix, hashed_address};
use plume_proto::cosmos::bank::v1beta1::MsgSend;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_testkit::{Signer, TxDraft};

use crate::Network;
use crate::node::until;

/// How long a transaction may take before it is handed to another node.
const RESEND_AFTER: Duration = Duration::from_secs(2);

/// Pause between two looks at an account.
const POLL: Duration = Duration::from_millis(10);

/// A funded account that pays one base unit at a time to an address of its own choice, its sink.
#[derive(Clone)]
pub struct Account {
    signer: Signer,
    address: String,
    sink: String,
    number: u64,
}

impl core::fmt::Debug for Account {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Account").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Account {
    pub(crate) fn new(mnemonic: &str, address: &str, number: usize, prefix: &Bech32Prefix) -> Self {
        let mnemonic = Mnemonic::parse(mnemonic).expect("written by plumed");
        let key = mnemonic.derive("", &HdPath::cosmos(0, 0).expect("a path")).expect("a key");
        let signer = Signer::from(key);
        assert_eq!(signer.bech32(prefix), address, "the mnemonic is the account's");
        let sink = prefix.account(&hashed_address(b"sink", address.as_bytes()));
        Self { signer, address: address.to_owned(), sink, number: number as u64 }
    }

    /// Address as text.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its key.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Its number on the chain.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// An unsigned payment of one base unit to the sink.
    pub fn payment(&self, chain_id: &str, denom: &str) -> TxDraft {
        let amount = vec![Coin { denom: denom.to_owned(), amount: "1".to_owned() }];
        TxDraft::new(chain_id, &MsgSend { from_address: self.address.clone(), to_address: self.sink.clone(), amount })
    }

    /// Address of the account that it pays to.
    pub fn sink(&self) -> &str {
        &self.sink
    }

    /// [`Account::payment`], signed as the account's `sequence`th transaction.
    pub fn pay(&self, chain_id: &str, denom: &str, sequence: u64) -> Bytes {
        self.payment(chain_id, denom).sign(&[(&self.signer, self.number, sequence)])
    }

    /// How many transactions of the account a node has committed; `None` while it cannot be asked.
    pub fn sequence(&self, rpc: &RpcClient) -> Option<u64> {
        rpc.account(&self.address).ok().flatten().map(|account| account.sequence)
    }
}

/// Accounts that pay as fast as blocks take their payments, one payment each at a time.
pub struct Load {
    stop: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<u64>>,
}

impl Load {
    /// Starts paying from the first `accounts` accounts of `network`. A payment that is not committed in time is
    /// handed to another node.
    pub fn start(network: &Network, accounts: usize) -> Self {
        let (stop, committed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let payer = |(index, account): (usize, &Account)| {
            let payer = Payer {
                account: account.clone(),
                rpcs: network.rpcs(),
                chain_id: network.chain_id().to_owned(),
                denom: network.denom().to_owned(),
                next: index,
            };
            let (stop, committed) = (Arc::clone(&stop), Arc::clone(&committed));
            std::thread::spawn(move || payer.run(&stop, &committed))
        };
        let threads = network.accounts().iter().take(accounts).enumerate().map(payer).collect();
        Self { stop, committed, threads }
    }

    /// Payments committed so far.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Waits until `more` payments were committed from now on.
    pub fn wait_for(&self, more: u64) {
        let target = self.committed() + more;
        until(&format!("{more} more payments"), || (self.committed() >= target).then_some(()));
    }

    /// Stops; every payment that was begun is committed. How many each account made.
    ///
    /// # Panics
    /// When a payment never got into a block.
    pub fn finish(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("every payment was committed")).collect()
    }
}

struct Payer {
    account: Account,
    rpcs: Vec<RpcClient>,
    chain_id: String,
    denom: String,
    next: usize,
}

impl Payer {
    fn run(mut self, stop: &AtomicBool, committed: &AtomicU64) -> u64 {
        let mut sequence = 0;
        while !stop.load(Ordering::Relaxed) {
            let tx = self.account.pay(&self.chain_id, &self.denom, sequence);
            until(&format!("block with payment {sequence} of {}", self.account.address), || {
                self.try_commit(&tx, sequence)
            });
            sequence += 1;
            committed.fetch_add(1, Ordering::Relaxed);
        }
        sequence
    }

    /// Hands the payment to the next node and looks there for a while whether it is committed.
    fn try_commit(&mut self, tx: &Bytes, sequence: u64) -> Option<()> {
        let rpc = &self.rpcs[self.next % self.rpcs.len()];
        self.next += 1;
        let deadline = Instant::now() + RESEND_AFTER;
        // Refused, or unreachable: it may be in a block already, or the next node takes it.
        let accepted = rpc.broadcast_tx_sync(tx).is_ok_and(|answer| answer.code == 0);
        loop {
            if self.account.sequence(rpc)? > sequence {
                return Some(());
            }
            if !accepted || Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(POLL);
        }
    }
}
