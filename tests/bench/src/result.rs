//! Results as JSON: one file for each command, with every repetition.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::machine::Machine;

/// Figures by name. The unit is in the name: `_us`, `_ms`, `_s`, `_bytes`, `_mib`, `_per_s`, `_share`.
pub type Figures = BTreeMap<String, f64>;

/// What one command measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResultFile {
    /// `end-to-end`, `replay`, `growth`, `state` or `soak`.
    pub benchmark: String,
    /// Which question it answers; several files may have one benchmark.
    pub name: String,
    /// When it began, Unix seconds.
    pub taken_at: u64,
    /// Commit of the sources, with `+` when files were changed.
    pub commit: String,
    /// The command line.
    pub command: String,
    /// Where.
    pub machine: Machine,
    /// Each system and repetition.
    pub runs: Vec<Run>,
    /// Runs without a result, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// One repetition with one system.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    /// What was measured.
    pub system: String,
    /// From 1.
    pub repetition: u32,
    /// What the figures depend on: workload, durability, limits, indexer, accounts.
    pub settings: Map<String, Value>,
    /// The figures.
    pub figures: Figures,
    /// What was checked and found right.
    pub checks: Vec<String>,
    /// Figures over time, of soaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Figures>,
}

impl ResultFile {
    /// An empty one for this command, machine and commit.
    pub fn new(benchmark: &str, name: &str) -> Self {
        let taken_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut command: Vec<String> = std::env::args().collect();
        if let Some(program) = command.first_mut() {
            *program = Path::new(program).file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
        }
        Self {
            benchmark: benchmark.to_owned(),
            name: name.to_owned(),
            taken_at,
            commit: commit(),
            command: command.join(" "),
            machine: Machine::this(),
            runs: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Systems in the order of their first runs.
    pub fn systems(&self) -> Vec<&str> {
        let mut systems: Vec<&str> = Vec::new();
        for run in &self.runs {
            if !systems.contains(&run.system.as_str()) {
                systems.push(&run.system);
            }
        }
        systems
    }

    /// All repetitions of one figure.
    pub fn values(&self, system: &str, figure: &str) -> Vec<f64> {
        let runs = self.runs.iter().filter(|run| run.system == system);
        runs.filter_map(|run| run.figures.get(figure).copied()).collect()
    }

    /// Median and spread of one figure.
    pub fn summary(&self, system: &str, figure: &str) -> Option<Summary> {
        Summary::of(&self.values(system, figure))
    }

    /// Writes the file as `NAME.json` into `folder`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.name));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("wrote {}", path.display());
        Ok(())
    }

    /// Reads all files of `folder`, by name.
    ///
    /// # Errors
    /// A file that is no result.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        paths.sort();
        paths
            .iter()
            .map(|path| {
                serde_json::from_slice(&std::fs::read(path)?)
                    .with_context(|| format!("{} is no result", path.display()))
            })
            .collect()
    }

    /// A table for the terminal: medians, and lowest to highest where there are repetitions.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}: {}\n", self.name, self.command);
        for system in self.systems() {
            text += &format!("\n{system}\n");
            let mut names: Vec<&String> =
                self.runs.iter().filter(|run| run.system == system).flat_map(|run| run.figures.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                if let Some(summary) = self.summary(system, name) {
                    text += &format!("  {name:<40} {}\n", summary.to_text());
                }
            }
            let run = self.runs.iter().find(|run| run.system == system);
            for check in run.map(|run| run.checks.as_slice()).unwrap_or_default() {
                text += &format!("  checked: {check}\n");
            }
        }
        text
    }
}

/// The commit that this was run in, found from the working directory.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(head) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|list| !list.is_empty());
    if changed { head + "+" } else { head }
}

/// Median, lowest and highest of repetitions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle one; of an even number the mean of both.
    pub median: f64,
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
    /// How many there are.
    pub count: usize,
}

impl Summary {
    /// Of some values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, min, max, count: sorted.len() })
    }

    /// The median, and the others where there are several values.
    pub fn to_text(&self) -> String {
        let median = number(self.median);
        if self.count < 2 {
            return median;
        }
        format!("{median} ({} to {}, {} runs)", number(self.min), number(self.max), self.count)
    }
}

/// A number with three or so digits that matter.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size < 1e-12 => 0,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_spreads() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[3.0, 1.0, 2.0]).map(|s| (s.median, s.min, s.max)), Some((2.0, 1.0, 3.0)));
        assert_eq!(Summary::of(&[4.0, 1.0]).map(|s| s.median), Some(2.5));
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        let texts = [1_234_567.8, 999.4, 12.34, 1.234, 0.5, -1234.0, 0.0].map(number);
        assert_eq!(texts, ["1,234,568", "999", "12.3", "1.23", "0.5000", "-1,234", "0"]);
    }
}
