//! Runs a target for a time: mutate, execute, keep what is new, save what is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use plume_testkit::Rng;
use sha2::{Digest, Sha256};

use crate::{Features, Target, mutate, mutate::Source, panics, seeds, targets::Kind, texts};

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time to spend, the seeds' first run included.
    pub time: Duration,
    /// Same seed, same inputs (as long as the same ones are found new).
    pub seed: u64,
    /// Folder for inputs that did something wrong.
    pub findings: PathBuf,
    /// Folder of inputs to begin with, beside the built-in ones; new ones are added to it.
    pub corpus: Option<PathBuf>,
    /// Print progress this often.
    pub progress: Option<Duration>,
}

/// An input that did something wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What happened.
    pub what: String,
    /// Where the input is.
    pub file: PathBuf,
}

/// What a run has come to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Inputs executed.
    pub executions: u64,
    /// Time spent.
    pub time: Duration,
    /// Inputs kept because they did something new.
    pub corpus: usize,
    /// Different things that happened.
    pub features: usize,
    /// The slowest execution.
    pub slowest: Duration,
    /// What was wrong; one per place.
    pub findings: Vec<Finding>,
}

/// An execution that takes longer is a finding.
const TOO_SLOW: Duration = Duration::from_secs(10);
/// Different findings after which a run ends: one bug hides many.
const MAX_FINDINGS: usize = 10;

/// Runs a target.
///
/// # Errors
/// When a folder cannot be read or written. Findings are in the report.
pub fn run(target: &Target, options: &Options) -> anyhow::Result<Report> {
    panics::collect();
    let begun = Instant::now();
    let txs = seeds::transactions();
    let words = match target.kind {
        Kind::Text => texts::dictionary(),
        _ => seeds::dictionary(),
    };
    let mut state =
        Running { target, options, report: Report::default(), seen: BTreeSet::new(), places: BTreeSet::new() };
    let mut corpus = (target.seeds)();
    corpus.extend(options.corpus.as_deref().map(read_folder).transpose()?.unwrap_or_default());
    for input in &corpus {
        state.execute(input)?;
    }
    let mut rng = Rng::new(options.seed);
    let mut shown = Instant::now();
    while begun.elapsed() < options.time && state.report.findings.len() < MAX_FINDINGS {
        let source = Source { corpus: &corpus, txs: &txs, words: &words };
        let input = mutate::next(&mut rng, target.kind, &source);
        if state.execute(&input)? {
            if let Some(folder) = &options.corpus {
                save(folder, &input)?;
            }
            corpus.push(input);
        }
        if options.progress.is_some_and(|every| shown.elapsed() >= every) {
            shown = Instant::now();
            state.finish(begun, corpus.len());
            println!("{}: {}", target.name, state.report);
        }
    }
    state.finish(begun, corpus.len());
    Ok(state.report)
}

/// Executes one input; what was wrong.
pub fn replay(target: &Target, input: &[u8]) -> Vec<String> {
    panics::collect();
    execute(target, input).1
}

struct Running<'a> {
    target: &'a Target,
    options: &'a Options,
    report: Report,
    /// Features met.
    seen: BTreeSet<u64>,
    /// Findings met, by their place in the code.
    places: BTreeSet<String>,
}

impl Running<'_> {
    /// Executes an input; whether it did something new.
    fn execute(&mut self, input: &[u8]) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let (features, mut wrong) = execute(self.target, input);
        let took = begun.elapsed();
        self.report.executions += 1;
        self.report.slowest = self.report.slowest.max(took);
        if took > TOO_SLOW {
            wrong.push(format!("too slow: {took:?}"));
        }
        for what in wrong {
            // The first line names file and line of a panic.
            let place = what.lines().next().unwrap_or_default().split(':').take(2).collect();
            if self.places.insert(place) {
                let file = save(&self.options.findings.join(self.target.name), input)?;
                self.report.findings.push(Finding { what, file });
            }
        }
        let known = self.seen.len();
        self.seen.extend(features.iter());
        Ok(self.seen.len() > known)
    }

    fn finish(&mut self, begun: Instant, corpus: usize) {
        self.report.time = begun.elapsed();
        self.report.corpus = corpus;
        self.report.features = self.seen.len();
    }
}

fn execute(target: &Target, input: &[u8]) -> (Features, Vec<String>) {
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let mut wrong = panics::take();
    let features = result.unwrap_or_else(|_| {
        if wrong.is_empty() {
            wrong.push("a panic that no hook saw".to_owned());
        }
        Features::default()
    });
    (features, wrong)
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let per_second = self.executions as f64 / self.time.as_secs_f64().max(0.001);
        write!(
            f,
            "{} executions in {:.0} s ({per_second:.0}/s), corpus {}, features {}, slowest {:.0} ms, findings {}",
            self.executions,
            self.time.as_secs_f64(),
            self.corpus,
            self.features,
            self.slowest.as_secs_f64() * 1e3,
            self.findings.len()
        )
    }
}

fn read_folder(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut paths = vec![];
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    let files = paths.into_iter().filter(|path| path.is_file());
    files.map(|path| fs::read(&path).with_context(|| format!("reading {}", path.display()))).collect()
}

/// Saves an input under a name that follows from it.
fn save(folder: &Path, input: &[u8]) -> anyhow::Result<PathBuf> {
    let file = folder.join(hex::encode(&Sha256::digest(input)[..8]));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, input))
        .with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}
