//! One simulated node: what of it survives its process, and how a process of it runs.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use plume_engine::Genesis;
use plume_events::EventBus;
use plume_home::keys::{KeyPair, consensus_address};
use plume_mempool::{Mempool, MempoolConfig};
use plume_p2p::{NodeKey, PeerAddress, PeerId};
use plume_primitives::{Height, Timestamp};
use plume_raft::{Allowed, Hooks, Node, NodeOptions, Settings, Step, View};
use plume_store::BlockStore;
use plume_wal::{Disk, FaultyDisk};

use crate::app::{App, Machine};
use crate::ledger::Ledger;
use crate::net::Simulated;

/// Seconds of the genesis time; simulated time begins there.
pub const EPOCH: i64 = 1_700_000_000;
const PORT: u16 = 26656;

/// What tests see of a running process. Gone with it.
pub struct Handles {
    pub store: BlockStore,
    pub mempool: Mempool<App>,
    pub view: Arc<View>,
    pub events: EventBus,
}

/// What changes.
pub struct Life {
    pub disk: FaultyDisk,
    pub handles: Option<Handles>,
    /// Why the process ended by itself.
    pub ended: Option<String>,
    /// The process must die at this step of the first height from this one on.
    pub die_at: Option<(Step, u64)>,
    /// It reached that step, at this height.
    pub died: Option<u64>,
    /// A fault is planned that may end the process.
    pub may_end: bool,
    pub up: bool,
}

/// See the module's text.
pub struct Machinery {
    pub index: usize,
    pub name: String,
    pub key: KeyPair,
    pub node_key: KeyPair,
    pub app: App,
    pub data: PathBuf,
    pub life: Mutex<Life>,
    pub skew_ms: AtomicI64,
    pub settings: Settings,
    pub genesis: Genesis,
    pub peers: Vec<PeerAddress>,
    pub ledger: Arc<Mutex<Ledger>>,
}

pub fn name(index: usize) -> String {
    format!("n{index}")
}

pub fn key(index: usize) -> KeyPair {
    KeyPair::from_seed([u8::try_from(index).expect("few nodes") + 1; 32])
}

pub fn node_key(index: usize) -> KeyPair {
    KeyPair::from_seed([u8::try_from(index).expect("few nodes") + 101; 32])
}

pub fn peer_address(index: usize) -> PeerAddress {
    PeerAddress { id: peer_id(index), host: name(index), port: PORT }
}

fn peer_id(index: usize) -> PeerId {
    NodeKey::from(&node_key(index)).id()
}

/// Simulated time since the beginning of the chain.
fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl Machinery {
    pub fn address(&self) -> [u8; 20] {
        consensus_address(&self.key.public())
    }

    pub fn sign_state(&self) -> PathBuf {
        self.data.join("priv_validator_state.json")
    }

    fn now(&self) -> Timestamp {
        let skew = i128::from(self.skew_ms.load(Ordering::Relaxed)) * 1_000_000;
        let nanos = i128::from(EPOCH) * 1_000_000_000 + elapsed().as_nanos() as i128 + skew;
        Timestamp::from_unix_nanos(nanos).expect("a time of this century")
    }

    fn at(&self, step: Step, height: Height) {
        let height = height.get();
        if step == Step::Broadcast {
            let disk = self.life.lock().disk.clone();
            let record = disk.read(&self.sign_state()).expect("the record is there");
            self.ledger.lock().signed(self.address(), height, &record);
        }
        let mut life = self.life.lock();
        if life.die_at.is_some_and(|(at, from)| at == step && height >= from) {
            life.die_at = None;
            life.died = Some(height);
            // Nothing that it still does reaches the disk.
            life.disk.crash_after(0);
            drop(life);
            resume_unwind(Box::new(format!("killed at {}", step.name())));
        }
    }

    fn options(self: &Arc<Self>) -> NodeOptions {
        let disk = self.life.lock().disk.clone();
        disk.create_dir_all(&self.data).expect("a folder");
        std::fs::create_dir_all(&self.data).expect("a folder");
        let mut p2p = plume_p2p::Config::new("", self.name.clone(), Vec::new(), rand_seed(self.index));
        p2p.listen = Some(format!("0.0.0.0:{PORT}"));
        p2p.persistent_peers = self.peers.clone();
        // What turmoil drops is never sent again, so a partition ends a connection. TCP would go on after it; these
        // times stand for that.
        (p2p.ping_interval, p2p.pong_timeout) = (Duration::from_millis(500), Duration::from_millis(1000));
        (p2p.dial_timeout, p2p.handshake_timeout) = (Duration::from_millis(500), Duration::from_secs(2));
        (p2p.backoff_min, p2p.backoff_max) = (Duration::from_millis(50), Duration::from_millis(400));
        let (clock, hook) = (self.clone(), self.clone());
        NodeOptions {
            data: self.data.clone(),
            genesis: self.genesis.clone(),
            settings: self.settings.clone(),
            mempool: MempoolConfig::default(),
            index: false,
            p2p,
            allowed: Allowed { listed: self.peers.iter().map(|peer| peer.id).collect() },
            node_key: self.node_key.clone(),
            validator_key: self.key.clone(),
            sign_state: self.sign_state(),
            network: Arc::new(Simulated),
            disk: Arc::new(disk),
            clock: Arc::new(move || clock.now()),
            hooks: Hooks::new(move |step, height| hook.at(step, height)),
            inline: true,
        }
    }

    /// One life of the process; returns only with the simulation.
    pub async fn run(self: Arc<Self>) -> turmoil::Result {
        if !self.life.lock().up {
            return std::future::pending().await;
        }
        match Node::start(Machine::new(self.app.clone()), self.options()).await {
            Err(error) => self.life.lock().ended = Some(format!("start: {error}")),
            Ok(node) => {
                let handles = Handles {
                    store: node.store.clone(),
                    mempool: node.mempool.clone(),
                    view: node.view.clone(),
                    events: node.events.clone(),
                };
                self.life.lock().handles = Some(handles);
                let mut ended = node.ended();
                let reason = match ended.wait_for(Option::is_some).await.as_deref() {
                    Ok(Some(Err(fatal))) => fatal.to_string(),
                    Ok(_) => "stopped".to_owned(),
                    Err(_) => "the driver is gone".to_owned(),
                };
                self.life.lock().ended = Some(reason);
            }
        }
        std::future::pending().await
    }
}

/// Differs from start to start.
fn rand_seed(index: usize) -> u64 {
    u64::try_from(elapsed().as_nanos()).unwrap_or(0) * 16 + index as u64
}
