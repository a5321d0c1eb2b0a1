use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Telemetry, render};
use crate::Code;

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-web over HTTP/1.1.
    GrpcWeb,
    /// JSON over HTTP/1.1.
    Rest,
}

impl Door {
    pub(super) const ALL: [Self; 3] = [Self::Grpc, Self::GrpcWeb, Self::Rest];

    /// Value of the label `door`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc-web",
            Self::Rest => "rest",
        }
    }

    fn index(self) -> usize {
        self as usize // a field-less enum's own number
    }
}

/// Figures of the doors. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    telemetry: Telemetry,
    state: Mutex<State>,
    doors: [DoorFigures; Door::ALL.len()],
    sources: Mutex<Vec<Source>>,
}

type Source = Box<dyn Fn() -> String + Send + Sync>;

#[derive(Default)]
struct DoorFigures {
    in_flight: AtomicI64,
    connections: AtomicI64,
    evicted: AtomicU64,
}

/// By door and method.
#[derive(Default)]
struct State {
    methods: [HashMap<String, MethodFigures>; Door::ALL.len()],
}

/// What became of the calls of one method at one door.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct MethodFigures {
    pub by_code: [u64; CODES],
    /// Calls that took at most the bound of the same index; not cumulative. The last one has no bound.
    pub by_time: [u64; BOUNDS.len() + 1],
    pub micros: u64,
    pub least_micros: u64,
    pub most_micros: u64,
}

/// Number of codes of gRPC.
const CODES: usize = 17;

/// Upper bounds of the histogram in microseconds: from an answer out of memory to a client's patience.
pub(super) const BOUNDS: [u64; 14] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// The figures of one door at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    pub door: Door,
    pub in_flight: i64,
    pub connections: i64,
    pub evicted: u64,
    /// By method, in order.
    pub methods: Vec<(String, MethodFigures)>,
}

impl Metrics {
    /// No figures yet.
    pub fn new(telemetry: Telemetry) -> Self {
        let (state, sources) = (Mutex::new(State::default()), Mutex::new(Vec::new()));
        let doors = core::array::from_fn(|_| DoorFigures::default());
        Self { inner: Arc::new(Inner { telemetry, state, doors, sources }) }
    }

    /// The settings.
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// Adds text in Prometheus' format, made at each scrape, for metrics that other parts of the node keep.
    pub fn add_source(&self, source: impl Fn() -> String + Send + Sync + 'static) {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// A request has begun; it ends when the result is dropped.
    pub fn begin(&self, door: Door) -> InFlight {
        self.door(door).in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { metrics: self.clone(), door }
    }

    /// A request was answered. `method` is the path of a method that exists, or empty: a name that a client made up
    /// would add a series for ever.
    pub fn answered(&self, door: Door, method: &str, code: Code, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(methods) = state.methods.get_mut(door.index()) else { return };
        if !methods.contains_key(method) {
            methods.insert(method.to_owned(), MethodFigures { least_micros: u64::MAX, ..MethodFigures::default() });
        }
        if let Some(figures) = methods.get_mut(method) {
            let code = usize::try_from(code.number()).ok().and_then(|code| figures.by_code.get_mut(code));
            if let Some(count) = code {
                *count += 1;
            }
            let bucket = BOUNDS.partition_point(|bound| *bound < micros);
            if let Some(count) = figures.by_time.get_mut(bucket) {
                *count += 1;
            }
            figures.micros = figures.micros.saturating_add(micros);
            figures.least_micros = figures.least_micros.min(micros);
            figures.most_micros = figures.most_micros.max(micros);
        }
    }

    /// So many connections are open more (or fewer, if negative).
    pub fn connections(&self, door: Door, change: i64) {
        self.door(door).connections.fetch_add(change, Ordering::Relaxed);
    }

    /// An idle connection was closed to make room.
    pub fn evicted(&self, door: Door) {
        self.door(door).evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything in Prometheus' text format, the added sources last.
    pub fn prometheus(&self) -> String {
        let mut text = render::prometheus(&self.inner.telemetry, &self.snapshots());
        for source in self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text.push_str(&source());
        }
        text
    }

    /// The figures as JSON, in the form of the SDK's sink in memory.
    pub fn json(&self) -> String {
        render::json(&self.inner.telemetry, &self.snapshots())
    }

    fn door(&self, door: Door) -> &DoorFigures {
        match door {
            Door::Grpc => &self.inner.doors[0],
            Door::GrpcWeb => &self.inner.doors[1],
            Door::Rest => &self.inner.doors[2],
        }
    }

    fn snapshots(&self) -> Vec<Snapshot> {
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let all = Door::ALL.into_iter().zip(&state.methods).map(|(door, methods)| {
            let figures = self.door(door);
            let mut methods: Vec<_> = methods.iter().map(|(name, figures)| (name.clone(), *figures)).collect();
            methods.sort_by(|(a, _), (b, _)| a.cmp(b));
            Snapshot {
                door,
                in_flight: figures.in_flight.load(Ordering::Relaxed),
                connections: figures.connections.load(Ordering::Relaxed),
                evicted: figures.evicted.load(Ordering::Relaxed),
                methods,
            }
        });
        all.collect()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("telemetry", &self.inner.telemetry).finish_non_exhaustive()
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct InFlight {
    metrics: Metrics,
    door: Door,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.door(self.door).in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_door_method_code_and_time() {
        let metrics = Metrics::new(Telemetry::default());
        let running = metrics.begin(Door::Rest);
        for (code, micros) in [(Code::Ok, 100), (Code::Ok, 101), (Code::NotFound, 9_000_000)] {
            metrics.answered(Door::Rest, "/a.B/C", code, Duration::from_micros(micros));
        }
        metrics.connections(Door::Rest, 3);
        metrics.connections(Door::Rest, -1);
        metrics.evicted(Door::Rest);
        let rest = |metrics: &Metrics| metrics.snapshots().pop().expect("a snapshot of each door");
        let now = rest(&metrics);
        assert_eq!((now.door, now.in_flight, now.connections, now.evicted), (Door::Rest, 1, 2, 1));
        let (name, figures) = now.methods.first().expect("one method");
        assert_eq!((name.as_str(), figures.by_code[0], figures.by_code[5]), ("/a.B/C", 2, 1));
        assert_eq!((figures.by_time[0], figures.by_time[1], figures.by_time[14]), (1, 1, 1));
        assert_eq!((figures.micros, figures.least_micros, figures.most_micros), (9_000_201, 100, 9_000_000));
        drop(running);
        assert_eq!(rest(&metrics).in_flight, 0);
    }
}
