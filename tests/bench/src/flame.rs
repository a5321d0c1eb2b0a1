//! Flame graphs of the hot path, by Linux's `perf`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::report::Flame;

/// Samples a second. Not a round number, so that nothing periodic hides.
const FREQUENCY: &str = "197";

/// Records this program with these arguments and writes the picture.
///
/// # Errors
/// No `perf`, or no permission for it (`kernel.perf_event_paranoid`); a command that fails.
pub fn run(arguments: &[String], title: &str, to: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("perf.data");
    let advice = "perf is needed: install linux-perf";
    // Stacks are unwound by their tables: the standard library has no frame pointers.
    let status = Command::new("perf")
        .args(["record", "--quiet", "-F", FREQUENCY, "--call-graph", "dwarf,16384", "-o"])
        .arg(&data)
        .arg("--")
        .arg(std::env::current_exe()?)
        .args(arguments)
        .arg("--output")
        .arg(folder.path().join("results"))
        .stdout(Stdio::null())
        .status()
        .context(advice)?;
    ensure!(status.success(), "perf record ends with {status}");
    let script =
        Command::new("perf").arg("script").arg("-i").arg(&data).stderr(Stdio::null()).output().context(advice)?;
    ensure!(script.status.success(), "perf script ends with {}", script.status);
    let flame = Flame::from_perf_script(&String::from_utf8_lossy(&script.stdout));
    ensure!(flame.samples() > 0, "perf saw nothing");
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(to, flame.to_svg(title)).with_context(|| format!("cannot write {}", to.display()))?;
    eprintln!("wrote {}", to.display());
    Ok(())
}
