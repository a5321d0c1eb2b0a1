use std::collections::{HashMap, VecDeque};

use crate::TxHash;

/// Remembers the hashes that were pushed or asked about last.
///
/// A hash that is seen again gets a new place at the end of the queue; its older places are skipped when they come
/// up, so every operation takes constant time on average.
pub(crate) struct Cache {
    capacity: usize,
    /// The only valid place of each hash.
    places: HashMap<TxHash, u64>,
    /// Oldest first.
    queue: VecDeque<(TxHash, u64)>,
    next: u64,
}

impl Cache {
    /// Room for `capacity` hashes; 0 remembers nothing.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, places: HashMap::new(), queue: VecDeque::new(), next: 0 }
    }

    /// Notes that `hash` was seen now. False if it was remembered already.
    pub fn push(&mut self, hash: TxHash) -> bool {
        if self.capacity == 0 {
            return true;
        }
        let new = !self.places.contains_key(&hash);
        while new && self.places.len() >= self.capacity {
            self.forget_oldest();
        }
        self.places.insert(hash, self.next);
        self.queue.push_back((hash, self.next));
        self.next += 1;
        if self.queue.len() > 2 * self.capacity + 16 {
            self.queue.retain(|(hash, place)| self.places.get(hash) == Some(place));
        }
        new
    }

    /// Forgets `hash`.
    pub fn remove(&mut self, hash: &TxHash) {
        self.places.remove(hash);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.places.clear();
        self.queue.clear();
    }

    fn forget_oldest(&mut self) {
        while let Some((hash, place)) = self.queue.pop_front() {
            if self.places.get(&hash) == Some(&place) {
                self.places.remove(&hash);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> TxHash {
        [n; 32]
    }

    #[test]
    fn the_least_recently_seen_is_forgotten() {
        let mut cache = Cache::new(3);
        assert!([1, 2, 3].into_iter().all(|n| cache.push(hash(n))));
        assert!(!cache.push(hash(1)), "seen again, and now the youngest");
        assert!(cache.push(hash(4)), "takes the place of 2");
        assert!(!cache.push(hash(1)) && !cache.push(hash(3)) && !cache.push(hash(4)));
        assert!(cache.push(hash(2)), "was forgotten");
    }

    #[test]
    fn a_removed_hash_is_new_again_and_frees_its_place() {
        let mut cache = Cache::new(2);
        cache.push(hash(1));
        cache.push(hash(2));
        cache.remove(&hash(1));
        assert!(cache.push(hash(3)), "into the free place");
        assert!(!cache.push(hash(2)), "which cost nobody his");
        assert!(cache.push(hash(1)));
    }

    #[test]
    fn without_capacity_everything_is_new() {
        let mut cache = Cache::new(0);
        assert!(cache.push(hash(1)) && cache.push(hash(1)));
    }

    #[test]
    fn asking_often_takes_no_memory() {
        let mut cache = Cache::new(4);
        for _ in 0..1000 {
            cache.push(hash(1));
        }
        assert!(cache.queue.len() <= 24, "{}", cache.queue.len());
        cache.clear();
        assert!(cache.push(hash(1)));
    }
}
