//! The state alone: runs `bench-state` and keeps its figures in the common form.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::folder::program;
use crate::result::{Figures, ResultFile, Run};

/// Runs `bench-state` with these arguments, once for each repetition.
///
/// # Errors
/// It is not built, or fails.
pub fn run(name: &str, repetitions: u32, arguments: &[String]) -> Result<ResultFile> {
    let bench = program("bench-state", "PLUME_BENCH_STATE", "run `cargo build --release -p plume-bench-state`")?;
    let mut result = ResultFile::new("state", name);
    let folder = tempfile::tempdir()?;
    for repetition in 1..=repetitions {
        let json = folder.path().join("figures.json");
        let status = Command::new(&bench)
            .args(arguments)
            .arg("--json")
            .arg(&json)
            .stdout(std::process::Stdio::null())
            .status()
            .with_context(|| format!("cannot start {}", bench.display()))?;
        if !status.success() {
            bail!("{} ends with {status}", bench.display());
        }
        result.runs.extend(runs(&json, repetition)?);
    }
    Ok(result)
}

/// One run for each size and kind, flat.
fn runs(json: &Path, repetition: u32) -> Result<Vec<Run>> {
    let report: Value = serde_json::from_slice(&std::fs::read(json)?)?;
    let mut runs = Vec::new();
    for size in report["sizes"].as_array().context("sizes")? {
        let mut run = Run { system: format!("{}", size["accounts"]), repetition, ..Run::default() };
        for (part, value) in size.as_object().context("a size")? {
            flatten(part, value, &mut run.figures);
        }
        let figure = |name: &str| run.figures.get(name).copied().unwrap_or_default();
        let block_thread =
            ["overlay_us", "prepare_us", "commit_us"].map(|name| figure(&format!("one_thread_{name}"))).iter().sum();
        run.figures.insert("block_thread_us_per_update".to_owned(), block_thread);
        run.settings.insert("accounts".to_owned(), size["accounts"].clone());
        runs.push(run);
    }
    if let Some(reference) = report["reference"].as_object() {
        let mut run = Run { system: "jmt on RocksDB".to_owned(), repetition, ..Run::default() };
        for (part, value) in reference {
            flatten(part, value, &mut run.figures);
        }
        runs.push(run);
    }
    Ok(runs)
}

fn flatten(name: &str, value: &Value, figures: &mut Figures) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(inner, value)| flatten(&format!("{name}_{inner}"), value, figures))
        }
        other => {
            if let Some(number) = other.as_f64() {
                figures.insert(name.to_owned(), number);
            }
        }
    }
}
