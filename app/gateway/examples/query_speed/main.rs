//! How fast a running node answers balance queries, over gRPC and over REST:
//!
//! ```text
//! cargo run --release -p plume-gateway --example query_speed -- --grpc HOST:PORT --rest HOST:PORT
//! ```
//!
//! Two measurements for each door. *Throughput*: every connection asks again as soon as it is answered. *Latency*: calls
//! start at a stated rate whatever the node does, and each is timed from the moment at which it should have started, so
//! that a node which stalls is charged for all that waited. To measure while blocks are full, let another command fill
//! them (`plume-bench end-to-end`, or `plumed bench tx` on a running chain).

mod clients;
mod load;
mod settings;

use std::process::ExitCode;

use clients::{Door, Question};
use load::{Load, Outcome};
use serde_json::json;
use settings::{Settings, USAGE};

fn main() -> ExitCode {
    match settings::Settings::parse(std::env::args().skip(1)).and_then(|settings| run(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(settings.threads).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let rows = runtime.block_on(measure(settings))?;
    if settings.json {
        let rows: Vec<_> = rows.iter().map(|(door, load, outcome)| row(*door, load, outcome)).collect();
        println!("{:#}", json!({ "connections": settings.connections, "seconds": settings.seconds, "rows": rows }));
    } else {
        print_table(settings, &rows);
    }
    let failed: u64 = rows.iter().map(|(.., outcome)| outcome.failed).sum();
    if failed > 0 { Err(format!("{failed} queries failed")) } else { Ok(()) }
}

async fn measure(settings: &Settings) -> Result<Vec<(Door, Load, Outcome)>, String> {
    let addresses = match settings.addresses.is_empty() {
        false => settings.addresses.clone(),
        true => clients::accounts(settings.rest.as_deref().ok_or("name accounts with --address, or --rest")?).await?,
    };
    let mut rows = Vec::new();
    for (door, host) in [(Door::Grpc, &settings.grpc), (Door::Rest, &settings.rest)] {
        let Some(host) = host else { continue };
        let questions: Result<Vec<Question>, _> =
            addresses.iter().map(|address| Question::new(door, host, address, &settings.denom)).collect();
        let questions = questions?;
        for load in [Load::Closed, Load::Open { rate: settings.rate }] {
            let outcome = load::run(door, host, &questions, load, settings).await?;
            rows.push((door, load, outcome));
        }
    }
    Ok(rows)
}

fn print_table(settings: &Settings, rows: &[(Door, Load, Outcome)]) {
    println!(
        "balance queries, {} connections, {} s each; times in ms from when a call should have started\n",
        settings.connections, settings.seconds
    );
    println!(
        "{:<5} {:<18} {:>9} {:>7} {:>10} {:>8} {:>8} {:>8}",
        "door", "load", "answered", "failed", "per second", "p50", "p99", "longest"
    );
    for (door, load, outcome) in rows {
        println!(
            "{:<5} {:<18} {:>9} {:>7} {:>10.0} {:>8.2} {:>8.2} {:>8.2}",
            door.name(),
            load.name(),
            outcome.answered,
            outcome.failed,
            outcome.per_second,
            outcome.p50_ms,
            outcome.p99_ms,
            outcome.longest_ms
        );
    }
}

fn row(door: Door, load: &Load, outcome: &Outcome) -> serde_json::Value {
    json!({
        "door": door.name(),
        "load": load.name(),
        "answered": outcome.answered,
        "failed": outcome.failed,
        "per_second": outcome.per_second,
        "p50_ms": outcome.p50_ms,
        "p99_ms": outcome.p99_ms,
        "longest_ms": outcome.longest_ms,
    })
}
