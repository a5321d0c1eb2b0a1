//! A chain of one's own that goes on with the state of another one, on both engines.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::devnet::{Devnet, cometbft, ended, ports};
use crate::run::plumed;

/// A node that a test started, and ends.
struct Running(Child);

impl Running {
    fn start(home: &Path, args: &[&str]) -> Self {
        let log = File::create(home.join("node.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumed"));
        command.arg("--home").arg(home).args(args).arg("--stop-with-stdin");
        if let Some(path) = cometbft() {
            command.arg("--cometbft").arg(path);
        }
        Self(command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    fn stop(mut self) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(ended(&mut self.0).is_some());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Standard input ends with the handle, and the node with that.
        drop(self.0.stdin.take());
        let _ = ended(&mut self.0);
    }
}

fn json(home: &Path, args: &[&str]) -> Option<Value> {
    serde_json::from_str(&plumed(home, &[args, &["--output", "json"]].concat()).out).ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn balance(home: &Path, address: &str) -> Option<u128> {
    json(home, &["query", "bank", "balance", address, "uplume"])?["balance"]["amount"].as_str()?.parse().ok()
}

fn height(home: &Path) -> Option<u64> {
    json(home, &["status"])?["sync_info"]["latest_block_height"].as_str()?.parse().ok()
}

#[track_caller]
fn wait<T>(home: &Path, what: &str, ready: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = ready() {
            return found;
        }
        let log = || fs::read_to_string(home.join("node.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "waited for {what}\n{}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A home with everything in it.
fn copy(from: &Path, to: &Path) -> PathBuf {
    assert!(Command::new("cp").arg("-R").arg(from).arg(to).status().unwrap().success());
    to.to_owned()
}

#[test]
fn a_new_chain_goes_on_with_the_state_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let (rpc, p2p) = ports();
    let devnet = Devnet::start(dir.path(), rpc, p2p);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| devnet.run(&["keys", "show", name, "-a"]).success());
    let paid = devnet.send(&["tx", "bank", "send", "alice", &bob, "1234uplume", "--fees", "100uplume"]);
    let paid = text(&paid["txhash"]).to_owned();
    let amounts = [&alice, &bob, &carol].map(|address| devnet.balance(address, None));
    let busy = devnet.run(&["in-place-testnet", "try-1", &bob, "-y", "--no-start"]).failure();
    assert!(busy.contains("in use by another process"), "{busy}");
    let home = devnet.stop();
    let last: Value = plumed(&home, &["module-hash-by-height", "-o", "json"]).json();
    let last: u64 = text(&last["version"]).parse().unwrap();
    what_cannot_be_done_changes_nothing(&home, &bob);

    for engine in ["raft", "cometbft"] {
        let home = copy(&home, &dir.path().join(engine));
        let args = ["in-place-testnet", "try-1", &bob, "--accounts-to-fund", &carol, "--balance", "7uplume", "-y"];
        let running = Running::start(&home, &[&args[..], &["--engine", engine]].concat());
        // The first block comes behind the other chain's last one.
        let first = wait(&home, "the first block", || height(&home).filter(|height| *height > 0));
        assert!(first > last, "{engine}: {first} after {last}");
        assert_eq!(json(&home, &["status"]).unwrap()["node_info"]["network"], "try-1");
        let now = [&alice, &bob, &carol].map(|address| balance(&home, address).unwrap());
        assert_eq!(now, [amounts[0], amounts[1] + 7, amounts[2] + 7], "{engine}");
        let set = json(&home, &["query", "comet-validator-set"]).unwrap();
        assert_eq!(set["pagination"]["total"], "1");
        // Keys, numbers and sequences go on; the chain id is the new one.
        let send = ["tx", "bank", "send", "alice", &carol, "3uplume", "--yes"];
        let sent = json(&home, &send).unwrap();
        assert_eq!(sent["code"], 0, "{engine}: {sent}");
        let sent = wait(&home, "a transaction", || json(&home, &["query", "tx", text(&sent["txhash"])]));
        assert_eq!((sent["code"].as_u64(), balance(&home, &carol)), (Some(0), Some(amounts[2] + 7 + 3)));
        assert_eq!(plumed(&home, &["query", "tx", &paid]).code, 1, "the other chain's blocks are not this one's");
        running.stop();
        let aside: PathBuf = home.join(format!("data-plume-local-1-{last}"));
        assert!(aside.join("application.db").is_dir() && home.join("config/genesis-plume-local-1.json").is_file());

        // From now on it is started as any other.
        let running = Running::start(&home, &["start", "--engine", engine]);
        let before: u64 = text(&sent["height"]).parse().unwrap();
        wait(&home, "the chain to go on", || height(&home).filter(|height| *height > before));
        running.stop();
    }
}

fn what_cannot_be_done_changes_nothing(home: &Path, operator: &str) {
    let genesis = fs::read(home.join("config/genesis.json")).unwrap();
    for (args, said) in [
        (&["try-1", operator][..], "nothing was changed"),
        (&["plume-local-1", operator, "-y"], "is plume-local-1 already"),
        (&["try-1", "plume1xyz", "-y"], "account plume1xyz"),
        (&["try-1", operator, "-y", "--balance", "x"], "--balance x"),
        (&[&"x".repeat(51), operator, "-y"], "50"),
    ] {
        let refused = plumed(home, &[&["in-place-testnet"], args].concat()).failure();
        assert!(refused.contains(said), "{args:?}: {refused}");
    }
    assert_eq!(fs::read(home.join("config/genesis.json")).unwrap(), genesis);
    assert!(home.join("data/application.db").is_dir());
}
