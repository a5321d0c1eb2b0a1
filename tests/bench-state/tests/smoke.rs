//! The benchmark runs in miniature, every stage of it. Its figures mean nothing here.

use std::process::Command;

#[test]
fn every_stage_runs_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bench-state"))
        .args(["--smoke", "--folder"])
        .arg(folder.path())
        .arg("--json")
        .arg(&json)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let size = &report["sizes"][0];
    assert_eq!((size["accounts"].as_u64(), size["keys"].as_u64()), (Some(3000), Some(6000)));
    for stage in ["one_thread", "all_threads"] {
        // Five blocks of 200 random accounts of 3000, some of them twice in a block.
        assert_eq!(size[stage]["updates"].as_u64(), Some(968), "{stage}");
        assert!(size[stage]["hashes_per_update"].as_f64().unwrap() > 3.0);
    }
    for stage in ["restart", "restart_from_checkpoint"] {
        assert_eq!(size[stage]["keys"].as_u64(), Some(6000), "{stage}");
    }
    assert_eq!(report["reference"]["updates"].as_u64(), Some(400));
    // The databases are gone.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
