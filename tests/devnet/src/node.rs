use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plume_client::RpcClient;

/// Long enough for a loaded machine, short enough that a hung run ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Polls until there is something.
///
/// # Panics
/// When there is nothing within two minutes.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}

/// The `plumed` binary: `PLUMED`, else the one that cargo built beside this program.
///
/// # Panics
/// When there is none: a skipped run would prove nothing.
pub fn plumed() -> PathBuf {
    if let Some(path) = std::env::var_os("PLUMED") {
        return path.into();
    }
    let exe = std::env::current_exe().expect("this program has a path");
    let found = exe.ancestors().skip(1).take(2).map(|folder| folder.join("plumed")).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no plumed beside {}: run `cargo build -p plumed`, or set PLUMED", exe.display()))
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

/// Which process of a node is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// `plumed`; the kernel then kills its CometBFT.
    App,
    /// CometBFT; `plumed` then ends by itself.
    Engine,
    /// Both, CometBFT first.
    Both,
}

/// One validator.
#[derive(Debug)]
pub struct Node {
    home: PathBuf,
    rpc: RpcClient,
    process: Option<Child>,
}

impl Node {
    pub(crate) fn new(home: PathBuf, rpc_port: u16) -> Self {
        let rpc = RpcClient::new(&format!("http://127.0.0.1:{rpc_port}"), Duration::from_secs(5)).expect("an address");
        Self { home, rpc, process: None }
    }

    /// Home directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Its RPC.
    pub fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// Everything that the node and its CometBFT wrote, over all runs.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.home.join("node.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts `plumed start`; returns at once.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "started twice");
        let log = File::options().create(true).append(true).open(self.home.join("node.log")).expect("writable home");
        let child = Command::new(plumed())
            .arg("start")
            .arg("--home")
            .arg(&self.home)
            .args(["--engine", "cometbft"])
            .arg("--cometbft")
            .arg(cometbft())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file"))
            .stderr(log)
            .spawn()
            .expect("plumed runs");
        self.process = Some(child);
    }

    /// Sends SIGKILL and waits for the end of the node.
    pub fn kill(&mut self, victim: Victim) -> ExitStatus {
        let mut child = self.process.take().expect("started");
        let app = pid(&child);
        if victim != Victim::App {
            // There may be none yet, when the kill comes early.
            for engine in children(app) {
                let _ = kill(engine, Signal::SIGKILL);
            }
        }
        if victim != Victim::Engine || children(app).is_empty() {
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
            let _ = child.wait();
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
