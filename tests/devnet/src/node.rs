use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plume_client::RpcClient;
use plume_engine::ValidatorKey;
use plume_home::home::Home;
use plume_home::keys::consensus_address;
use plume_store::{BlockStore, StoreOptions};
use serde_json::json;

use crate::engine::Engine;
use crate::network::read_json;

/// Long enough for a loaded machine, short enough that a hung run ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the kernel may take to end a killed process.
const KILLED: Duration = Duration::from_secs(20);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Polls until there is something.
///
/// # Panics
/// When there is nothing within two minutes.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("no {what} within {PATIENCE:?}"))
}

/// Polls until there is something, or the time has passed.
pub fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(POLL);
    }
}

/// The `plumed` binary: `PLUMED`, else the one that cargo built beside this program.
///
/// # Panics
/// When there is none: a skipped run would prove nothing.
pub fn plumed() -> PathBuf {
    let explicit = std::env::var_os("PLUMED").map(PathBuf::from);
    explicit.unwrap_or_else(|| beside("plumed", "run `cargo build -p plumed`, or set PLUMED"))
}

/// A command that is killed if it takes more than two minutes; its exit code is then 124.
pub fn bounded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(PATIENCE.as_secs().to_string()).arg(program);
    command
}

/// This package's own node, see `src/bin/node.rs`.
pub(crate) fn devnet_node() -> PathBuf {
    beside("devnet-node", "run `cargo build -p plume-tests-devnet`")
}

/// A program that cargo built beside this one.
fn beside(name: &str, advice: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("this program has a path");
    let found = exe.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no {name} beside {}: {advice}", exe.display()))
}

/// The `cometbft` binary: `PLUMED_COMETBFT`, else the project's own tools, else the `PATH`.
///
/// # Panics
/// When there is none.
pub fn cometbft() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin");
    let explicit = std::env::var_os("PLUMED_COMETBFT").map(PathBuf::from);
    plume_cometbft::find_binary(explicit.as_deref(), Some(&tools)).unwrap_or_else(|error| panic!("{error}"))
}

/// Which process of a node is killed. Over Raft there is one, and each of these kills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// `plumed`; the kernel then kills its CometBFT.
    App,
    /// CometBFT; `plumed` then ends by itself.
    Engine,
    /// Both, CometBFT first.
    Both,
}

/// One node, a validator unless its key is in no set.
#[derive(Debug)]
pub struct Node {
    home: PathBuf,
    rpc: RpcClient,
    engine: Engine,
    program: PathBuf,
    process: Option<Child>,
    paused: bool,
}

impl Node {
    pub(crate) fn new(home: PathBuf, rpc_port: u16, engine: Engine, program: PathBuf) -> Self {
        let rpc = RpcClient::new(&format!("http://127.0.0.1:{rpc_port}"), Duration::from_secs(5)).expect("an address");
        Self { home, rpc, engine, program, process: None, paused: false }
    }

    pub(crate) fn set_program(&mut self, program: PathBuf) {
        assert!(self.process.is_none(), "it runs already");
        self.program = program;
    }

    /// Home directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Its RPC.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// Its p2p id.
    pub fn id(&self) -> String {
        Home::new(&self.home).node_id().expect("written by devnet")
    }

    /// Its validator's key.
    pub fn key(&self) -> [u8; 32] {
        match self.validator_key() {
            ValidatorKey::Ed25519(key) => key,
            ValidatorKey::Secp256k1(_) => panic!("devnet makes ed25519 keys"),
        }
    }

    /// Its validator's address as headers have it.
    pub fn address(&self) -> String {
        hex::encode_upper(consensus_address(&self.validator_key()))
    }

    fn validator_key(&self) -> ValidatorKey {
        Home::new(&self.home).validator_key().expect("written by devnet")
    }

    /// The newest height, if it answers.
    pub fn height(&self) -> Option<u64> {
        self.rpc.status().ok().map(|status| status.latest_height)
    }

    /// The first block that it has.
    pub fn first_block(&self) -> u64 {
        let status = until("a status", || self.rpc.call("status", &json!({})).ok());
        status["sync_info"]["earliest_block_height"].as_str().expect("a height").parse().expect("a number")
    }

    /// The newest height that its validator has signed, by the record on its disk.
    pub fn signed_height(&self) -> u64 {
        let record = read_json(&self.home.join("data/priv_validator_state.json"));
        record["height"].as_str().expect("a height").parse().expect("a number")
    }

    /// The newest height in the block store of a Raft node that does not run.
    pub fn stored_height(&self) -> u64 {
        self.store().height().get()
    }

    /// The block store of a Raft node that does not run.
    pub(crate) fn store(&self) -> BlockStore {
        assert!(self.process.is_none(), "a store has one owner");
        let options = StoreOptions { index: true, ..StoreOptions::default() };
        BlockStore::open(self.home.join("data/blockstore.db"), options).expect("a whole store")
    }

    /// Whose signatures the commit of a height has, as this node shows it: addresses as headers have them.
    pub fn signers(&self, height: u64) -> BTreeSet<String> {
        let commit = until("a commit", || self.rpc.call("commit", &json!({ "height": height.to_string() })).ok());
        let votes = commit["signed_header"]["commit"]["signatures"].as_array().cloned().unwrap_or_default();
        let addresses = votes.iter().filter_map(|vote| vote["validator_address"].as_str());
        addresses.filter(|address| !address.is_empty()).map(str::to_owned).collect()
    }

    /// Lets the node, which has no state, begin with a snapshot; verified from this header.
    pub fn begin_with_snapshot(&self, trust_height: u64, trust_hash: &str) {
        let file = self.home.join("config/config.toml");
        let text = std::fs::read_to_string(&file).expect("written by devnet");
        let (before, section) = text.split_once("[statesync]").expect("written by devnet");
        let section = section
            .replacen("enable = false", "enable = true", 1)
            .replacen("trust_height = 0", &format!("trust_height = {trust_height}"), 1)
            .replacen("trust_hash = \"\"", &format!("trust_hash = \"{trust_hash}\""), 1)
            // Until one is found, from the first moment on.
            .replacen("discovery_time = \"15s\"", "discovery_time = \"0s\"", 1);
        std::fs::write(&file, format!("{before}[statesync]{section}")).expect("writable home");
    }

    /// Everything that the node and its CometBFT wrote, over all runs.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.home.join("node.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts the node; returns at once.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the node so that it kills itself at `step` of `height`. Only over Raft.
    pub fn start_to_crash(&mut self, step: &str, height: u64) {
        self.start_with(&[("PLUMED_CRASH_AT", format!("{step}:{height}"))]);
    }

    fn start_with(&mut self, environment: &[(&str, String)]) {
        assert!(self.process.is_none(), "started twice");
        let log = File::options().create(true).append(true).open(self.home.join("node.log")).expect("writable home");
        let child = Command::new(&self.program)
            .arg("start")
            .arg("--home")
            .arg(&self.home)
            .args(self.engine.flags())
            // Nobody asks there, and nodes that were added have the same addresses in their files.
            .envs([("PLUMED_GRPC_ENABLE", "false"), ("PLUMED_API_ENABLE", "false")])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        self.process = Some(child);
    }

    /// Waits for a node that ends by itself.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let status = until("end of a node that ends by itself", || self.ended());
        self.process = None;
        status
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().expect("started").try_wait().expect("our child")
    }

    /// Stops the process where it stands; its connections stay open.
    pub fn pause(&mut self) {
        kill(pid(self.process.as_ref().expect("started")), Signal::SIGSTOP).expect("our child");
        self.paused = true;
    }

    /// Lets a paused process go on.
    pub fn resume(&mut self) {
        kill(pid(self.process.as_ref().expect("started")), Signal::SIGCONT).expect("our child");
        self.paused = false;
    }

    /// Whether it was started and may answer.
    pub fn is_up(&self) -> bool {
        self.process.is_some() && !self.paused
    }

    /// Sends SIGKILL and waits for the end of the node.
    pub fn kill(&mut self, victim: Victim) -> ExitStatus {
        let mut child = self.process.take().expect("started");
        self.paused = false;
        let app = pid(&child);
        // Looked at once: plumed may have taken note of its CometBFT's end before a second look.
        let engines = if victim == Victim::App { Vec::new() } else { children(app) };
        for engine in &engines {
            let _ = kill(*engine, Signal::SIGKILL);
        }
        // Over Raft there is no other process; over CometBFT none yet, when the kill comes early.
        if victim != Victim::Engine || engines.is_empty() {
            // It may have ended just now, after its CometBFT.
            let _ = child.kill();
        }
        until("end of a killed node", || child.try_wait().expect("our child"))
    }

    /// Stops the node as an operator would; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.process.take()?;
        // It may have ended by itself; then its own code is what the caller sees.
        let _ = kill(pid(&child), Signal::SIGTERM);
        until("end of a stopped node", || child.try_wait().expect("our child")).code()
    }

    /// Whether the node still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|child| child.try_wait().expect("our child").is_none())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            // The kernel kills its CometBFT.
            let _ = child.kill();
            // It can no more run; a process that the kernel holds must not hold the tests.
            let _ = within(KILLED, || child.try_wait().ok().flatten());
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("pids are below 2^22"))
}

fn children(parent: Pid) -> Vec<Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .map(Pid::from_raw)
        .collect()
}
