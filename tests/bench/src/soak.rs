//! Hours at a steady rate: what grows that should not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use plume_load::{Accounts, Counters, Pace, SignedTx, Transfer, Workload, drive, sign_all};
use plume_primitives::Bech32Prefix;
use serde_json::json;

use crate::end_to_end::{Plan, load_settings, percentiles, place};
use crate::result::{Figures, ResultFile, Run, Summary};
use crate::system::{PREFIX, chain_params};
use crate::{balances, folder};

/// Length of a round: its transactions are signed while the round before is sent.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// The whole run.
    pub total: Duration,
    /// One round, one point of each curve.
    pub round: Duration,
}

/// One round's transactions.
type Round = (Vec<Transfer>, Vec<SignedTx>);

/// Runs one system at the plan's open-loop rate, or at `share` of what it commits in a first closed loop.
///
/// # Errors
/// A system that fails, or whose answers are wrong.
pub fn run(name: &str, plan: &Plan, length: Length, share: f64) -> Result<ResultFile> {
    let [system] = plan.systems[..] else { anyhow::bail!("a soak is of one system") };
    ensure!(system.is_plume(), "a soak is of Plume");
    let rate = match plan.pace {
        Pace::Rate(rate) => rate,
        Pace::Closed { .. } => {
            let capacity = crate::end_to_end::run("capacity", &Plan { repetitions: 1, ..plan.clone() })?;
            let found = capacity.summary(&system.to_string(), "committed_per_s").context("a capacity")?.median;
            eprintln!("capacity {found:.0} tx/s; the soak sends {:.0} tx/s", found * share);
            found * share
        }
    };
    let per_round = (rate * length.round.as_secs_f64()).round().max(1.0) as u64;
    let workload = Workload { txs: per_round, ..plan.workload };
    // Who signs must be known before the genesis is written: an address without a key is another one.
    let mut accounts = Accounts::of(&workload, &[], &Bech32Prefix::new(PREFIX)?);
    accounts.include(0..workload.accounts);
    let place = place(plan.folder.as_deref())?;
    let mut running = system.start(place.path(), &workload, &accounts, &plan.limits)?;
    let load = load_settings(&Plan { pace: Pace::Rate(rate), ..plan.clone() }, &running);

    let mut result = ResultFile::new("soak", name);
    let mut run =
        Run { system: system.to_string(), repetition: 1, settings: running.settings().clone(), ..Run::default() };
    run.settings.insert("pace".to_owned(), json!(format!("{rate:.0} a second, open loop")));
    run.settings.insert("share_of_capacity".to_owned(), json!(share));
    run.settings.insert("round_s".to_owned(), json!(length.round.as_secs_f64()));
    let rounds = (length.total.as_secs_f64() / length.round.as_secs_f64()).ceil().max(1.0) as u64;
    let start = Instant::now();
    let (mut all, mut before) = (Vec::new(), Counters::take(&running.pids()));
    let mut next = signed(&workload, 0, &mut accounts)?;
    for round in 0..rounds {
        let (transfers, txs) = next;
        let (driven, coming) = std::thread::scope(|scope| {
            let coming = scope.spawn(|| signed(&workload, round + 1, &mut accounts));
            let driven = drive(&txs, &load);
            (driven, coming.join().expect("signing does not panic"))
        });
        next = coming?;
        let now = Counters::take(&running.pids());
        let used = now.since(&before);
        before = now;
        let outcome = driven?.settle(&load.nodes[0])?;
        let mut point = Figures::new();
        let mut put = |name: &str, value: f64| point.insert(name.to_owned(), value);
        put("minute", start.elapsed().as_secs_f64() / 60.0);
        put("committed_per_s", outcome.rate());
        put("resident_mib", used.resident_bytes() as f64 / f64::from(1 << 20));
        put("handles", used.handles() as f64);
        put("disk_mib", folder::bytes(place.path()) as f64 / f64::from(1 << 20));
        put("written_mib", used.written_bytes() as f64 / f64::from(1 << 20));
        put("cpu_us_per_tx", used.cpu_seconds() * 1e6 / outcome.txs as f64);
        percentiles(&mut point, "commit", &outcome.commits.percentiles());
        eprintln!(
            "{:.1} min: {:.0} tx/s, p50 {:.1} ms, p99 {:.1} ms, {:.0} MiB, {:.0} handles, {:.0} MiB on disk",
            point["minute"],
            point["committed_per_s"],
            point["commit_p50_ms"],
            point["commit_p99_ms"],
            point["resident_mib"],
            point["handles"],
            point["disk_mib"]
        );
        run.series.push(point);
        all.extend(transfers);
    }
    let txs = all.len();
    run.checks.push(format!("{txs} transactions are committed with code 0"));
    run.checks.push(balances::check(&load.nodes[0], &workload, &accounts, &all)?);
    running.restart()?;
    run.checks.push("after a restart the app hash is the same on every node".to_owned());
    run.figures = growth(&run.series);
    result.runs.push(run);
    Ok(result)
}

fn signed(workload: &Workload, round: u64, accounts: &mut Accounts) -> Result<Round> {
    let workload = Workload { round, ..*workload };
    let transfers = workload.transfers()?;
    let txs = sign_all(&workload, &chain_params(), accounts, &transfers)?;
    Ok((transfers, txs))
}

/// How much a curve's last third lies above its middle third: 1 is flat. The first third warms up.
fn growth(series: &[Figures]) -> Figures {
    let third = series.len() / 3;
    let mut growth = Figures::new();
    if third == 0 {
        return growth;
    }
    for name in ["resident_mib", "handles", "disk_mib", "commit_p50_ms", "commit_p99_ms", "cpu_us_per_tx"] {
        let median = |points: &[Figures]| {
            let values: Vec<f64> = points.iter().filter_map(|point| point.get(name).copied()).collect();
            Summary::of(&values).map(|summary| summary.median)
        };
        let (middle, last) = (median(&series[third..2 * third]), median(&series[series.len() - third..]));
        if let (Some(middle), Some(last)) = (middle, last) {
            growth.insert(format!("{name}_last_third_over_middle"), last / middle.max(1e-9));
        }
    }
    growth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_compares_thirds() {
        let point = |value: f64| Figures::from([("resident_mib".to_owned(), value)]);
        let series: Vec<Figures> = [50.0, 70.0, 100.0, 100.0, 110.0, 110.0].map(point).into();
        assert_eq!(growth(&series), Figures::from([("resident_mib_last_third_over_middle".to_owned(), 1.1)]));
        assert!(growth(&series[..2]).is_empty());
    }
}
