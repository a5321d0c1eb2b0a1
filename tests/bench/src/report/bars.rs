use crate::result::{ResultFile, number};

/// Which side of a bar is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher is better.
    AtLeast,
    /// Lower is better.
    AtMost,
}

/// One line of the table of bars.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What is asked.
    pub name: &'static str,
    /// What must be reached.
    pub floor: f64,
    /// What should be.
    pub extreme: f64,
    /// Which way.
    pub direction: Direction,
    /// Written behind numbers.
    pub unit: &'static str,
    /// The figure, where it was measured.
    pub measured: Option<f64>,
}

impl Bar {
    fn reached(&self, bar: f64) -> bool {
        self.measured.is_some_and(|value| match self.direction {
            Direction::AtLeast => value >= bar,
            Direction::AtMost => value <= bar,
        })
    }

    /// What the figure means.
    pub fn verdict(&self) -> &'static str {
        match self.measured {
            None => "not measured",
            Some(_) if self.reached(self.extreme) => "extreme reached",
            Some(_) if self.reached(self.floor) => "floor reached",
            Some(_) => "**not reached**",
        }
    }

    /// How far above the floor, 1 being the floor itself.
    pub fn ratio(&self) -> Option<f64> {
        let value = self.measured?;
        Some(match self.direction {
            Direction::AtLeast => value / self.floor,
            Direction::AtMost => self.floor / value.max(f64::MIN_POSITIVE),
        })
    }

    /// A value with the bar's unit.
    pub fn text(&self, value: f64) -> String {
        format!("{}{}", number(value), self.unit)
    }
}

/// The bars with what was measured. Each compares medians within one result file, whose systems took turns.
pub fn bars(files: &[ResultFile]) -> Vec<Bar> {
    let file = |name: &str| files.iter().find(|file| file.name == name);
    let value = |name: &str, system: &str, figure: &str| Some(file(name)?.summary(system, figure)?.median);
    let ratio = |name: &str, figure: &str, above: &str, below: &str| {
        Some(value(name, above, figure)? / value(name, below, figure)?)
    };
    let throughput = |figure: &str, above: &str, below: &str| ratio("throughput", figure, above, below);
    let app_cpu = || {
        let engine = value("throughput", "kvstore-1", "cpu_us_per_tx")?;
        let simd = value("throughput", "simd", "cpu_us_per_tx")? - engine;
        Some(simd / value("throughput", "comet-1", "cpu_us_per_tx_plumed")?)
    };
    let share = |system: &str| value("replay", system, "share_of_verification").map(|share| share * 100.0);
    let sha = file("state").is_none_or(|file| file.machine.sha_extensions);
    let state_size = "1000000";
    let written = || {
        let of = |figure| value("state", state_size, figure);
        Some(of("all_threads_written_bytes")? / of("all_threads_state_bytes")?)
    };
    let kept = || Some(100.0 * value("growth", "10000000", "txs_per_s")? / value("growth", "100000", "txs_per_s")?);
    let large = |figure: &str| value("growth", "10000000", figure);
    let queries = || {
        let systems = ["raft-1", "comet-1"];
        let doors = ["query_rpc_p99_ms", "query_rest_p99_ms"];
        let all = systems.iter().flat_map(|system| doors.iter().filter_map(|door| value("queries", system, door)));
        all.reduce(f64::max)
    };
    let latency = || ratio("latency-four", "commit_p50_ms", "comet-4", "kvstore-4");
    let (at_least, at_most) = (Direction::AtLeast, Direction::AtMost);
    let bar = |name, floor, extreme, direction, unit, measured| Bar { name, floor, extreme, direction, unit, measured };
    vec![
        bar(
            "blocks without an engine, secp256k1: signatures' share of the work",
            45.0,
            65.0,
            at_least,
            " %",
            share("plume secp256k1"),
        ),
        bar("the same, ed25519 in batches", 35.0, 55.0, at_least, " %", share("plume ed25519")),
        bar(
            "application's CPU per transaction, simd (less CometBFT's with its key-value store) / Plume",
            18.0,
            26.0,
            at_least,
            "x",
            app_cpu(),
        ),
        bar(
            "end-to-end CPU per transaction with CometBFT, simd / Plume",
            8.0,
            10.5,
            at_least,
            "x",
            throughput("cpu_us_per_tx", "simd", "comet-1"),
        ),
        bar(
            "committed sends/s, one validator with CometBFT, Plume / simd",
            8.0,
            12.0,
            at_least,
            "x",
            throughput("committed_per_s", "comet-1", "simd"),
        ),
        bar(
            "four validators with CometBFT on this machine, sends/s",
            2000.0,
            4000.0,
            at_least,
            "",
            value("throughput-four", "comet-4", "committed_per_s"),
        ),
        bar(
            "the same, each node passing transactions on to two of the three others",
            2000.0,
            4000.0,
            at_least,
            "",
            value("throughput-four-gossip", "comet-4", "committed_per_s"),
        ),
        bar(
            "broadcast to commit p50, four validators, Plume / CometBFT's key-value store",
            1.3,
            1.1,
            at_most,
            "x",
            latency(),
        ),
        bar(
            "Raft, one validator, sends/s",
            8000.0,
            10_000.0,
            at_least,
            "",
            value("throughput", "raft-1", "committed_per_s"),
        ),
        bar(
            "state alone, 1M keys, 10k updates a block: block thread's CPU per update",
            if sha { 8.0 } else { 16.0 },
            if sha { 5.5 } else { 11.0 },
            at_most,
            " us",
            value("state", state_size, "block_thread_us_per_update"),
        ),
        bar("throughput kept from 100k to 10M accounts", 40.0, 70.0, at_least, " %", kept()),
        bar("bytes written per state byte changed", 4.0, 2.0, at_most, "", written()),
        bar("start at 10M accounts from a tree checkpoint", 30.0, 10.0, at_most, " s", large("open_from_checkpoint_s")),
        bar("start at 10M accounts without one", 120.0, 60.0, at_most, " s", large("open_s")),
        bar("state sync at 10M accounts", 180.0, 60.0, at_most, " s", large("state_sync_s")),
        bar(
            "memory per committed key, values and tree",
            300.0,
            200.0,
            at_most,
            " B",
            large("open_resident_bytes_per_key"),
        ),
        bar("balance query p99 while blocks are full", 50.0, 10.0, at_most, " ms", queries()),
        bar(
            "old blocks executed again, each signature verified, over the rate at which they were made",
            3.0,
            10.0,
            at_least,
            "x",
            value("catch-up", "raft-1", "replay_ratio"),
        ),
        bar(
            "the same, signatures vouched for by the blocks' commits (verify-decided-signatures = false)",
            3.0,
            10.0,
            at_least,
            "x",
            value("catch-up", "raft-1", "replay_vouched_ratio"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Figures, Run};

    fn file(name: &str, runs: &[(&str, &[(&str, f64)])]) -> ResultFile {
        let run = |(system, figures): &(&str, &[(&str, f64)])| Run {
            system: (*system).to_owned(),
            figures: figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Figures>(),
            ..Run::default()
        };
        ResultFile { runs: runs.iter().map(run).collect(), ..ResultFile::new("test", name) }
    }

    #[test]
    fn bars_compare_medians_of_one_file() {
        let throughput = file(
            "throughput",
            &[
                ("comet-1", &[("committed_per_s", 6000.0), ("cpu_us_per_tx", 200.0), ("cpu_us_per_tx_plumed", 100.0)]),
                ("kvstore-1", &[("cpu_us_per_tx", 100.0)]),
                ("simd", &[("committed_per_s", 700.0), ("cpu_us_per_tx", 2000.0)]),
                ("simd", &[("committed_per_s", 500.0), ("cpu_us_per_tx", 2000.0)]),
            ],
        );
        let files = [
            throughput,
            file("latency-four", &[("comet-4", &[("commit_p50_ms", 52.0)]), ("kvstore-4", &[("commit_p50_ms", 40.0)])]),
        ];
        let all = bars(&files);
        let of = |part: &str| all.iter().find(|bar| bar.name.contains(part)).expect("a bar of this name");
        assert_eq!((of("Plume / simd").measured, of("Plume / simd").verdict()), (Some(10.0), "floor reached"));
        assert_eq!((of("end-to-end CPU").measured, of("end-to-end CPU").verdict()), (Some(10.0), "floor reached"));
        assert_eq!(
            (of("application's CPU").measured, of("application's CPU").ratio()),
            (Some(19.0), Some(19.0 / 18.0))
        );
        assert_eq!(of("broadcast to commit").verdict(), "floor reached");
        assert_eq!(of("Raft, one").verdict(), "not measured");
        let slow = Bar { measured: Some(1.31), ..of("broadcast to commit").clone() };
        assert_eq!(slow.verdict(), "**not reached**");
    }
}
