//! What an execution did, coarsely: inputs that do something new are kept and mutated further.

use sha2::{Digest, Sha256};

/// Features of one execution.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Features(Vec<u64>);

impl Features {
    /// Notes something that happened.
    pub fn note(&mut self, what: impl AsRef<[u8]>) {
        let digest = Sha256::digest(what.as_ref());
        self.0.push(digest.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }

    /// Notes an outcome: its code and the words of its text, without numbers, addresses and hashes.
    pub fn outcome(&mut self, place: &str, code: u32, codespace: &str, log: &str) {
        let words = log.split(|letter: char| !letter.is_alphanumeric());
        let is_word =
            |word: &&str| (3..16).contains(&word.len()) && word.bytes().all(|letter| letter.is_ascii_alphabetic());
        let words: Vec<&str> = words.filter(is_word).take(24).collect();
        self.note(format!("{place} {codespace}/{code} {}", words.join(" ")));
    }

    /// The features as numbers.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied()
    }
}
