//! The toy state machine behind the real CometBFT.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plume_cometbft::{CometBft, Stop, SupervisorOptions, run};
use plume_engine::{BlockRecord, BroadcastMode, Engine, EngineError, IncludedTx};
use plume_home::config::Config;
use plume_home::genesis::{GenesisDoc, GenesisValidator, cometbft_params};
use plume_home::home::Home;
use plume_home::keys::KeyPair;
use plume_primitives::Height;
use prost::Message;
use rand::Rng;
use sha2::{Digest, Sha256};
use tendermint_proto::v0_38::types;

use crate::toy::Toy;

/// Long enough for a loaded machine, short enough that a hung test ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names the home in which [`app_process`] runs a node.
const HOME_VARIABLE: &str = "PLUME_COMETBFT_TEST_HOME";

/// CometBFT's own binary; tests of whole networks run the host of this crate. Its absence is a failure: a skipped test
/// would prove nothing.
pub fn cometbft() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/cometbft");
    let binary = std::env::var_os("PLUME_COMETBFT").map_or(own, PathBuf::from);
    plume_cometbft::find_binary(Some(&binary), None).unwrap_or_else(|error| panic!("{error}; or set PLUME_COMETBFT"))
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A single validator in its own folder, on ports that were free a moment ago.
struct Node {
    folder: tempfile::TempDir,
    rpc: CometBft,
}

impl Node {
    fn new(configure: impl FnOnce(Config) -> Config) -> Self {
        let folder = tempfile::tempdir().expect("temp dir");
        // Below those that the kernel gives to outgoing connections, of which one could take a port before CometBFT does.
        let free = || {
            let any = || rand::thread_rng().gen_range(11_000..32_000);
            std::iter::repeat_with(any)
                .find_map(|port: u16| TcpListener::bind(("127.0.0.1", port)).ok())
                .expect("no end")
        };
        let ports = [free(), free()];
        let laddr = |index: usize| format!("tcp://{}", ports[index].local_addr().expect("bound"));
        let config = configure(Config {
            rpc_laddr: laddr(0),
            p2p_laddr: laddr(1),
            log_level: "error".to_owned(),
            ..Config::default()
        });
        let home = Home::new(folder.path());
        let validator = KeyPair::from_seed([1; 32]);
        home.init_with_keys(&config, &validator, &KeyPair::from_seed([2; 32])).expect("writable");
        home.write_genesis(&GenesisDoc {
            time: "2026-01-01T00:00:00Z".parse().expect("RFC 3339"),
            chain_id: "toy-1".to_owned(),
            initial_height: Height(1),
            consensus_params: cometbft_params(),
            validators: vec![GenesisValidator { key: validator.public(), power: 10, name: "one".to_owned() }],
            app_hash: Bytes::new(),
            app_state: serde_json::json!({ "a": "0" }),
        })
        .expect("writable");
        Self { rpc: CometBft::new(&config.rpc_laddr), folder }
    }

    fn options(&self) -> SupervisorOptions {
        SupervisorOptions { binary: Some(cometbft()), ..SupervisorOptions::new(self.folder.path()) }
    }

    fn state_file(home: &Path) -> PathBuf {
        home.join("data/toy.json")
    }

    fn height(&self) -> u64 {
        until("status", || self.rpc.status().ok()).height.get()
    }

    fn block(&self, height: u64) -> BlockRecord {
        until("block", || self.rpc.block(Some(Height(height))).ok().flatten())
    }

    /// Broadcasts until the mempool has it, then waits for its block.
    fn commit(&self, tx: &str) -> IncludedTx {
        let bytes = Bytes::from(tx.to_owned());
        let outcome = until("broadcast", || match self.rpc.broadcast(bytes.clone(), BroadcastMode::Sync) {
            Ok(outcome) => Some(outcome.check),
            // Sent before a kill, and kept in a block or the mempool.
            Err(EngineError::Refused(text)) if text.contains("already exists") => Some(Default::default()),
            Err(_) => None,
        });
        assert_eq!(outcome.code, 0, "{}", outcome.log);
        self.included(tx)
    }

    fn included(&self, tx: &str) -> IncludedTx {
        until("transaction", || self.rpc.tx(Sha256::digest(tx).into()).ok().flatten())
    }

    /// The node as a process of its own, so that it can be killed.
    fn start_process(&self) -> App {
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["chain::app_process", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(HOME_VARIABLE, self.folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("runs");
        App { child }
    }
}

/// Stops the node also when the test fails; its scope could not end otherwise.
struct StopAtEnd(Stop);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.request();
    }
}

struct App {
    child: Child,
}

impl App {
    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    fn cometbft(&self) -> Pid {
        until("child process", || self.children().into_iter().next())
    }

    fn children(&self) -> Vec<Pid> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        lists
            .flat_map(|list| {
                list.split_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("still running");
    }

    fn wait(mut self) -> std::process::ExitStatus {
        until("end of the process", || self.child.try_wait().expect("ours"))
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Ended already, in a test that passed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: the body of the processes that [`Node::start_process`] starts.
#[test]
#[ignore = "runs only as a child of the tests below"]
fn app_process() {
    let Some(home) = std::env::var_os(HOME_VARIABLE).map(PathBuf::from) else { return };
    let toy = Toy::on_disk(&Node::state_file(&home));
    let code = run(toy, &SupervisorOptions { binary: Some(cometbft()), ..SupervisorOptions::new(home) })
        .unwrap_or_else(|error| {
            eprintln!("{error}");
            70
        });
    std::process::exit(code);
}

#[test]
fn a_chain_commits_transactions_rests_when_idle_and_stops_cleanly() {
    let node = Node::new(|config| config);
    let stop = Stop::default();
    let options = SupervisorOptions { stop: stop.clone(), ..node.options() };
    let toy = Toy::on_disk(&Node::state_file(node.folder.path()));
    let shared = toy.shared();
    std::thread::scope(|scope| {
        let _guard = StopAtEnd(options.stop.clone());
        let running = scope.spawn(|| run(toy, &options));

        let set = node.commit("b=1");
        assert_eq!(
            (set.index, set.tx.as_ref(), set.result.code, set.result.data.as_ref()),
            (0, &b"b=1"[..], 0, &b"1"[..])
        );
        assert_eq!((set.result.gas_wanted.get(), set.result.gas_used.get()), (10, 5));
        assert_eq!(set.result.events[0].value("key"), Some("b"));
        assert_eq!(node.rpc.tx([7; 32]), Ok(None));

        let refused = node.rpc.broadcast(Bytes::from_static(b"junk"), BroadcastMode::Sync).expect("answered").check;
        assert_eq!((refused.code, refused.codespace.as_str(), refused.log.as_str()), (1, "toy", "no pair: junk"));
        let known = node.rpc.broadcast(Bytes::from_static(b"b=1"), BroadcastMode::Sync);
        assert_eq!(known, Err(EngineError::Refused("tx already exists in cache".to_owned())));
        let unchecked = node.rpc.broadcast(Bytes::from_static(b"c=1"), BroadcastMode::Async).expect("answered");
        assert_eq!((unchecked.check, unchecked.hash), (Default::default(), <[u8; 32]>::from(Sha256::digest(b"c=1"))));
        node.included("c=1");
        node.commit(&format!("val:{}:1", hex::encode([0x66; 32])));

        // The state hash of a block is in the next header, and the same over RPC.
        let status = node.rpc.status().expect("answered");
        assert_eq!((status.chain_id.as_str(), status.catching_up), ("toy-1", false));
        // Optimistic execution was used, not only possible.
        assert!(
            shared.calls().iter().any(|call| call.starts_with("finalize") && call.ends_with("ahead")),
            "{:?}",
            shared.calls()
        );

        // An idle chain makes at most one empty block per interval.
        let quiet = node.height() + 2;
        until("three idle blocks", || (node.height() >= quiet + 3).then_some(()));
        for height in quiet..quiet + 3 {
            let pause = node.block(height + 1).time.since(node.block(height).time).expect("times grow");
            assert!(pause >= Duration::from_millis(900), "block {height} and the next are only {pause:?} apart");
        }

        for height in [1, set.height.get(), quiet] {
            check_encoding(&node, height);
        }
        assert_eq!(node.rpc.block(Some(Height(1_000_000))), Ok(None));
        assert_eq!(node.rpc.block(Some(Height(0))), Ok(None));
        assert!(node.rpc.block(None).expect("answered").expect("there").height.get() >= quiet + 3);

        stop.request();
        assert_eq!(running.join().expect("no panic").expect("clean"), 0);
    });
    assert_eq!(shared.calls().last().map(String::as_str), Some("drain"));
    assert_eq!(shared.committed.lock().pairs.get("b").map(String::as_str), Some("1"));
    assert!(!node.folder.path().join("data/abci.sock").exists());
    assert!(matches!(node.rpc.status(), Err(EngineError::Unavailable(_))));
}

/// Our encoding of a block is Go's: its parts have the hash that the validators signed.
fn check_encoding(node: &Node, height: u64) {
    let record = node.block(height);
    assert_eq!(record.height, Height(height));
    let answer = node.rpc.call("block", serde_json::json!({ "height": height.to_string() })).expect("answered");
    let parts = &answer["block_id"]["parts"];
    assert_eq!(answer["block_id"]["hash"].as_str().map(str::to_owned), Some(hex::encode_upper(&record.hash)));
    assert_eq!(parts["total"].as_u64(), Some(1), "small blocks have one part");
    // One leaf: its hash is the root.
    let root = Sha256::new().chain_update([0]).chain_update(&record.block).finalize();
    assert_eq!(parts["hash"].as_str(), Some(hex::encode_upper(root).as_str()), "block {height}");
    assert!(types::Block::decode(record.block).is_ok());
}

#[test]
fn an_idle_chain_without_interval_makes_no_blocks_at_all() {
    let node = Node::new(|config| Config { empty_block_interval_ms: 0, ..config });
    let stop = Stop::default();
    let options = SupervisorOptions { stop: stop.clone(), ..node.options() };
    std::thread::scope(|scope| {
        let _guard = StopAtEnd(options.stop.clone());
        let running = scope.spawn(|| run(Toy::on_disk(&Node::state_file(node.folder.path())), &options));
        let first = node.commit("b=1").height.get();
        // The block that proves the new state hash follows at once, and nothing after it: the
        // next transaction finds the chain where it was left.
        let second = node.commit("c=1").height.get();
        assert_eq!(second, first + 2);
        stop.request();
        assert_eq!(running.join().expect("no panic").expect("clean"), 0);
    });
}

#[test]
fn a_node_killed_in_whatever_way_comes_back_with_what_it_had() {
    let node = Node::new(|config| config);
    let mut sent = Vec::new();
    let mut send = |count: usize| {
        for _ in 0..count {
            let tx = format!("key{}={}", sent.len(), sent.len());
            node.commit(&tx);
            sent.push(tx);
        }
        sent.clone()
    };

    // The application alone: CometBFT goes with it at once.
    let app = node.start_process();
    send(3);
    let orphan = app.cometbft();
    app.signal(Signal::SIGKILL);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&app.wait()), Some(9));
    until("end of the orphan", || kill(orphan, None).is_err().then_some(()));

    // CometBFT alone: the application ends, in order, and passes the signal on as 128 + 9.
    let app = node.start_process();
    send(3);
    kill(app.cometbft(), Signal::SIGKILL).expect("running");
    assert_eq!(app.wait().code(), Some(137));

    // Both, in the other order.
    let app = node.start_process();
    send(3);
    let child = app.cometbft();
    // It may be gone by itself within the same instant.
    app.signal(Signal::SIGKILL);
    let _ = kill(child, Signal::SIGKILL);
    app.wait();

    // Asked politely, under each signal.
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let app = node.start_process();
        send(1);
        app.signal(signal);
        assert_eq!(app.wait().code(), Some(0), "{signal}");
    }

    // State lost, blocks kept: everything is replayed.
    std::fs::remove_file(Node::state_file(node.folder.path())).expect("written by the runs above");
    let app = node.start_process();
    let all = send(1);
    for tx in &all {
        assert_eq!(node.included(tx).result.code, 0);
    }
    app.signal(Signal::SIGTERM);
    assert_eq!(app.wait().code(), Some(0));
    let state: crate::toy::State =
        serde_json::from_slice(&std::fs::read(Node::state_file(node.folder.path())).expect("there"))
            .expect("written by the toy");
    assert_eq!(state.pairs.len(), all.len() + 1, "with the pair of the genesis");
}

#[test]
fn a_fatal_condition_stops_both_with_its_text() {
    let node = Node::new(|config| config);
    let options = node.options();
    std::thread::scope(|scope| {
        let _guard = StopAtEnd(options.stop.clone());
        let running = scope.spawn(|| run(Toy::on_disk(&Node::state_file(node.folder.path())), &options));
        node.commit("b=1");
        node.rpc.broadcast(Bytes::from_static(b"fatal"), BroadcastMode::Sync).expect("accepted by the check");
        let error = running.join().expect("no panic").expect_err("fatal").to_string();
        assert!(
            error == "fatal: FinalizeBlock: disk is gone" || error == "fatal: executing a proposal ahead: disk is gone",
            "{error}"
        );
    });
}

/// `--engine abci`: somebody else runs CometBFT, and restarts it while the application lives on with a newer state
/// than any handshake of a fresh process would assume.
#[test]
fn cometbft_alone_restarts_against_a_living_application() {
    let node = Node::new(|config| config);
    let address = plume_cometbft::ListenAddress::Unix(node.folder.path().join("abci.sock"));
    let (server, shared) = crate::toy::serve(&address, plume_cometbft::ServerOptions::default());
    for round in 0..4 {
        let child = Command::new(cometbft())
            .args(["start", "--abci", "socket", "--proxy_app"])
            .arg(address.to_string())
            .arg("--home")
            .arg(node.folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("runs");
        let engine = App { child };
        for key in 0..3 {
            node.commit(&format!("key{round}{key}=1"));
        }
        // Leaves a block in whatever state it is in.
        node.rpc.broadcast(Bytes::from(format!("last{round}=1")), BroadcastMode::Async).expect("running");
        engine.signal(Signal::SIGKILL);
        engine.wait();
    }
    assert!(server.fatal().borrow().is_none());
    assert_eq!(shared.calls().iter().filter(|call| *call == "discard").count(), 4, "once per session");
    let committed = shared.committed.lock().clone();
    assert!((0..4).all(|round| (0..3).all(|key| committed.pairs.contains_key(&format!("key{round}{key}")))));
    let finalized: Vec<_> = shared.calls().into_iter().filter(|call| call.starts_with("commit ")).collect();
    let expected: Vec<_> = (1..=committed.height).map(|height| format!("commit {height}")).collect();
    assert_eq!(finalized, expected, "every height once, in order");
    server.stop().expect("healthy");
}
