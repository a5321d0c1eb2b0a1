use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Time to end after SIGTERM.
const SHUTDOWN: Duration = Duration::from_secs(120);

/// Lines of the log that a failure shows.
const LAST_LINES: usize = 15;

/// One node: a program with a home and an RPC.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    home: PathBuf,
    rpc: String,
    rest: Option<String>,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// A node that is not started yet.
    pub(super) fn new(program: &Path, arguments: Vec<String>, home: &Path, rpc_port: u16) -> Self {
        Self {
            program: program.to_owned(),
            arguments,
            environment: Vec::new(),
            home: home.to_owned(),
            rpc: format!("http://127.0.0.1:{rpc_port}"),
            rest: None,
            child: Mutex::new(None),
        }
    }

    /// With an environment variable.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With REST at this address.
    #[must_use]
    pub(super) fn with_rest(mut self, port: u16) -> Self {
        self.rest = Some(format!("http://127.0.0.1:{port}"));
        self
    }

    /// Home directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Address of its RPC.
    pub fn rpc(&self) -> &str {
        &self.rpc
    }

    /// Address of REST, if it has that.
    pub fn rest(&self) -> Option<&str> {
        self.rest.as_deref()
    }

    /// Number of its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.lock().ok()?.as_ref().map(Child::id)
    }

    fn log(&self) -> PathBuf {
        self.home.join("node.log")
    }

    /// Starts the process; its output goes to `node.log`.
    pub(super) fn start(&mut self) -> Result<()> {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .with_context(|| format!("cannot write {}", self.log().display()))?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // A node of ours ends with this pipe, and so with this process.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        self.child = Mutex::new(Some(child));
        Ok(())
    }

    /// How it ended, with the end of its log; `None` while it runs.
    pub fn ended(&self) -> Option<String> {
        let mut child = self.child.lock().ok()?;
        let status = match child.as_mut() {
            None => "is not started".to_owned(),
            Some(child) => child.try_wait().ok().flatten()?.to_string(),
        };
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        Some(format!("{} ended, {status}:\n{}", self.program.display(), lines.join("\n")))
    }

    /// Stops the process as an operator would.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.lock().ok().and_then(|mut child| child.take()) else { return Ok(()) };
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
        let deadline = Instant::now() + SHUTDOWN;
        loop {
            if let Some(status) = child.try_wait()? {
                // Programs in Go end by the signal.
                if status.success() || std::os::unix::process::ExitStatusExt::signal(&status).is_some() {
                    return Ok(());
                }
                // CometBFT's own exit code after a signal is 1 or more; its log says what went wrong if anything did.
                if self.program.file_name().is_some_and(|name| name != "plumed") {
                    return Ok(());
                }
                bail!("{} ended with {status}: see {}", self.program.display(), self.log().display());
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                bail!("{} did not end within {} s", self.program.display(), SHUTDOWN.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.lock().ok().and_then(|mut child| child.take()) {
            // Our CometBFT dies with its `plumed`.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
