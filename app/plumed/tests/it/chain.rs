use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::run::{Done, plumed};

/// A devnet of one validator that ends with the test.
struct Devnet {
    child: Child,
    home: PathBuf,
    folder: PathBuf,
}

impl Devnet {
    fn start(folder: &Path, rpc_port: u16, p2p_port: u16) -> Self {
        let out = folder.join("net");
        let log = File::create(folder.join("devnet.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_plumed"))
            .args(["devnet", "--validators", "1", "--start", "--output"])
            .arg(&out)
            .args(["--rpc-port", &rpc_port.to_string(), "--p2p-port", &p2p_port.to_string()])
            .args(cometbft().into_iter().flat_map(|path| [OsString::from("--cometbft"), path.into()]))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut devnet = Self { child, home: out.join("node0"), folder: folder.to_path_buf() };
        devnet.wait("the first block", |devnet| devnet.ended() || devnet.height().is_some_and(|height| height >= 2));
        let ended = devnet.child.try_wait().unwrap();
        assert!(ended.is_none(), "{}", devnet.logs());
        devnet
    }

    /// Whether the node said why it ended.
    fn ended(&self) -> bool {
        std::fs::read_to_string(self.folder.join("devnet.log")).is_ok_and(|log| log.contains("Error:"))
    }

    fn logs(&self) -> String {
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        format!("{}\n{}", read(self.folder.join("devnet.log")), read(self.home.join("node.log")))
    }

    fn height(&self) -> Option<u64> {
        let status = plumed(&self.home, &["status", "--output", "json"]);
        let status: Value = serde_json::from_str(&status.out).ok()?;
        status["sync_info"]["latest_block_height"].as_str()?.parse().ok()
    }

    /// Polls until `ready`; fails with the logs when a minute was not enough.
    #[track_caller]
    fn wait(&self, what: &str, ready: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready(self) {
            assert!(Instant::now() < deadline, "waited for {what}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self, args: &[&str]) -> Done {
        plumed(&self.home, args)
    }

    /// Broadcasts and waits for the block; gives `query tx`.
    #[track_caller]
    fn send(&self, args: &[&str]) -> Value {
        let sent = self.run(&[args, &["--yes", "--output", "json"]].concat()).json();
        let hash = sent["txhash"].as_str().unwrap().to_owned();
        self.wait("the transaction's block", |devnet| devnet.run(&["query", "tx", &hash]).code == 0);
        self.run(&["query", "tx", &hash, "--output", "json"]).json()
    }

    fn balance(&self, address: &str, height: Option<&str>) -> u128 {
        let args =
            ["query", "bank", "balance", address, "uplume", "--output", "json", "--height", height.unwrap_or("0")];
        self.run(&args).json()["balance"]["amount"].as_str().unwrap().parse().unwrap()
    }

    fn stop(mut self) -> PathBuf {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert!(ended(&mut self.child).is_some_and(|status| status.success()), "{}", self.logs());
        self.home.clone()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM);
            let _ = ended(&mut self.child);
        }
    }
}

/// How a child ended. One that does not within a minute is killed, and there is nothing.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return Some(status),
            None if Instant::now() >= deadline => {
                let _ = child.kill();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The binary that `scripts/setup` installed; without it `plumed` searches PATH, and says what to do when it is not there.
fn cometbft() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/cometbft");
    tools.is_file().then_some(tools)
}

/// Two ports that nobody uses now.
fn ports() -> (u16, u16) {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (a, b) = (free(), free());
    (a.local_addr().unwrap().port(), b.local_addr().unwrap().port())
}

#[test]
fn coins_are_sent_read_back_proved_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let (rpc, p2p) = ports();
    let devnet = Devnet::start(dir.path(), rpc, p2p);
    let bob = devnet.run(&["keys", "show", "bob", "-a"]).success();
    let alice = devnet.run(&["keys", "show", "alice", "-a"]).success();
    let (alice_before, bob_before) = (devnet.balance(&alice, None), devnet.balance(&bob, None));

    let sent = devnet.send(&["tx", "bank", "send", "alice", &bob, "1234uplume", "--fees", "100uplume"]);
    assert_eq!((sent["code"].as_u64(), sent["raw_log"].as_str()), (Some(0), Some("")));
    assert_eq!(sent["events"].as_array().unwrap().len(), 12);
    assert_eq!(devnet.balance(&bob, None), bob_before + 1234);
    assert_eq!(devnet.balance(&alice, None), alice_before - 1334);

    // The state before the block of the transaction is still there.
    let height: u64 = sent["height"].as_str().unwrap().parse().unwrap();
    assert_eq!(devnet.balance(&bob, Some(&(height - 1).to_string())), bob_before);

    let amino = [
        "tx",
        "bank",
        "multi-send",
        "bob",
        &alice,
        &bob,
        "10uplume",
        "--sign-mode",
        "amino-json",
        "--gas",
        "auto",
        "--gas-adjustment",
        "1.2",
    ];
    let multi = devnet.send(&amino);
    assert_eq!(multi["code"], 0, "{multi}");
    assert_eq!(devnet.balance(&alice, None), alice_before - 1334 + 10);

    let refused =
        devnet.run(&["tx", "bank", "send", "alice", &bob, "1uplume", "--yes", "-a", "0", "-s", "99"]).failure();
    assert!(
        refused.contains("account sequence mismatch, expected 1, got 99: incorrect account sequence (sdk/32)"),
        "{refused}"
    );

    // Balances of bob: 0x02 | 20 | address | denomination; then of a denomination that he does not hold.
    let bytes = devnet.run(&["query", "auth", "address-string-to-bytes", &bob, "--output", "json"]).json();
    let key = {
        use base64::Engine as _;
        let address =
            base64::engine::general_purpose::STANDARD.decode(bytes["address_bytes"].as_str().unwrap()).unwrap();
        hex::encode([&[2, 20][..], &address].concat())
    };
    // A header proves the state before it, so wait for the one after the last transaction.
    let last: u64 = multi["height"].as_str().unwrap().parse().unwrap();
    devnet.wait("the next header", |devnet| devnet.height().is_some_and(|height| height > last));
    let held = devnet.run(&["query", "proof", "bank", &key, &hex::encode("uplume"), "--output", "json"]).json();
    assert_eq!(held["exists"], true);
    assert_eq!(held["value"], hex::encode(devnet.balance(&bob, None).to_string()));
    let absent = devnet.run(&["query", "proof", "bank", &key, &hex::encode("uother"), "--output", "json"]).json();
    assert_eq!((absent["exists"].as_bool(), absent["value"].is_null()), (Some(false), true));

    let unknown = devnet.run(&["query", "auth", "account", "plume1qyqszqgpqyqszqgpqyqszqgpqyqszqgp6h76ca"]).failure();
    assert!(unknown.contains("code = NotFound"), "{unknown}");

    let bob_now = devnet.balance(&bob, None);
    let home = devnet.stop();
    let export = plumed(&home, &["export"]).json();
    assert!(export["initial_height"].as_str().unwrap().parse::<u64>().unwrap() > last);
    assert_eq!(export["validators"][0]["pub_key"]["type"], "tendermint/PubKeyEd25519");
    assert_eq!(export["validators"][0]["power"], "10");
    assert_eq!(export["consensus_params"]["block"]["max_bytes"], "4194304");
    let balances = export["app_state"]["bank"]["balances"].as_array().unwrap();
    let exported = balances.iter().find(|balance| balance["address"] == bob.as_str()).unwrap();
    assert_eq!(exported["coins"][0]["amount"], bob_now.to_string());
    let fresh = dir.path().join("imported.json");
    std::fs::write(&fresh, export.to_string()).unwrap();
    plumed(&home, &["genesis", "validate", fresh.to_str().unwrap()]).success();
}

#[test]
fn nodes_do_not_outlive_a_killed_devnet() {
    let dir = tempfile::tempdir().unwrap();
    let (rpc, p2p) = ports();
    let mut devnet = Devnet::start(dir.path(), rpc, p2p);
    devnet.child.kill().unwrap();
    ended(&mut devnet.child).unwrap();
    devnet.wait("the node's end", |_| TcpListener::bind(("127.0.0.1", rpc)).is_ok());
}
