//! Runs fuzz targets: `plume-fuzz check_tx --seconds 600`.

#![allow(clippy::disallowed_methods, reason = "outside the state machine")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use plume_fuzz::{Options, TARGETS, Target, replay, run, target};

/// Feeds mutated inputs to a target and saves those that make it panic.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// A target's name (an unknown one lists them), or `all`, one after the other.
    target: String,
    /// Seconds to run, for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed of the mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of inputs to begin with; inputs that do something new are added. A folder per target.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Folder for inputs that make a target panic.
    #[arg(long, default_value = "fuzz-findings")]
    findings: PathBuf,
    /// Run this one input instead, and say what happens.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let targets: Vec<Target> = match args.target.as_str() {
        "all" => TARGETS.to_vec(),
        name => target(name).into_iter().collect(),
    };
    if targets.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        anyhow::bail!("no target {:?}; there are {} and all", args.target, names.join(", "));
    }
    let mut sound = true;
    for target in targets {
        if let Some(file) = &args.replay {
            let wrong = replay(&target, &std::fs::read(file)?);
            wrong.iter().for_each(|what| println!("{what}"));
            sound &= wrong.is_empty();
            continue;
        }
        let options = Options {
            time: Duration::from_secs(args.seconds),
            seed: args.seed,
            findings: args.findings.clone(),
            corpus: args.corpus.as_ref().map(|folder| folder.join(target.name)),
            progress: Some(Duration::from_secs(30)),
        };
        let report = run(&target, &options)?;
        println!("{}: {report}", target.name);
        for finding in &report.findings {
            println!("FOUND {}\n{}", finding.file.display(), finding.what);
        }
        sound &= report.findings.is_empty();
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
