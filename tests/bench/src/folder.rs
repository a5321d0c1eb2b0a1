//! Folders and programs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Size of all files below a folder, bytes. A file that goes away meanwhile counts nothing.
pub fn bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// A program: the environment variable `variable`, else beside this one, else in the project's `.tools/bin`.
///
/// # Errors
/// None there; `advice` says how to get it.
pub fn program(name: &str, variable: &str, advice: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("{variable} names {}, where there is no file", path.display());
    }
    let this = std::env::current_exe().context("this program has no path")?;
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin");
    // A test's own binary lies one folder deeper.
    let folders = this.ancestors().skip(1).take(2).map(Path::to_owned).chain([tools]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.with_context(|| format!("no {name} beside {} and none in .tools/bin: {advice}", this.display()))
}

/// Polls until there is something.
///
/// # Errors
/// Nothing came in time.
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("no {what} within {} s", patience.as_secs());
        }
        std::thread::sleep(POLL);
    }
}
