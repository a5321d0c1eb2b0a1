//! Every benchmark in miniature: that it works. Its figures mean nothing here.
//!
//! Needs `plumed`, `bench-state` and CometBFT, as the tests of `tests/devnet` do. simd takes minutes to build and is left out
//! unless it is there.

use std::path::Path;
use std::process::{Command, Output};

use plume_bench::folder::program;
use plume_bench::result::{ResultFile, Run};

/// Longest run.
const PATIENCE_S: &str = "240";

fn bench(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("timeout")
        .args(["--kill-after=5", PATIENCE_S])
        .arg(env!("CARGO_BIN_EXE_plume-bench"))
        // Before the command: some take everything that comes last.
        .arg("--output")
        .arg(folder)
        .args(arguments)
        .output()
        .expect("timeout is part of coreutils")
}

#[track_caller]
fn measured(folder: &Path, name: &str, arguments: &[&str]) -> ResultFile {
    let output = bench(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read(folder.join(format!("{name}.json"))).expect("a result");
    serde_json::from_slice(&text).expect("JSON of a result")
}

#[track_caller]
fn has(run: &Run, figures: &[&str]) {
    for figure in figures {
        let value = run.figures.get(*figure).unwrap_or_else(|| panic!("no {figure} in {run:?}"));
        assert!(value.is_finite() && *value > 0.0, "{figure} is {value} in {run:?}");
    }
}

#[test]
fn systems_take_turns_with_the_same_load_and_end_with_the_right_balances() {
    let folder = tempfile::tempdir().expect("temp dir");
    let mut systems = vec!["raft-1", "comet-1", "kvstore-1"];
    if program("simd", "PLUME_SIMD", "").is_ok() {
        systems.push("simd");
    }
    let list = systems.join(",");
    let arguments = [
        "end-to-end",
        "--systems",
        &list,
        "--accounts",
        "60",
        "--txs",
        "120",
        "--connections",
        "3",
        "--batch",
        "10",
        "--queries",
        "20",
        "--replay",
    ];
    let result = measured(folder.path(), "throughput", &arguments);
    assert_eq!(result.systems(), systems);
    for run in &result.runs {
        has(
            run,
            &["committed_per_s", "cpu_us_per_tx", "commit_p50_ms", "peak_mib", "handles", "blocks", "signature_us"],
        );
        assert!(run.checks[0].starts_with("120 transactions are committed with code 0"), "{run:?}");
        for setting in ["durability", "block_bytes", "block_gas", "indexer", "accounts", "pace"] {
            assert!(run.settings.contains_key(setting), "no {setting} in {run:?}");
        }
        let bank = run.system != "kvstore-1";
        assert_eq!(run.checks.iter().any(|check| check.contains("together the supply")), bank, "{run:?}");
        let plume = bank && run.system != "simd";
        assert_eq!(run.checks.iter().any(|check| check.contains("after a restart")), plume, "{run:?}");
        if plume {
            has(run, &["restart_s", "query_rpc_asked", "query_rest_asked"]);
            // How many came while blocks were full is a matter of chance in so short a run.
            assert!(
                run.figures.contains_key("query_rpc_count") && run.figures.contains_key("query_rest_count"),
                "{run:?}"
            );
        }
    }
    has(&result.runs[0], &["replay_per_s", "replay_ratio", "replay_vouched_per_s", "replay_vouched_ratio"]);
    has(&result.runs[1], &["cpu_us_per_tx_plumed", "cpu_us_per_tx_plume-cometbft"]);
}

#[test]
fn exchanges_with_ed25519_keys_by_zipf_s_law_come_at_their_rate() {
    let folder = tempfile::tempdir().expect("temp dir");
    let arguments = [
        "end-to-end",
        "--name",
        "exchange",
        "--systems",
        "raft-4",
        "--accounts",
        "40",
        "--txs",
        "60",
        "--connections",
        "4",
        "--workload",
        "exchange",
        "--keys",
        "ed25519",
        "--spread",
        "zipf",
        "--rate",
        "20",
        "--queries",
        "20",
        "--fee",
        "3",
    ];
    let result = measured(folder.path(), "exchange", &arguments);
    let run = &result.runs[0];
    has(run, &["commit_p50_ms", "commit_p99_ms", "restart_s", "query_rpc_p99_ms", "query_rest_p99_ms"]);
    // The last is due after 59 / 20 s, and no transaction is late because another one was.
    assert!(run.figures["wall_s"] > 2.9, "{run:?}");
    assert!(run.checks.iter().any(|check| check.contains("together the supply")), "{run:?}");
}

#[test]
fn the_layers_run_and_the_report_shows_all_of_it() {
    let folder = tempfile::tempdir().expect("temp dir");
    let results = folder.path().join("results");
    let replay =
        measured(&results, "replay", &["replay", "--accounts", "300", "--blocks", "2", "--txs-per-block", "60"]);
    assert_eq!(replay.systems(), ["plume secp256k1", "plume ed25519"]);
    for run in &replay.runs {
        has(run, &["verify_us", "block_us", "share_of_verification", "check_us", "block_after_check_us"]);
    }
    let sizes = ["growth", "--accounts", "200,2000", "--blocks", "2", "--txs-per-block", "50"];
    let growth = measured(&results, "growth", &sizes);
    assert_eq!(growth.systems(), ["200", "2000"]);
    for run in &growth.runs {
        has(run, &["txs_per_s", "open_s", "open_from_checkpoint_s", "state_sync_s", "snapshot_chunks", "disk_bytes"]);
    }
    let state = measured(&results, "state", &["state", "--", "--smoke"]);
    has(&state.runs[0], &["block_thread_us_per_update", "all_threads_state_bytes", "restart_seconds"]);
    let soak = [
        "soak",
        "--systems",
        "raft-1",
        "--accounts",
        "40",
        "--rate",
        "30",
        "--minutes",
        "0.1",
        "--round-s",
        "2",
        "--keep-blocks",
        "1000",
    ];
    let soak = measured(&results, "soak", &soak);
    assert_eq!(soak.runs[0].settings["keep_blocks"], 1000);
    assert_eq!(soak.runs[0].series.len(), 3);
    assert!(soak.runs[0].series.iter().all(|point| point["resident_mib"] > 0.0 && point["commit_p50_ms"] > 0.0));
    has(&soak.runs[0], &["resident_mib_last_third_over_middle", "handles_last_third_over_middle"]);

    let page = folder.path().join("performance.md");
    let output = bench(&results, &["report", "--page", page.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&page).expect("written");
    for part in ["## Bars", "| plume ed25519 |", "## What accounts cost", "| 2000 |", "## The state alone", "## Soak"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    for plot in ["growth-throughput", "growth-times", "growth-memory", "soak-memory", "soak-latency"] {
        assert!(text.contains(&format!("(plots/{plot}.svg)")), "no {plot} in\n{text}");
        let svg = std::fs::read_to_string(folder.path().join(format!("plots/{plot}.svg"))).expect("written");
        assert!(svg.contains("<polyline points=\"") && !svg.contains("NaN"), "{svg}");
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let folder = tempfile::tempdir().expect("temp dir");
    for (arguments, reason) in [
        (&["end-to-end", "--systems", "geth"][..], "there are raft-N"),
        (&["end-to-end", "--accounts", "5"][..], "5 accounts for 8 connections"),
        (&["soak", "--systems", "kvstore-1"][..], "a soak is of Plume"),
        (&["report"][..], "cannot read"),
    ] {
        let output = bench(&folder.path().join("none"), arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(reason), "{arguments:?}: {text}");
    }
}
