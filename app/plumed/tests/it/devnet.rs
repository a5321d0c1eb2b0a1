//! A running chain for tests.

use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;
use serde_json::Value;

use crate::run::{Done, plumed};

/// A devnet of one validator that ends with the test.
pub struct Devnet {
    pub child: Child,
    pub home: PathBuf,
    folder: PathBuf,
}

impl Devnet {
    pub fn start(folder: &Path, rpc_port: u16, p2p_port: u16) -> Self {
        let out = folder.join("net");
        let log = File::create(folder.join("devnet.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_plumed"))
            .args(["devnet", "--validators", "1", "--start", "--output"])
            .arg(&out)
            .args(["--rpc-port", &rpc_port.to_string(), "--p2p-port", &p2p_port.to_string()])
            .args(cometbft().into_iter().flat_map(|path| [OsString::from("--cometbft"), path.into()]))
            // Of `config.toml`, to see that the environment overrides it.
            .env("PLUMED_MONIKER", "named-by-environment")
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

    pub fn height(&self) -> Option<u64> {
        let status = plumed(&self.home, &["status", "--output", "json"]);
        let status: Value = serde_json::from_str(&status.out).ok()?;
        status["sync_info"]["latest_block_height"].as_str()?.parse().ok()
    }

    /// Polls until `ready`; fails with the logs when a minute was not enough.
    #[track_caller]
    pub fn wait(&self, what: &str, ready: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready(self) {
            assert!(Instant::now() < deadline, "waited for {what}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn run(&self, args: &[&str]) -> Done {
        plumed(&self.home, args)
    }

    /// Broadcasts and waits for the block; gives `query tx`.
    #[track_caller]
    pub fn send(&self, args: &[&str]) -> Value {
        let sent = self.run(&[args, &["--yes", "--output", "json"]].concat()).json();
        let hash = sent["txhash"].as_str().unwrap().to_owned();
        self.wait("the transaction's block", |devnet| devnet.run(&["query", "tx", &hash]).code == 0);
        self.run(&["query", "tx", &hash, "--output", "json"]).json()
    }

    pub fn balance(&self, address: &str, height: Option<&str>) -> u128 {
        let args =
            ["query", "bank", "balance", address, "uplume", "--output", "json", "--height", height.unwrap_or("0")];
        self.run(&args).json()["balance"]["amount"].as_str().unwrap().parse().unwrap()
    }

    pub fn stop(mut self) -> PathBuf {
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

/// The binary that `scripts/setup` installed; without it `plumed` searches PATH, and says what to do when it is not there.
pub fn cometbft() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/cometbft");
    tools.is_file().then_some(tools)
}

/// Two ports that nobody uses now, below those that the kernel gives to outgoing connections: one of these could take a port
/// before the node does.
pub fn ports() -> (u16, u16) {
    let free = |other: u16| loop {
        let port = rand::thread_rng().gen_range(11_000..32_000);
        if port != other && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    };
    let first = free(0);
    (first, free(first))
}

/// How a child ended. One that does not within a minute is killed, and there is nothing.
pub fn ended(child: &mut Child) -> Option<ExitStatus> {
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
