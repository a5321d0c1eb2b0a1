//! Random use with crashes at any step, against a list in memory.

use plume_wal::FaultyDisk;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

/// What a user does, with what fault it meets.
#[derive(Debug, Clone)]
enum Action {
    Append(u64),
    Sync,
    /// Keeps this share (of 256) of the records.
    Truncate(u8),
    Purge(u8),
    /// Moves the next index by this much from the first one.
    Reset(u8),
    /// The process ends and starts again.
    Restart,
    /// The machine loses power after this many further changes of the disk.
    PowerLoss(u64),
    FailSync(u64),
    Full(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (1..6_u64).prop_map(Action::Append),
        4 => Just(Action::Sync),
        2 => any::<u8>().prop_map(Action::Truncate),
        2 => any::<u8>().prop_map(Action::Purge),
        1 => any::<u8>().prop_map(Action::Reset),
        1 => Just(Action::Restart),
        4 => (0..12_u64).prop_map(Action::PowerLoss),
        1 => (1..4_u64).prop_map(Action::FailSync),
        1 => (0..500_u64).prop_map(Action::Full),
    ]
}

/// What the log may hold: payload numbers from `first` on, of which those below `durable` are promised.
#[derive(Debug, Clone)]
struct Model {
    first: u64,
    records: Vec<u64>,
    durable: u64,
}

impl Model {
    fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Whether a log found after a crash keeps this model's promises: nothing but these records, without gaps, with
    /// the durable ones; purged at most below `purged`.
    fn allows(&self, found: &Found, purged: u64) -> bool {
        if found.first < self.first || found.first > purged.max(self.first) || found.next() < self.durable {
            return false;
        }
        let skipped = usize::try_from(found.first - self.first).expect("small");
        let expected = self.records.iter().skip(skipped).map(|n| payload(*n));
        found.next() <= self.next() && found.payloads.iter().cloned().eq(expected.take(found.payloads.len()))
    }
}

struct Found {
    first: u64,
    payloads: Vec<Bytes>,
}

impl Found {
    fn of(wal: &Wal) -> Self {
        Self { first: wal.first_index(), payloads: contents(wal) }
    }

    fn next(&self) -> u64 {
        self.first + self.payloads.len() as u64
    }
}

struct World {
    disk: FaultyDisk,
    wal: Option<Wal>,
    /// States that a crash now may leave, the likely one last.
    models: Vec<Model>,
    purged: u64,
    counter: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = FaultyDisk::new(seed);
        let wal = open(&disk).expect("a new log").0;
        let models = vec![Model { first: 0, records: Vec::new(), durable: 0 }];
        Self { disk, wal: Some(wal), models, purged: 0, counter: 0 }
    }

    fn act(&mut self, action: &Action) {
        let wal = self.wal.take().expect("open between actions");
        let mut model = self.models.last().expect("never empty").clone();
        let share = |share: u8| model.first + (model.records.len() as u64) * u64::from(share) / 256;
        let result = match *action {
            Action::PowerLoss(after) => {
                self.disk.crash_after(after);
                Ok(())
            }
            Action::FailSync(nth) => {
                self.disk.fail_sync(nth);
                Ok(())
            }
            Action::Full(room) => {
                self.disk.set_capacity(Some(self.disk.used() + room));
                Ok(())
            }
            Action::Restart => return self.restart(wal),
            Action::Append(count) => {
                let numbers: Vec<u64> = (self.counter..self.counter + count).collect();
                self.counter += count;
                let batch: Vec<Bytes> = numbers.iter().map(|n| payload(*n)).collect();
                let next = model.next();
                // A crash within keeps any part of the batch.
                model.records.extend(numbers);
                let before = self.models.clone();
                self.models = vec![model.clone()];
                let result = wal.append(&batch);
                match &result {
                    Ok(first) => {
                        assert_eq!(*first, next);
                        self.models[0].durable = self.models[0].durable.max(wal.durable_end());
                    }
                    // Refused without harm: none of it may be seen while the log is open. After a crash a torn part
                    // of it may be there, which the model without crash does not have.
                    Err(WalError::Io { .. }) if !self.dead() => {
                        let mut before = before.last().expect("never empty").clone();
                        before.durable = before.durable.max(wal.durable_end());
                        self.models.push(before);
                    }
                    Err(_) => {}
                }
                result.map(|_| ())
            }
            Action::Sync => {
                let result = wal.sync();
                if result.is_ok() {
                    model.durable = model.next();
                    self.models = vec![model];
                }
                result
            }
            Action::Truncate(part) => {
                let index = share(part);
                let mut after = model.clone();
                after.records.truncate(usize::try_from(index - model.first).expect("small"));
                after.durable = after.durable.min(index);
                let result = wal.truncate_from(index);
                if result.is_ok() {
                    self.models = vec![after];
                } else {
                    // Shortened at any place down to the index.
                    self.models = vec![Model { durable: after.durable, ..model }];
                }
                result
            }
            Action::Purge(part) => {
                let index = share(part);
                self.purged = self.purged.max(index);
                let result = wal.purge_below(index);
                if result.is_ok() {
                    let first = wal.first_index();
                    assert!((model.first..=index.max(model.first)).contains(&first));
                    model.records.drain(..usize::try_from(first - model.first).expect("small"));
                    model.first = first;
                    self.models = vec![model];
                }
                result
            }
            Action::Reset(move_by) => {
                let first = model.first + u64::from(move_by);
                let empty = Model { first, records: Vec::new(), durable: first };
                let result = wal.reset(first);
                match &result {
                    Ok(()) => {
                        self.models = vec![empty];
                        self.purged = first;
                    }
                    Err(WalError::Io { .. }) if !self.dead() => {}
                    Err(_) => self.models = vec![empty, model],
                }
                result
            }
        };
        match result {
            Ok(()) => self.wal = Some(wal),
            Err(WalError::Io { .. }) if !self.dead() => {
                self.disk.set_capacity(None);
                self.wal = Some(wal);
            }
            Err(WalError::Io { .. } | WalError::Poisoned(_)) => return self.restart(wal),
            Err(other) => panic!("{other}"),
        }
        let wal = self.wal.as_ref().expect("just put back");
        if !self.dead() {
            let model = self.models.last().expect("never empty");
            assert_eq!((wal.first_index(), wal.next_index()), (model.first, model.next()));
            assert_eq!(contents(wal), model.records.iter().map(|n| payload(*n)).collect::<Vec<_>>());
        }
    }

    fn dead(&self) -> bool {
        self.disk.list(Path::new(DIR)).is_err()
    }

    /// Opens the log again, after a loss of power if there was one, and again after another one: nothing changes then.
    fn restart(&mut self, wal: Wal) {
        drop(wal);
        self.disk.set_capacity(None);
        let mut opened = if self.dead() { None } else { open(&self.disk).ok() };
        if opened.is_none() {
            // Opening met a planned fault, or the power was lost. A disk that dies while it is opened, too.
            let mut attempts = 0;
            while opened.is_none() {
                self.disk = self.disk.crash();
                if attempts < 3 {
                    self.disk.crash_after(attempts);
                }
                attempts += 1;
                opened = open(&self.disk).map_err(|error| assert!(self.dead(), "{error}")).ok();
            }
        }
        let (wal, recovery) = opened.expect("not none");
        let found = Found::of(&wal);
        assert_eq!(recovery.records, found.payloads.len() as u64);
        let allowed = self.models.iter().any(|model| model.allows(&found, self.purged));
        assert!(allowed, "found {}..{} of {:?}", found.first, found.next(), self.models);
        let numbers = found.payloads.iter().map(|bytes| u64::from_le_bytes(*bytes.first_chunk().expect("a number")));
        self.models = vec![Model { first: found.first, records: numbers.collect(), durable: found.next() }];
        self.purged = found.first;
        drop(wal);
        self.disk = self.disk.crash();
        let (wal, again) = open(&self.disk).expect("opens");
        assert_eq!(contents(&wal), found.payloads, "what was found is durable");
        assert_eq!(again, Recovery { records: recovery.records, ..Recovery::default() }, "nothing to repair twice");
        self.wal = Some(wal);
    }
}

proptest! {
    #![proptest_config(Config { cases: 600, rng_seed: RngSeed::Fixed(4), ..Config::default() })]

    #[test]
    fn promises_survive_any_use_with_crashes(seed: u64, actions in prop::collection::vec(action(), 1..60)) {
        let mut world = World::new(seed);
        for action in &actions {
            world.act(action);
        }
        let wal = world.wal.take().expect("open between actions");
        world.restart(wal);
    }
}

/// The same use, cut off at every single step of the disk.
#[test]
fn each_step_of_each_operation_may_be_the_last() {
    let uses: [&[Action]; 4] = [
        &[Action::Append(2), Action::Sync, Action::Append(5), Action::Append(5), Action::Append(5), Action::Sync],
        &[Action::Append(5), Action::Append(5), Action::Append(5), Action::Append(5), Action::Truncate(30)],
        &[Action::Append(5), Action::Append(5), Action::Append(5), Action::Append(5), Action::Purge(220)],
        &[Action::Append(5), Action::Append(5), Action::Append(5), Action::Reset(3), Action::Append(2)],
    ];
    for actions in uses {
        let mut step = 0;
        loop {
            let mut finished = false;
            for seed in 0..12 {
                let mut world = World::new(seed);
                let start = world.disk.operations();
                world.disk.crash_after(step);
                for action in actions {
                    world.act(action);
                }
                finished = world.disk.operations() <= start + step && !world.dead();
                let wal = world.wal.take().expect("open between actions");
                world.restart(wal);
            }
            step += 1;
            assert!(step < 200, "{actions:?} has few steps");
            if finished {
                break;
            }
        }
    }
}
