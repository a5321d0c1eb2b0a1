//! A simulated network of nodes, its clients, and the checks that hold after every fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use plume_block::params;
use plume_engine::{Genesis, ValidatorUpdate};
use plume_mempool::Origin;
use plume_primitives::{Height, Timestamp};
use plume_raft::{BlockSettings, Seen, Settings, Step};
use plume_wal::FaultyDisk;
use tempfile::TempDir;

use crate::app::{App, Tx};
use crate::ledger::Ledger;
use crate::node::{EPOCH, Life, Machinery, key, name, node_key, peer_address};

pub const CHAIN: &str = "sim-1";
const TICK: Duration = Duration::from_millis(2);
/// Ticks between two looks at the nodes.
const LOOK: u64 = 3;
/// A client sends again, to another node, what is not included after this time.
const PATIENCE: Duration = Duration::from_secs(3);
/// No fault may cost more simulated time than this.
pub const BOUND: Duration = Duration::from_secs(20);

/// What a network is made of.
pub struct Plan {
    pub test: &'static str,
    pub validators: usize,
    /// Full nodes, with the highest numbers.
    pub followers: usize,
    pub clients: usize,
    pub seed: u64,
    pub settings: Settings,
}

impl Plan {
    pub fn new(test: &'static str, validators: usize) -> Self {
        let consensus = BlockSettings { timeout_commit: Duration::from_millis(60), ..Settings::default().consensus };
        let settings = Settings { consensus, ..Settings::default() };
        Self { test, validators, followers: 0, clients: 4, seed: 1, settings }
    }

    pub fn followers(self, followers: usize) -> Self {
        Self { followers, ..self }
    }

    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    pub fn start(self) -> Cluster {
        Cluster::start(self)
    }
}

/// A client with one transaction on its way at a time.
struct Client {
    name: String,
    sequence: u64,
    body: Option<String>,
    sent: Option<(Duration, usize)>,
}

/// See the module's text.
pub struct Cluster {
    pub sim: turmoil::Sim<'static>,
    pub nodes: Vec<Arc<Machinery>>,
    pub ledger: Arc<Mutex<Ledger>>,
    clients: Vec<Client>,
    loaded: bool,
    /// Height up to which each node's store was read.
    read: Vec<u64>,
    ticks: u64,
    test: &'static str,
    began: Instant,
    _dir: TempDir,
}

impl Cluster {
    fn start(plan: Plan) -> Self {
        log();
        let count = plan.validators + plan.followers;
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let dir = dir.expect("a folder");
        let ledger = Arc::new(Mutex::new(Ledger::new(CHAIN)));
        let genesis = Genesis {
            chain_id: CHAIN.to_owned(),
            time: Timestamp::new(EPOCH, 0).expect("a time"),
            initial_height: Height(1),
            consensus_params: params::defaults(),
            validators: (0..plan.validators).map(|i| ValidatorUpdate { key: key(i).public(), power: 10 }).collect(),
            app_state: bytes::Bytes::from_static(b"{}"),
        };
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(3600))
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(6))
            .tcp_capacity(65_536)
            .rng_seed(plan.seed)
            .build();
        let nodes: Vec<Arc<Machinery>> = (0..count)
            .map(|index| {
                Arc::new(Machinery {
                    index,
                    name: name(index),
                    key: key(index),
                    node_key: node_key(index),
                    app: App::default(),
                    data: dir.path().join(name(index)).join("data"),
                    life: Mutex::new(Life {
                        disk: FaultyDisk::new(plan.seed * 100 + index as u64),
                        handles: None,
                        ended: None,
                        die_at: None,
                        died: None,
                        may_end: false,
                        up: true,
                    }),
                    skew_ms: AtomicI64::new(index as i64 * 7),
                    settings: plan.settings.clone(),
                    genesis: genesis.clone(),
                    peers: (0..count).filter(|other| *other != index).map(peer_address).collect(),
                    ledger: ledger.clone(),
                })
            })
            .collect();
        for node in &nodes {
            let node = node.clone();
            sim.host(node.name.clone(), move || node.clone().run());
        }
        let client = |number| Client { name: format!("c{number}"), sequence: 0, body: None, sent: None };
        let mut cluster = Self {
            sim,
            read: vec![0; count],
            nodes,
            ledger,
            clients: (0..plan.clients).map(client).collect(),
            loaded: true,
            ticks: 0,
            test: plan.test,
            began: Instant::now(),
            _dir: dir,
        };
        let took = cluster.until("the first blocks", BOUND, |it| it.height() >= 3);
        cluster.say("first three blocks", took);
        cluster
    }

    pub fn say(&self, what: &str, took: Duration) {
        println!("{}: {what}: {:.2} s (simulated)", self.test, took.as_secs_f64());
    }

    /// The greatest height decided by anybody.
    pub fn height(&self) -> u64 {
        self.ledger.lock().height()
    }

    pub fn life(&self, node: usize) -> MutexGuard<'_, Life> {
        self.nodes[node].life.lock()
    }

    pub fn seen(&self, node: usize) -> Option<Seen> {
        self.life(node).handles.as_ref().map(|handles| handles.view.seen())
    }

    pub fn height_of(&self, node: usize) -> u64 {
        self.life(node).handles.as_ref().map_or(0, |handles| handles.store.height().get())
    }

    fn pool(&self, node: usize) -> usize {
        self.life(node).handles.as_ref().map_or(0, |handles| handles.mempool.size())
    }

    pub fn up(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.life(*node).up).collect()
    }

    /// The node that leads in the newest term.
    pub fn leader(&self) -> Option<usize> {
        let leaders = self.up().into_iter().filter_map(|node| Some((self.seen(node)?, node)));
        leaders.filter(|(seen, _)| seen.is_leader).max_by_key(|(seen, _)| seen.term).map(|(_, node)| node)
    }

    pub fn wait_leader(&mut self) -> usize {
        self.until("a leader", BOUND, |it| it.leader().is_some());
        self.leader().expect("just seen")
    }

    pub fn follower(&mut self) -> usize {
        let leader = self.wait_leader();
        self.up().into_iter().find(|node| *node != leader).expect("a second node")
    }

    pub fn others(&self, node: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|other| *other != node).collect()
    }

    // Time.

    fn step(&mut self) {
        self.sim.step().expect("the simulation goes on");
        self.ticks += 1;
        if self.ticks.is_multiple_of(LOOK) {
            self.look();
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step();
        }
    }

    /// Runs until it is so; gives the simulated time that it took.
    pub fn until(&mut self, what: &str, limit: Duration, so: impl Fn(&Self) -> bool) -> Duration {
        let begin = self.sim.elapsed();
        loop {
            if so(self) {
                return self.sim.elapsed() - begin;
            }
            let waited = self.sim.elapsed() - begin;
            assert!(waited < limit, "{}: no {what} after {waited:?}\n{}", self.test, self.status());
            self.step();
        }
    }

    /// Runs until the chain has this many more blocks.
    pub fn grow(&mut self, blocks: u64) -> Duration {
        let target = self.height() + blocks;
        self.until(&format!("block {target}"), BOUND, |it| it.height() >= target)
    }

    /// Runs until this node has what the chain has now.
    pub fn catch_up(&mut self, node: usize) -> Duration {
        let target = self.height();
        self.until(&format!("block {target} on node {node}"), BOUND, |it| it.height_of(node) >= target)
    }

    // Observation.

    fn look(&mut self) {
        for node in 0..self.nodes.len() {
            self.read_store(node);
            let (died, ended) = {
                let life = self.life(node);
                (life.up && life.died.is_some(), life.up && life.ended.is_some())
            };
            if ended && !died {
                let life = self.life(node);
                assert!(life.may_end, "{}: node {node} ended: {:?}\n", self.test, life.ended);
            }
            if died || ended {
                self.kill(node);
            }
        }
        let violations = std::mem::take(&mut self.ledger.lock().violations);
        assert!(violations.is_empty(), "{}: {violations:?}", self.test);
        if self.loaded {
            self.drive();
        }
    }

    fn read_store(&mut self, node: usize) {
        let life = self.nodes[node].life.lock();
        let Some(handles) = &life.handles else { return };
        let mut ledger = self.ledger.lock();
        while self.read[node] < handles.store.height().get() {
            self.read[node] += 1;
            ledger.stored(node, &handles.store, self.read[node]);
        }
    }

    // Clients.

    /// Whether clients send.
    pub fn load(&mut self, on: bool) {
        self.loaded = on;
    }

    fn drive(&mut self) {
        let now = self.sim.elapsed();
        let up: Vec<usize> = self.up();
        for number in 0..self.clients.len() {
            self.drive_client(number, &up, now, true);
        }
    }

    fn drive_client(&mut self, number: usize, up: &[usize], now: Duration, more: bool) {
        let client = &mut self.clients[number];
        if self.ledger.lock().included.contains_key(&(client.name.clone(), client.sequence)) {
            client.sequence += 1;
            (client.body, client.sent) = (None, None);
        }
        if client.body.is_none() && !more {
            return;
        }
        let target = match client.sent {
            Some((at, _)) if now < at + PATIENCE => return,
            Some((_, node)) => node + 1,
            None => number + client.sequence as usize,
        };
        if up.is_empty() {
            return;
        }
        let target = up[target % up.len()];
        let sequence = client.sequence;
        let body = client.body.get_or_insert_with(|| format!("{}={sequence}", client.name));
        let tx = Tx { client: client.name.clone(), sequence, body: body.clone() };
        client.sent = Some((now, target));
        if let Some(handles) = &self.nodes[target].life.lock().handles {
            // Known there already is fine; a full or closing one is tried again elsewhere.
            drop(handles.mempool.check(tx.encode(), Origin::Local));
        }
    }

    /// Includes a transaction with this body.
    pub fn submit(&mut self, body: String) -> Duration {
        let name = format!("x{}", self.ticks);
        self.clients.push(Client { name: name.clone(), sequence: 0, body: Some(body), sent: None });
        let number = self.clients.len() - 1;
        let begin = self.sim.elapsed();
        loop {
            let (up, now) = (self.up(), self.sim.elapsed());
            self.drive_client(number, &up, now, false);
            if self.ledger.lock().included.contains_key(&(name.clone(), 0)) {
                self.clients.pop();
                return now - begin;
            }
            assert!(now < begin + BOUND, "{}: a transaction is not included\n{}", self.test, self.status());
            self.step();
        }
    }

    // Faults.

    /// The machine loses its power.
    pub fn kill(&mut self, node: usize) {
        self.read_store(node);
        let machinery = self.nodes[node].clone();
        self.sim.crash(machinery.name.as_str());
        let mut life = machinery.life.lock();
        life.handles = None;
        life.disk = life.disk.crash();
        (life.up, life.died, life.die_at) = (false, None, None);
        drop(life);
        machinery.app.crash();
    }

    /// It starts again.
    pub fn start_again(&mut self, node: usize) {
        let machinery = self.nodes[node].clone();
        {
            let mut life = machinery.life.lock();
            (life.up, life.ended, life.may_end) = (true, None, false);
        }
        self.sim.bounce(machinery.name.as_str());
    }

    /// Why the node ended by itself.
    pub fn ended(&self, node: usize) -> Option<String> {
        self.life(node).ended.clone()
    }

    /// The node dies at this step of the next height.
    pub fn die_at(&mut self, node: usize, step: Step) {
        let from = self.height() + 2;
        self.life(node).die_at = Some((step, from));
    }

    /// Cuts every link between the two groups.
    pub fn part(&mut self, one: &[usize], other: &[usize]) {
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
            self.sim.partition(name(a).as_str(), name(b).as_str());
        }
    }

    /// Loses everything that `from` sends to `to`.
    pub fn mute(&mut self, from: usize, to: &[usize]) {
        for to in to {
            self.sim.partition_oneway(name(from).as_str(), name(*to).as_str());
        }
    }

    pub fn unmute(&mut self, from: usize, to: &[usize]) {
        for to in to {
            self.sim.repair_oneway(name(from).as_str(), name(*to).as_str());
        }
    }

    pub fn heal(&mut self) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                self.sim.repair(name(a).as_str(), name(b).as_str());
            }
        }
    }

    /// Holds back (or lets go) everything to and from a node, as if its process were stopped.
    pub fn pause(&mut self, node: usize, paused: bool) {
        for other in self.others(node) {
            match paused {
                true => self.sim.hold(name(node).as_str(), name(other).as_str()),
                false => self.sim.release(name(node).as_str(), name(other).as_str()),
            }
        }
    }

    pub fn set_clock(&mut self, node: usize, skew: i64) {
        self.nodes[node].skew_ms.store(skew * 1000, Ordering::Relaxed);
    }

    /// Blocks of the store are read anew from this height on: the node's folder was replaced.
    pub fn read_from(&mut self, node: usize, height: u64) {
        self.read[node] = height;
    }

    // The end.

    /// Brings everybody back, waits until all have everything, and checks that all are at one state.
    pub fn finish(mut self) {
        self.heal();
        for node in 0..self.nodes.len() {
            if !self.life(node).up {
                self.start_again(node);
            }
        }
        self.grow(2);
        self.loaded = false;
        let begin = self.sim.elapsed();
        loop {
            let (up, now) = (self.up(), self.sim.elapsed());
            for number in 0..self.clients.len() {
                self.drive_client(number, &up, now, false);
            }
            if self.clients.iter().all(|client| client.body.is_none()) {
                break;
            }
            assert!(now < begin + BOUND, "{}: transactions are lost\n{}", self.test, self.status());
            self.step();
        }
        let same = |it: &Self| {
            let states: Vec<_> = it.nodes.iter().map(|node| node.app.at()).collect();
            states.iter().all(|state| *state == states[0]) && states[0].0 == it.height()
        };
        self.until("common state of all nodes", BOUND, same);
        self.look();
        let store = self.life(0).handles.as_ref().map(|handles| handles.store.clone()).expect("it runs");
        crate::light::verify(&store);
        drop(store);
        let ledger = self.ledger.lock();
        println!(
            "{}: {} blocks, {} transactions, {} signatures, {} commits verified; {:.1} s simulated, {:.1} s of the wall",
            self.test,
            ledger.height(),
            ledger.included.len(),
            ledger.signatures.len(),
            ledger.commits,
            self.sim.elapsed().as_secs_f64(),
            self.began.elapsed().as_secs_f64(),
        );
    }

    /// Where everybody stands.
    pub fn status(&self) -> String {
        let line = |node: usize| match self.seen(node) {
            None => format!("node {node}: up {}, ended {:?}", self.up().contains(&node), self.ended(node)),
            Some(seen) => format!(
                "node {node}: height {}, round {}, candidate {}, votes {}, term {}, leads {}, leader {}, last log {:?}, \
                 applied {:?}, voters {}, may sign {}, peers {:?}, pool {}, ended {:?}",
                seen.height,
                seen.round,
                seen.candidate.is_some(),
                seen.votes.len(),
                seen.term,
                seen.is_leader,
                seen.leader.is_some(),
                seen.last_log_index,
                seen.applied_index,
                seen.voters,
                seen.confirmed,
                seen.peers.values().collect::<Vec<_>>(),
                self.pool(node),
                self.ended(node),
            ),
        };
        (0..self.nodes.len()).map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Logs of the nodes if `SIM_LOG` names a level.
fn log() {
    if let Some(level) = std::env::var("SIM_LOG").ok().and_then(|level| level.parse::<tracing::Level>().ok()) {
        drop(tracing_subscriber::fmt().with_max_level(level).with_test_writer().try_init());
    }
}
