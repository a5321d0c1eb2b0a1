//! The node's life: serve the state machine, run CometBFT beside it, end both together.

use std::fs::{self, File, TryLockError};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use plume_engine::{Executor, Fatal};
use rand::RngCore;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::server::{Origin, Server, ServerError, ServerOptions};
use crate::{ListenAddress, MAX_SOCKET_PATH};
use plume_home::genesis::GenesisDoc;
use plume_home::home::{Home, HomeError};

/// Names of CometBFT's executable, the preferred one first: the [host](../host/README.md) of this crate, which is CometBFT
/// with a faster connection to us, and CometBFT's own.
const BINARIES: [&str; 2] = ["plume-cometbft", "cometbft"];

/// Pause between two looks at a lock or port that is still taken.
const POLL: Duration = Duration::from_millis(100);

/// Asks a running node to stop, from another thread. Clones ask the same node.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Stops the node as SIGTERM would. Works also before the node has started.
    pub fn request(&self) {
        self.0.notify_one();
    }

    /// Completes when the node is asked to stop.
    pub async fn requested(&self) {
        self.0.notified().await;
    }
}

/// How CometBFT is run.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// Home directory, made by [`Home::init`], with a genesis document.
    pub home: PathBuf,
    /// The executable; searched for when `None`, see [`find_binary`].
    pub binary: Option<PathBuf>,
    /// A further folder to search, the project's own tools.
    pub tools: Option<PathBuf>,
    /// Flags of `cometbft start` that are passed through.
    pub flags: Vec<String>,
    /// Variables of its environment beside those of this process.
    pub environment: Vec<(String, String)>,
    /// Longest wait for the CometBFT of an earlier run to end.
    pub orphan_timeout: Duration,
    /// Longest wait for CometBFT to end after it was asked to.
    pub stop_timeout: Duration,
    /// Stops the node from another thread.
    pub stop: Stop,
}

impl SupervisorOptions {
    /// Defaults for the node in `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            binary: None,
            tools: None,
            flags: Vec::new(),
            environment: Vec::new(),
            orphan_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(30),
            stop: Stop::default(),
        }
    }
}

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No executable.
    #[error(
        "the cometbft binary was not found (searched: {searched}); run scripts/setup, or `go install github.com/cometbft/cometbft/cmd/cometbft@v{version}`, or pass --cometbft PATH",
        version = plume_home::config::COMETBFT_VERSION
    )]
    BinaryMissing {
        /// Where it was looked for.
        searched: String,
    },
    /// The home directory is not ready.
    #[error("{path} does not exist; run `plumed init` first")]
    NotInitialized {
        /// The file that is missing.
        path: PathBuf,
    },
    /// The home directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Something that CometBFT needs stays taken.
    #[error("{what} is still in use after {waited} s; another node runs, or a process of an earlier run does not end")]
    Busy {
        /// Lock or port.
        what: String,
        /// Seconds waited.
        waited: u64,
    },
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// CometBFT did not start.
    #[error("cannot run {path}: {source}")]
    Spawn {
        /// The executable.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system refused signals, threads or waiting.
    #[error("cannot supervise: {0}")]
    System(#[from] std::io::Error),
    /// The state machine met a condition that it cannot survive.
    #[error("fatal: {0}")]
    Fatal(Fatal),
}

/// Serves `executor` and runs CometBFT until one of them ends or the process is asked to stop
/// (SIGINT, SIGTERM, [`Stop`]). Returns CometBFT's exit code: 0 after a clean stop, 128 + n when a
/// signal n killed it.
///
/// Listens before CometBFT starts, since CometBFT retries its dial only every 3 s. CometBFT dies
/// with this process, also when this process is killed. Everything committed is durable on return.
///
/// # Errors
/// [`RunError`].
pub fn run<E: Executor>(executor: E, options: &SupervisorOptions) -> Result<i32, RunError> {
    let home = Home::new(std::path::absolute(&options.home)?);
    for path in [home.config_file(), home.genesis_file()] {
        if !path.try_exists()? {
            return Err(RunError::NotInitialized { path });
        }
    }
    let binary = find_binary(options.binary.as_deref(), options.tools.as_deref())?;
    wait_for_orphan(&home, options)?;
    let socket = SocketPath::choose(&home)?;
    let options_of_server = ServerOptions { origin: Some(origin(&home.read_genesis()?)), ..ServerOptions::default() };
    let server = Server::start(executor, &ListenAddress::Unix(socket.path.clone()), options_of_server)?;
    let status = events()?.block_on(supervise(&binary, &home, &server, options));
    // The state machine's own trouble explains CometBFT's end, so it comes first.
    server.stop().map_err(RunError::Fatal)?;
    status
}

/// Serves `executor` on `address` for a CometBFT that somebody else runs, until the process is
/// asked to stop. State sync needs the chain's genesis document.
///
/// # Errors
/// [`RunError`].
pub fn listen<E: Executor>(
    executor: E,
    address: &ListenAddress,
    genesis: Option<&GenesisDoc>,
    stop: &Stop,
) -> Result<(), RunError> {
    let options = ServerOptions { origin: genesis.map(origin), ..ServerOptions::default() };
    let server = Server::start(executor, address, options)?;
    let ended = events()?.block_on(async {
        let mut asked = Asked::new(stop.clone())?;
        let mut fatal = server.fatal();
        tokio::select! {
            _ = asked.next() => {}
            _ = fatal.wait_for(Option::is_some) => {}
        }
        Ok(())
    });
    server.stop().map_err(RunError::Fatal)?;
    ended
}

fn origin(genesis: &GenesisDoc) -> Origin {
    Origin { chain_id: genesis.chain_id.clone(), initial_height: genesis.initial_height }
}

/// Finds CometBFT: `explicit` if given, else beside this executable, else in `tools`, else on the `PATH`; in each folder
/// `plume-cometbft` is preferred to `cometbft`.
///
/// # Errors
/// [`RunError::BinaryMissing`], which says what to do.
pub fn find_binary(explicit: Option<&Path>, tools: Option<&Path>) -> Result<PathBuf, RunError> {
    let missing = |searched| RunError::BinaryMissing { searched };
    if let Some(path) = explicit {
        return if path.is_file() { Ok(path.to_owned()) } else { Err(missing(path.display().to_string())) };
    }
    let mut folders = Vec::new();
    folders.extend(std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)));
    folders.extend(tools.map(Path::to_owned));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = folders
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .flat_map(|folder| BINARIES.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    found.ok_or_else(|| {
        missing(
            folders
                .iter()
                .flat_map(|folder| BINARIES.map(|name| folder.join(name).display().to_string()))
                .chain(["PATH".to_owned()])
                .collect::<Vec<_>>()
                .join(", "),
        )
    })
}

/// One thread waits for everything. It must be the thread that calls [`run`]: the kernel's
/// "parent died" signal of the child follows the thread that started it.
fn events() -> Result<tokio::runtime::Runtime, RunError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// The ways in which the node is asked to stop.
struct Asked {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    stop: Stop,
}

impl Asked {
    fn new(stop: Stop) -> Result<Self, RunError> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, stop })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            () = self.stop.requested() => Signal::SIGTERM,
        }
    }
}

async fn supervise<E: Executor>(
    binary: &Path,
    home: &Home,
    server: &Server<E>,
    options: &SupervisorOptions,
) -> Result<i32, RunError> {
    // Before the child exists, so that no signal is missed.
    let mut asked = Asked::new(options.stop.clone())?;
    let mut fatal = server.fatal();
    let mut child = spawn(binary, home, server.address(), options)?;
    tracing::info!(binary = %binary.display(), pid = child.id(), "cometbft started");
    let mut deadline: Option<tokio::time::Instant> = None;
    let status = loop {
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = child.wait() => break status?,
            signal = asked.next() => {
                if deadline.is_some() {
                    tracing::warn!("asked to stop again; killing cometbft");
                    child.start_kill()?;
                } else {
                    tracing::info!(%signal, "stopping cometbft");
                    forward(&child, signal);
                    deadline = Some(tokio::time::Instant::now() + options.stop_timeout);
                }
            }
            _ = fatal.wait_for(Option::is_some), if deadline.is_none() => {
                // The exception makes CometBFT end by itself; the deadline is for when it does not.
                forward(&child, Signal::SIGTERM);
                deadline = Some(tokio::time::Instant::now() + options.stop_timeout);
            }
            () = late => {
                tracing::warn!(timeout = ?options.stop_timeout, "cometbft did not stop in time; killing it");
                child.start_kill()?;
                break child.wait().await?;
            }
        }
    };
    let code = exit_code(status);
    tracing::info!(code, "cometbft ended");
    Ok(code)
}

fn spawn(binary: &Path, home: &Home, address: &ListenAddress, options: &SupervisorOptions) -> Result<Child, RunError> {
    let mut command = Command::new(binary);
    // Ours come last: the flags that win.
    command
        .arg("start")
        .args(&options.flags)
        .envs(options.environment.iter().map(|(name, value)| (name, value)))
        .arg("--home")
        .arg(home.root())
        .arg("--proxy_app")
        .arg(address.to_string())
        .args(["--abci", "socket"]);
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    die_with_parent(&mut command);
    command.spawn().map_err(|source| RunError::Spawn { path: binary.to_owned(), source })
}

/// Lets the kernel kill the child when this process dies in whatever way: without the application
/// CometBFT is of no use, and an orphan would hold the databases and ports.
fn die_with_parent(command: &mut Command) {
    let parent = Pid::this();
    let setup = move || -> std::io::Result<()> {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above; then nobody would send the signal.
        if Pid::parent() == parent { Ok(()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    };
    #[expect(unsafe_code, reason = "runs between fork and exec: two system calls, no allocation, no lock")]
    // SAFETY: prctl and getppid are async-signal-safe, and the closure owns a copied pid only.
    unsafe {
        command.pre_exec(setup);
    }
}

fn forward(child: &Child, signal: Signal) {
    // No id: it has ended, and the wait reports it.
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// Waits until no process holds the home's databases or the node's ports.
///
/// A killed parent may leave CometBFT behind for a moment. Starting a second one then fails on the
/// database lock, or worse, only on the port after the databases were opened.
fn wait_for_orphan(home: &Home, options: &SupervisorOptions) -> Result<(), RunError> {
    let addresses = home.addresses()?;
    let rpc = flag_value(&options.flags, "--rpc.laddr").unwrap_or(addresses.rpc);
    let p2p = flag_value(&options.flags, "--p2p.laddr").unwrap_or(addresses.p2p);
    let started = Instant::now();
    let mut told = false;
    loop {
        let taken = locked_database(&home.data_dir())?
            .or_else(|| taken_port("rpc.laddr", &rpc))
            .or_else(|| taken_port("p2p.laddr", &p2p));
        let Some(what) = taken else { return Ok(()) };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(what, "waiting for a cometbft of an earlier run to end");
        }
        let waited = started.elapsed();
        if waited >= options.orphan_timeout {
            return Err(RunError::Busy { what, waited: waited.as_secs() });
        }
        std::thread::sleep(POLL);
    }
}

/// A database of `data` whose lock another process holds. goleveldb locks `LOCK` with `flock`.
fn locked_database(data: &Path) -> Result<Option<String>, RunError> {
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let lock = entry?.path().join("LOCK");
        if lock.extension().is_none()
            && lock.parent().and_then(Path::extension).is_some_and(|extension| extension == "db")
        {
            let Ok(file) = File::options().write(true).open(&lock) else { continue };
            // Released when `file` is dropped, at the end of this turn.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Ok(Some(format!("the database lock {}", lock.display())));
            }
        }
    }
    Ok(None)
}

/// The address, if something listens on it. Addresses that are not `ip:port` are left to CometBFT.
fn taken_port(key: &str, laddr: &str) -> Option<String> {
    let address: std::net::SocketAddr = laddr.strip_prefix("tcp://").unwrap_or(laddr).parse().ok()?;
    if address.port() == 0 {
        return None;
    }
    match TcpListener::bind(address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Some(format!("{key} {address}")),
        _ => None,
    }
}

fn flag_value(flags: &[String], name: &str) -> Option<String> {
    let mut value = None;
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if flag == name {
            value = flags.next().cloned();
        } else if let Some(inline) = flag.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
            value = Some(inline.to_owned());
        }
    }
    value
}

/// Where the application and its CometBFT meet.
struct SocketPath {
    path: PathBuf,
    /// Removed at the end.
    folder: Option<PathBuf>,
}

impl SocketPath {
    /// In the home directory where the path is short enough, else in a new private folder.
    fn choose(home: &Home) -> Result<Self, RunError> {
        let path = home.root().join("data").join("abci.sock");
        if path.as_os_str().as_bytes().len() <= MAX_SOCKET_PATH {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(home.data_dir())?;
            return Ok(Self { path, folder: None });
        }
        let folder = std::env::temp_dir().join(format!("plume-{:016x}", rand::rngs::OsRng.next_u64()));
        // # Security
        // Fails if the folder exists: nobody else can have prepared it.
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { path: folder.join("abci.sock"), folder: Some(folder) })
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // At worst an empty folder stays in the temp dir.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests;
