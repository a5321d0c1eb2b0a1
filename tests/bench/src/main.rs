//! `plume-bench`: see the package's README.

mod arguments;

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Parser;
use plume_bench::chain::{growth, replay};
use plume_bench::result::ResultFile;
use plume_bench::{end_to_end, flame, report, soak, state};

use arguments::{Arguments, Command};

/// As in `plumed`: benchmarks without processes run the state machine in this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let Arguments { command, output } = Arguments::parse();
    let output = output.as_path();
    match command {
        Command::EndToEnd { name, args } => keep(&end_to_end::run(&name, &args.plan()?)?, output),
        Command::Replay(args) => keep(&args.run()?, output),
        Command::Growth(args) => {
            keep(&growth::run(&args.name, &args.accounts, &args.plan(), args.folder.clone())?, output)
        }
        Command::State { name, repetitions, arguments } => keep(&state::run(&name, repetitions, &arguments)?, output),
        Command::Soak { name, minutes, round_s, share, args } => {
            let length = soak::Length {
                total: std::time::Duration::from_secs_f64(minutes * 60.0),
                round: std::time::Duration::from_secs_f64(round_s),
            };
            keep(&soak::run(&name, &args.plan()?, length, share)?, output)
        }
        Command::Bars { smoke, folder } => {
            // What takes hours goes on.
            let results = arguments::bars(smoke, folder).into_iter().map(|make| keep(&make()?, output));
            let failed: Vec<String> = results.filter_map(|kept| kept.err().map(|error| format!("{error:#}"))).collect();
            ensure!(failed.is_empty(), "{}", failed.join("\n"));
            Ok(())
        }
        Command::Flame { to, arguments } => {
            let title = to.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            flame::run(&arguments, &title, &to)
        }
        Command::Report { page } => report::write(output, &page),
        Command::Stage { order } => {
            println!("{}", serde_json::to_string(&growth::stage(&serde_json::from_str(&order)?)?)?);
            Ok(())
        }
    }
}

fn keep(result: &ResultFile, folder: &Path) -> Result<()> {
    println!("{}", result.to_text());
    result.write(folder)?;
    ensure!(result.failures.is_empty(), "{}: {}", result.name, result.failures.join("; "));
    Ok(())
}

impl arguments::ReplayArgs {
    fn run(&self) -> Result<ResultFile> {
        let mut result = ResultFile::new("replay", &self.name);
        if self.threads > 0 {
            rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        }
        for repetition in 1..=self.repetitions {
            for scheme in &self.keys {
                eprintln!("{repetition} of {}: {scheme} ...", self.repetitions);
                let place = match &self.folder {
                    Some(folder) => tempfile::tempdir_in(folder)?,
                    None => tempfile::tempdir()?,
                };
                let at =
                    if self.memory { replay::Place::Memory } else { replay::Place::Folder(place.path().to_owned()) };
                let workload = plume_load::Workload { scheme: *scheme, ..self.load.workload() };
                result.runs.push(replay::run(&format!("plume {scheme}"), &self.plan(), workload, &at, repetition)?);
            }
        }
        Ok(result)
    }
}
