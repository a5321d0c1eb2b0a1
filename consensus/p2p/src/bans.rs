//! Remembers who broke the protocol.

use core::time::Duration;
use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::PeerId;

/// Most peers remembered. Only peers that were let in can be banned, so this matters to open policies only.
const CAPACITY: usize = 1024;

/// Bans that double with each violation.
#[derive(Debug)]
pub(crate) struct Bans {
    min: Duration,
    max: Duration,
    known: BTreeMap<PeerId, Ban>,
}

#[derive(Debug)]
struct Ban {
    until: Instant,
    length: Duration,
}

impl Bans {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), known: BTreeMap::new() }
    }

    /// Bans `id`; how long.
    pub(crate) fn ban(&mut self, id: PeerId, now: Instant) -> Duration {
        let max = self.max;
        self.known.retain(|_, ban| ban.until + max > now);
        if self.known.len() >= CAPACITY && !self.known.contains_key(&id) {
            let next = self.known.iter().min_by_key(|(_, ban)| ban.until).map(|(id, _)| *id);
            next.map(|id| self.known.remove(&id));
        }
        let length = self.known.get(&id).map_or(self.min, |ban| (ban.length * 2).min(max));
        self.known.insert(id, Ban { until: now + length, length });
        length
    }

    /// When the ban of `id` ends, if there is one.
    pub(crate) fn until(&self, id: &PeerId, now: Instant) -> Option<Instant> {
        self.known.get(id).map(|ban| ban.until).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn bans_double_up_to_the_longest_and_are_forgotten() {
        let mut bans = Bans::new(SECOND, SECOND * 4);
        let id = PeerId::new([1; 20]);
        let mut now = Instant::now();
        assert_eq!(bans.until(&id, now), None);
        for length in [1, 2, 4, 4] {
            assert_eq!(bans.ban(id, now), SECOND * length);
            assert_eq!(bans.until(&id, now), Some(now + SECOND * length));
            now += SECOND * length;
            assert_eq!(bans.until(&id, now), None);
        }
        assert_eq!(bans.ban(id, now + SECOND * 4), SECOND, "clean for the longest ban: starts again");
    }

    #[tokio::test(start_paused = true)]
    async fn the_list_is_bounded() {
        let mut bans = Bans::new(SECOND, SECOND);
        let now = Instant::now();
        for index in 0..1100_u32 {
            let mut id = [0; 20];
            id[..4].copy_from_slice(&index.to_be_bytes());
            bans.ban(PeerId::new(id), now);
        }
        assert_eq!(bans.known.len(), CAPACITY);
    }
}
