//! The page about performance, made of the results alone.

mod bars;
mod flame;
mod svg;
mod tables;

use std::path::Path;

use anyhow::{Context, Result};

use crate::result::{Figures, ResultFile};

pub use bars::{Bar, Direction, bars};
pub use flame::Flame;
pub use svg::{Chart, Line, Scale};

/// Writes the page, and its plots beside the results.
///
/// # Errors
/// Results that cannot be read; a page that cannot be written.
pub fn write(results: &Path, page: &Path) -> Result<()> {
    let files = ResultFile::read_all(results)?;
    let parent = page.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let plots = results.with_file_name("plots");
    std::fs::create_dir_all(&plots).with_context(|| format!("cannot create {}", plots.display()))?;
    let mut shown = Vec::new();
    for (name, chart) in charts(&files) {
        let path = plots.join(format!("{name}.svg"));
        std::fs::write(&path, chart.to_svg()).with_context(|| format!("cannot write {}", path.display()))?;
        let link = path.strip_prefix(parent).unwrap_or(&path).display().to_string();
        shown.push((chart.title.clone(), link));
    }
    // Pictures that other commands have put there.
    let mut flames: Vec<_> = std::fs::read_dir(&plots)?.flatten().map(|entry| entry.file_name()).collect();
    flames.sort();
    for name in flames.iter().filter_map(|name| name.to_str()).filter(|name| name.starts_with("flame-")) {
        let path = plots.join(name);
        let link = path.strip_prefix(parent).unwrap_or(&path).display().to_string();
        shown.push((format!("Flame graph: {}", name.trim_start_matches("flame-").trim_end_matches(".svg")), link));
    }
    let text = tables::page(&files, &shown);
    std::fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))?;
    eprintln!("wrote {}", page.display());
    Ok(())
}

/// How cost grows with accounts, and what a soak shows over time.
fn charts(files: &[ResultFile]) -> Vec<(String, Chart)> {
    let mut charts = Vec::new();
    if let Some(growth) = files.iter().find(|file| file.benchmark == "growth" && file.name == "growth") {
        let line = |figure: &str, label: &str| Line {
            label: label.to_owned(),
            points: growth
                .systems()
                .iter()
                .filter_map(|system| Some((system.parse().ok()?, growth.summary(system, figure)?.median)))
                .collect(),
        };
        let mut add = |name: &str, title: &str, unit: &str, y: Scale, lines: Vec<Line>| {
            let chart = Chart {
                title: title.to_owned(),
                x_label: "accounts".to_owned(),
                y_label: unit.to_owned(),
                x: Scale::Logarithmic,
                y,
                lines,
            };
            if chart.lines.iter().any(|line| !line.points.is_empty()) {
                charts.push((name.to_owned(), chart));
            }
        };
        let execution = vec![line("txs_per_s", "bank sends executed and committed")];
        add("growth-throughput", "Throughput without an engine", "transactions/s", Scale::Linear, execution);
        let times = vec![
            line("open_s", "start"),
            line("open_from_checkpoint_s", "start from a tree checkpoint"),
            line("state_sync_s", "state sync"),
            line("snapshot_s", "writing a snapshot"),
        ];
        add("growth-times", "Start and state sync", "seconds", Scale::Logarithmic, times);
        let memory = vec![line("open_resident_bytes_per_key", "memory for each key")];
        add("growth-memory", "Memory", "bytes", Scale::Linear, memory);
    }
    for file in files.iter().filter(|file| file.benchmark == "soak") {
        for run in &file.runs {
            let line = |figure: &str, label: &str| Line {
                label: label.to_owned(),
                points: run.series.iter().filter_map(|point| pair(point, figure)).collect(),
            };
            let mut add = |what: &str, title: &str, unit: &str, lines: Vec<Line>| {
                let chart = Chart {
                    title: format!("{title}, {}", run.system),
                    x_label: "minutes".to_owned(),
                    y_label: unit.to_owned(),
                    x: Scale::Linear,
                    y: Scale::Linear,
                    lines,
                };
                charts.push((format!("{}-{what}", file.name), chart));
            };
            add("memory", "Memory over time", "MiB", vec![line("resident_mib", "resident")]);
            add("handles", "File handles over time", "handles", vec![line("handles", "open")]);
            add("disk", "Disk over time", "MiB", vec![line("disk_mib", "home")]);
            let latencies = vec![line("commit_p50_ms", "p50"), line("commit_p99_ms", "p99")];
            add("latency", "Time to commit over time", "ms", latencies);
        }
    }
    charts
}

fn pair(point: &Figures, figure: &str) -> Option<(f64, f64)> {
    Some((*point.get("minute")?, *point.get(figure)?))
}
