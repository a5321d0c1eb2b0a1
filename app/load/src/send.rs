//! Sending: one thread and one connection for each lane.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::{Connection, Latencies, LoadError, SignedTx};

/// Before a full mempool is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Longest wait between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(20);

/// Codespace `sdk`: the sequence is not the expected one.
const WRONG_SEQUENCE: u64 = 32;

/// When transactions are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Open loop: this many a second, evenly, whether or not the chain keeps up. What counts for latency is when a
    /// transaction should have been sent.
    Rate(f64),
    /// As fast as possible with at most this many sent and not committed.
    Closed {
        /// Sent and not yet in a block.
        in_flight: u64,
    },
}

/// What the threads of a run share.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) start: Instant,
    pub(crate) stop: AtomicBool,
    pub(crate) sent: AtomicU64,
    committed: AtomicU64,
    /// Told of each block with transactions.
    room: (Mutex<()>, Condvar),
}

impl Progress {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            stop: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            room: (Mutex::new(()), Condvar::new()),
        }
    }

    /// Transactions committed so far.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// This many more are committed.
    pub(crate) fn commit(&self, txs: u64) {
        let (lock, told) = &self.room;
        let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.committed.fetch_add(txs, Ordering::Relaxed);
        drop(held);
        told.notify_all();
    }

    /// Whether `more` can be sent with at most `in_flight` sent and not committed.
    fn has_room(&self, more: u64, in_flight: u64) -> bool {
        self.sent.load(Ordering::Relaxed).saturating_sub(self.committed()) + more <= in_flight
    }

    /// Waits until there may be room. Dozens of senders that look every millisecond would take a tenth of a small machine.
    fn wait_for_room(&self, more: u64, in_flight: u64) {
        let (lock, told) = &self.room;
        let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = told.wait_timeout_while(held, LOOK, |()| !self.has_room(more, in_flight));
    }
}

/// One transaction as it goes over its connection.
struct Call {
    index: usize,
    request: Vec<u8>,
}

/// What one connection did.
#[derive(Debug, Default)]
pub(crate) struct LaneReport {
    /// When each transaction was due, or with a closed loop sent, from the start of the run.
    pub(crate) due: Vec<(usize, Duration)>,
    /// From due to the answer of the mempool.
    pub(crate) answers: Latencies,
    /// Answers that said that the mempool is full.
    pub(crate) pushed_back: u64,
}

/// The calls of one connection, written before the clock starts.
pub(crate) struct Lane {
    connection: Connection,
    calls: Vec<Call>,
}

impl Lane {
    /// Those of `txs` that belong to `lane`.
    pub(crate) fn new(connection: Connection, lane: u32, txs: &[SignedTx]) -> Self {
        let call = |(index, tx): (usize, &SignedTx)| {
            let text = STANDARD.encode(&tx.bytes);
            let request =
                format!(r#"{{"jsonrpc":"2.0","id":{index},"method":"broadcast_tx_sync","params":{{"tx":"{text}"}}}}"#);
            Call { index, request: request.into_bytes() }
        };
        let calls = txs.iter().enumerate().filter(|(_, tx)| tx.lane == lane).map(call).collect();
        Self { connection, calls }
    }

    /// Sends everything; returns early when the run is stopped.
    pub(crate) fn run(mut self, pace: Pace, batch: usize, progress: &Progress) -> Result<LaneReport, LoadError> {
        let calls = std::mem::take(&mut self.calls);
        let mut report = LaneReport::default();
        let mut rest = calls.as_slice();
        while !rest.is_empty() && !progress.stop.load(Ordering::Relaxed) {
            let now = progress.start.elapsed();
            let ready = match pace {
                Pace::Rate(rate) => rest.iter().take(batch).take_while(|call| due(call.index, rate) <= now).count(),
                Pace::Closed { in_flight } if progress.has_room(batch as u64, in_flight) => batch.min(rest.len()),
                Pace::Closed { .. } => 0,
            };
            if ready == 0 {
                match pace {
                    Pace::Rate(rate) => {
                        let next = rest.first().map_or(LOOK, |call| due(call.index, rate).saturating_sub(now));
                        std::thread::sleep(next.min(LOOK));
                    }
                    Pace::Closed { in_flight } => progress.wait_for_room(batch as u64, in_flight),
                }
                continue;
            }
            let (calls, later) = rest.split_at(ready);
            rest = later;
            progress.sent.fetch_add(ready as u64, Ordering::Relaxed);
            let when = |call: &Call| match pace {
                Pace::Rate(rate) => due(call.index, rate),
                Pace::Closed { .. } => now,
            };
            report.due.extend(calls.iter().map(|call| (call.index, when(call))));
            self.send(calls, progress, &mut report)?;
            let answered = progress.start.elapsed();
            calls.iter().for_each(|call| report.answers.record(answered.saturating_sub(when(call))));
        }
        Ok(report)
    }

    /// Sends calls until the mempool has all of them.
    fn send(&mut self, calls: &[Call], progress: &Progress, report: &mut LaneReport) -> Result<(), LoadError> {
        let mut waiting: Vec<&Call> = calls.iter().collect();
        while !waiting.is_empty() && !progress.stop.load(Ordering::Relaxed) {
            let body = match waiting.as_slice() {
                [one] => one.request.clone(),
                many => {
                    let requests: Vec<&[u8]> = many.iter().map(|call| call.request.as_slice()).collect();
                    [b"[", requests.join(&b',').as_slice(), b"]"].concat()
                }
            };
            let answers = self.answers(&body)?;
            let mut again = Vec::new();
            for call in waiting {
                let answer = answers.iter().find(|answer| answer.id.as_u64() == Some(call.index as u64));
                let verdict = answer.map_or_else(
                    || Verdict::Refused("no answer in the batch".to_owned()),
                    |answer| answer.verdict(!again.is_empty()),
                );
                match verdict {
                    Verdict::Accepted => {}
                    Verdict::Later => again.push(call),
                    Verdict::Refused(reason) => {
                        let url = self.connection.host().to_owned();
                        return Err(LoadError::Refused { url, index: call.index, reason });
                    }
                }
            }
            if !again.is_empty() {
                report.pushed_back += 1;
                std::thread::sleep(PAUSE);
            }
            waiting = again;
        }
        Ok(())
    }

    fn answers(&mut self, body: &[u8]) -> Result<Vec<Answer>, LoadError> {
        let answer = self.connection.post(body)?;
        let parsed = if answer.first() == Some(&b'[') {
            serde_json::from_slice(&answer)
        } else {
            serde_json::from_slice(&answer).map(|one| vec![one])
        };
        parsed.map_err(|error| {
            let text = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
            self.connection.unexpected("broadcast_tx_sync", &format!("{error}: {text}"))
        })
    }
}

/// When a transaction of an open loop is due.
fn due(index: usize, rate: f64) -> Duration {
    Duration::from_secs_f64(index as f64 / rate)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Value,
    result: Option<Broadcast>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Broadcast {
    code: u64,
    #[serde(default)]
    log: String,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Later,
    Refused(String),
}

impl Answer {
    /// `after_a_full_one`: an earlier one of the same request found the mempool full, so that an account's sequences may
    /// not fit now.
    fn verdict(&self, after_a_full_one: bool) -> Verdict {
        match (&self.result, &self.error) {
            (Some(Broadcast { code: 0, .. }), _) => Verdict::Accepted,
            (Some(Broadcast { code: WRONG_SEQUENCE, .. }), _) if after_a_full_one => Verdict::Later,
            (Some(Broadcast { code, log }), _) => Verdict::Refused(format!("code {code}: {log}")),
            (None, Some(error)) => match error.to_string() {
                text if text.contains("tx already exists in cache") => Verdict::Accepted,
                text if text.contains("mempool is full") => Verdict::Later,
                text => Verdict::Refused(text),
            },
            (None, None) => Verdict::Refused("neither result nor error".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let verdict = |text: &str, after| serde_json::from_str::<Answer>(text).expect("an answer").verdict(after);
        assert_eq!(verdict(r#"{"id":1,"result":{"code":0,"log":""}}"#, false), Verdict::Accepted);
        let full = r#"{"id":1,"error":{"code":-32603,"data":"mempool is full: number of txs 5 (max: 5)"}}"#;
        assert_eq!(verdict(full, false), Verdict::Later);
        let known = r#"{"id":1,"error":{"code":-32603,"data":"tx already exists in cache"}}"#;
        assert_eq!(verdict(known, false), Verdict::Accepted);
        let sequence = r#"{"id":1,"result":{"code":32,"log":"expected 3, got 4"}}"#;
        assert_eq!(verdict(sequence, true), Verdict::Later);
        assert_eq!(verdict(sequence, false), Verdict::Refused("code 32: expected 3, got 4".to_owned()));
    }

    #[test]
    fn an_open_loop_is_due_evenly() {
        assert_eq!(due(0, 50.0), Duration::ZERO);
        assert_eq!(due(100, 50.0), Duration::from_secs(2));
    }
}
