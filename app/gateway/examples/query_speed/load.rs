//! Who asks when, and how long it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::clients::{Connection, Door, Question};
use crate::settings::Settings;

#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// The next call when the last one is answered.
    Closed,
    /// So many calls a second.
    Open { rate: u64 },
}

impl Load {
    pub fn name(self) -> String {
        match self {
            Self::Closed => "as fast as it goes".to_owned(),
            Self::Open { rate } => format!("{rate} a second"),
        }
    }
}

pub struct Outcome {
    pub answered: u64,
    pub failed: u64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
}

/// When the calls of a measurement start: the `n`th at `began + n / rate`, or at once.
struct Schedule {
    load: Load,
    began: Instant,
    ends: Instant,
    next: AtomicU64,
}

impl Schedule {
    /// When the next call starts, and the call's number; nothing once the measurement is over.
    fn next(&self) -> Option<(Instant, u64)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let start = match self.load {
            Load::Closed => Instant::now(),
            Load::Open { rate } => self.began + Duration::from_secs_f64(number as f64 / rate as f64),
        };
        (start < self.ends).then_some((start, number))
    }
}

pub async fn run(
    door: Door,
    host: &str,
    questions: &[Question],
    load: Load,
    settings: &Settings,
) -> Result<Outcome, String> {
    let mut connections = Vec::new();
    for _ in 0..settings.connections {
        let mut connection = Connection::open(door, host).await?;
        // The first call of a connection is not measured.
        connection.ask(&questions[0]).await?;
        connections.push(connection);
    }
    let began = Instant::now();
    let ends = began + Duration::from_secs(settings.seconds);
    let schedule = Arc::new(Schedule { load, began, ends, next: AtomicU64::new(0) });
    let questions: Arc<[Question]> = questions.into();
    let workers: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(work(connection, schedule.clone(), questions.clone())))
        .collect();
    let (mut times, mut failed) = (Vec::new(), 0);
    for worker in workers {
        let (mut of_worker, failures) = worker.await.map_err(|error| error.to_string())?;
        times.append(&mut of_worker);
        failed += failures;
    }
    let elapsed = began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| {
        let last = times.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    let answered = times.len() as u64;
    Ok(Outcome {
        answered,
        failed,
        per_second: answered as f64 / elapsed,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        longest_ms: at(1.0),
    })
}

/// Asks on one connection until the measurement is over. A call that finds every connection busy waits, and the wait counts.
async fn work(mut connection: Connection, schedule: Arc<Schedule>, questions: Arc<[Question]>) -> (Vec<Duration>, u64) {
    let (mut times, mut failed) = (Vec::new(), 0);
    while let Some((start, number)) = schedule.next() {
        if let Load::Open { .. } = schedule.load {
            sleep_until(start).await;
        }
        let question = &questions[number as usize % questions.len()];
        match connection.ask(question).await {
            Ok(()) => times.push(start.elapsed()),
            Err(error) => {
                failed += 1;
                // Whatever follows on this connection would fail likewise.
                eprintln!("{error}");
                break;
            }
        }
    }
    (times, failed)
}
