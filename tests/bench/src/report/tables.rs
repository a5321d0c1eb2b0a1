use std::fmt::Write as _;

use super::bars;
use crate::result::{ResultFile, number};

/// Which figures of a benchmark the page shows, with their headings.
fn columns(file: &ResultFile) -> &'static [(&'static str, &'static str)] {
    match (file.benchmark.as_str(), file.name.as_str()) {
        ("end-to-end", name) if name.starts_with("latency") => &[
            ("commit_p50_ms", "commit p50, ms"),
            ("commit_p99_ms", "p99, ms"),
            ("commit_max_ms", "longest, ms"),
            ("answer_p50_ms", "mempool's answer p50, ms"),
            ("cpu_us_per_tx", "CPU, us/tx"),
        ],
        ("end-to-end", "queries") => &[
            ("committed_per_s", "tx/s"),
            ("query_rpc_p50_ms", "RPC p50, ms"),
            ("query_rpc_p99_ms", "RPC p99, ms"),
            ("query_rest_p50_ms", "REST p50, ms"),
            ("query_rest_p99_ms", "REST p99, ms"),
        ],
        ("end-to-end", "catch-up") => &[
            ("committed_per_s", "made, tx/s"),
            ("replay_per_s", "executed again, tx/s"),
            ("replay_ratio", "ratio"),
            ("replay_vouched_per_s", "signatures vouched for, tx/s"),
            ("replay_vouched_ratio", "ratio"),
        ],
        ("end-to-end", _) => &[
            ("committed_per_s", "tx/s"),
            ("cpu_us_per_tx", "CPU, us/tx"),
            ("generator_cpu_us_per_tx", "generator, us/tx"),
            ("txs_per_block", "tx/block"),
            ("written_bytes_per_tx", "written, B/tx"),
            ("peak_mib", "memory, MiB"),
            ("other_processes_cpu_s", "others' CPU, s"),
            ("stolen_cpu_s", "taken by the host, s"),
            ("signature_us", "one signature before, us"),
        ],
        ("replay", _) => &[
            ("verify_us", "signatures alone, us"),
            ("block_us", "block, us"),
            ("share_of_verification", "share"),
            ("check_us", "CheckTx, us"),
            ("block_after_check_us", "block after CheckTx, us"),
            ("recheck_untouched_us", "recheck, us"),
            ("app_us", "both, us"),
        ],
        ("growth", _) => &[
            ("txs_per_s", "tx/s"),
            ("cpu_us_per_tx", "CPU, us/tx"),
            ("written_bytes_per_tx", "written, B/tx"),
            ("open_s", "start, s"),
            ("open_from_checkpoint_s", "from a checkpoint, s"),
            ("state_sync_s", "state sync, s"),
            ("snapshot_s", "snapshot, s"),
            ("open_resident_bytes_per_key", "memory, B/key"),
            ("disk_bytes_per_account", "disk, B/account"),
        ],
        ("state", _) => &[
            ("block_thread_us_per_update", "block thread, us/update"),
            ("block_thread_us", "(reference) us/update"),
            ("all_threads_total_us", "all threads, us/update"),
            ("all_threads_written_bytes", "written, B/update"),
            ("all_threads_state_bytes", "changed, B/update"),
            ("restart_seconds", "start, s"),
            ("restart_bytes_per_key", "memory, B/key"),
        ],
        _ => &[
            ("resident_mib_last_third_over_middle", "memory"),
            ("handles_last_third_over_middle", "handles"),
            ("disk_mib_last_third_over_middle", "disk"),
            ("commit_p50_ms_last_third_over_middle", "commit p50"),
            ("commit_p99_ms_last_third_over_middle", "commit p99"),
        ],
    }
}

/// What stands above a result's table.
fn heading(file: &ResultFile) -> String {
    match file.name.as_str() {
        "throughput" => "Bank sends, one validator".to_owned(),
        "throughput-four" => "Bank sends, four validators on this machine".to_owned(),
        "throughput-four-gossip" => {
            "Bank sends, four validators that pass transactions on to two of the three others".to_owned()
        }
        "latency-one" => "Time to commit, one validator".to_owned(),
        "latency-four" => "Time to commit, four validators on this machine".to_owned(),
        "exchange" => "Delivery versus payment, two signers".to_owned(),
        "zipf" => "Bank sends, few accounts do most".to_owned(),
        "queries" => "Balance queries while blocks are full".to_owned(),
        "catch-up" => "Old blocks executed again".to_owned(),
        "replay" => "Blocks without an engine".to_owned(),
        "growth" => "What accounts cost".to_owned(),
        "state" => "The state alone".to_owned(),
        "soak" => "Soak: last third over middle third, 1 is flat".to_owned(),
        other => other.to_owned(),
    }
}

/// The whole page.
pub(super) fn page(files: &[ResultFile], plots: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Performance\n\n\
         Made by `plume-bench report` from the files in [performance/results](performance/results), which hold every \
         repetition; do not edit. How it is measured: [tests/bench](../tests/bench/README.md). Figures are medians, with the \
         lowest and highest of the repetitions; systems of one table took turns on one machine. What stands in the way of \
         bars that are not reached: [bottlenecks](performance/bottlenecks.md).\n\n\
         ## Bars\n\n\
         | bar | floor | extreme | measured | against the floor | |\n|---|---|---|---|---|---|\n",
    );
    for bar in bars(files) {
        let measured = bar.measured.map_or_else(|| "-".to_owned(), |value| bar.text(value));
        let ratio = bar.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{}x", number(ratio)));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {measured} | {ratio} | {} |",
            bar.name,
            bar.text(bar.floor),
            bar.text(bar.extreme),
            bar.verdict()
        );
    }
    for file in files {
        table(&mut text, file);
    }
    if !plots.is_empty() {
        text.push_str("\n## Plots\n");
        for (title, link) in plots {
            let _ = write!(text, "\n![{title}]({link})\n");
        }
    }
    text
}

fn table(text: &mut String, file: &ResultFile) {
    let systems = file.systems();
    let shown: Vec<_> = columns(file)
        .iter()
        .filter(|(figure, _)| systems.iter().any(|system| file.summary(system, figure).is_some()))
        .collect();
    let _ = write!(text, "\n## {}\n\n", heading(file));
    let _ = writeln!(text, "| | {} |", shown.iter().map(|(_, title)| *title).collect::<Vec<_>>().join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(shown.len()));
    for system in &systems {
        let cells: Vec<String> = shown
            .iter()
            .map(|(figure, _)| file.summary(system, figure).map_or_else(|| "-".to_owned(), |found| found.to_text()))
            .collect();
        let _ = writeln!(text, "| {system} | {} |", cells.join(" | "));
    }
    text.push('\n');
    for system in &systems {
        let Some(run) = file.runs.iter().find(|run| run.system == *system) else { continue };
        let settings: Vec<String> = run
            .settings
            .iter()
            .map(|(name, value)| format!("{name} {}", value.to_string().trim_matches('"')))
            .collect();
        if !settings.is_empty() {
            let _ = writeln!(text, "* {system}: {}", settings.join("; "));
        }
        if !run.checks.is_empty() {
            let _ = writeln!(text, "  Checked: {}.", run.checks.join("; "));
        }
    }
    for failure in &file.failures {
        let _ = writeln!(text, "* Failed: {failure}.");
    }
    let machine = &file.machine;
    let sha = if machine.sha_extensions { "with" } else { "without" };
    let _ = writeln!(
        text,
        "\n`{}`, commit {}; {}, {sha} SHA extensions, {} cores, {} MiB, Linux {}{}.",
        file.command,
        file.commit,
        machine.processor,
        machine.cores,
        machine.memory_mib,
        machine.kernel,
        if machine.optimised { "" } else { ". **Not optimised: these figures mean nothing**" }
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Run;

    #[test]
    fn the_page_shows_bars_tables_settings_and_plots() {
        let mut file = ResultFile::new("end-to-end", "throughput");
        file.runs = [("raft-1", 8000.0), ("raft-1", 9000.0), ("raft-1", 8500.0)]
            .iter()
            .zip(1..)
            .map(|((system, rate), repetition)| Run {
                system: (*system).to_owned(),
                repetition,
                settings: serde_json::json!({"durability": "synced"}).as_object().cloned().unwrap_or_default(),
                figures: [("committed_per_s".to_owned(), *rate)].into(),
                checks: vec!["sums".to_owned()],
                series: Vec::new(),
            })
            .collect();
        let page = page(&[file], &[("A plot".to_owned(), "performance/plots/a.svg".to_owned())]);
        for part in [
            "| Raft, one validator, sends/s | 8,000 | 10,000 | 8,500 | 1.06x | floor reached |",
            "| raft-1 | 8,500 (8,000 to 9,000, 3 runs) |",
            "* raft-1: durability synced",
            "Checked: sums.",
            "![A plot](performance/plots/a.svg)",
            "| state sync at 10M accounts | 180 s | 60.0 s | - | - | not measured |",
        ] {
            assert!(page.contains(part), "no {part:?} in\n{page}");
        }
    }

    #[test]
    fn a_run_without_a_result_stands_under_its_table() {
        let run = Run { system: "simd".to_owned(), ..Run::default() };
        let failures = vec!["simd, repetition 2: no answer".to_owned()];
        let file = ResultFile { runs: vec![run], failures, ..ResultFile::new("end-to-end", "throughput") };
        assert!(page(&[file], &[]).contains("\n* Failed: simd, repetition 2: no answer.\n"));
    }
}
