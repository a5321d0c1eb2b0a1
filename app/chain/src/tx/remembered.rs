use std::sync::Arc;

use parking_lot::Mutex;
use plume_kit::TxError;

use super::decode::DecodedTx;
use crate::lookup::Lookup;

/// What decoding came to; shared, because a transaction is looked at when it arrives, when a block is made of it, and
/// when it is checked once more.
pub(crate) type Decoded = Arc<Result<DecodedTx, TxError>>;

/// SHA-256 of a transaction's bytes.
pub(crate) type TxHash = [u8; 32];

/// Remembers the decoded form of transactions that the mempool took.
///
/// Decoding, and for whom a signature is valid, depend on nothing but the bytes and on what never changes while the chain
/// lives, so whether a form comes from here or is made anew never changes anything. Keys are hashes of all bytes. Shared
/// between threads.
#[derive(Debug)]
pub(crate) struct DecodedTxs {
    generations: Mutex<Generations>,
    /// Bytes of the transactions of one generation.
    limit: usize,
}

/// When the young one is full the old one is forgotten and the young one becomes old.
#[derive(Debug, Default)]
struct Generations {
    young: Lookup<TxHash, Decoded>,
    old: Lookup<TxHash, Decoded>,
    young_bytes: usize,
}

impl DecodedTxs {
    /// Room for transactions of about `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        Self { generations: Mutex::default(), limit: bytes / 2 }
    }

    /// The decoded form, if it is remembered.
    pub fn get(&self, hash: &TxHash) -> Option<Decoded> {
        let generations = self.generations.lock();
        generations.young.get(hash).or_else(|| generations.old.get(hash)).cloned()
    }

    /// Forgets everything: another chain begins, whose transactions mean something else.
    pub fn clear(&self) {
        *self.generations.lock() = Generations::default();
    }

    /// Remembers the decoded form of the transaction with this hash, `bytes` long.
    pub fn insert(&self, hash: TxHash, bytes: usize, decoded: Decoded) {
        if bytes > self.limit {
            return;
        }
        let mut generations = self.generations.lock();
        if generations.young_bytes.saturating_add(bytes) > self.limit {
            generations.old = core::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        generations.young_bytes = generations.young_bytes.saturating_add(bytes);
        generations.young.insert(hash, decoded);
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn decoded(text: &str) -> Decoded {
        Arc::new(Err(TxError::wrap(plume_kit::sdk::TX_DECODE, text)))
    }

    fn hash(tx: &[u8]) -> TxHash {
        Sha256::digest(tx).into()
    }

    fn insert(txs: &DecodedTxs, tx: &'static [u8]) -> Decoded {
        let form = decoded("a form");
        txs.insert(hash(tx), tx.len(), form.clone());
        form
    }

    #[test]
    fn gives_back_the_very_form_and_nothing_for_other_bytes() {
        let txs = DecodedTxs::new(64);
        assert!(txs.get(&hash(b"one")).is_none());
        let one = insert(&txs, b"one");
        assert!(Arc::ptr_eq(&txs.get(&hash(b"one")).expect("remembered"), &one));
        assert!(txs.get(&hash(b"one ")).is_none());
    }

    #[test]
    fn forgets_the_generation_before_the_last_and_never_holds_more_than_its_room() {
        let txs = DecodedTxs::new(16);
        insert(&txs, b"12345678");
        insert(&txs, b"abcdefgh");
        assert!(txs.get(&hash(b"12345678")).is_some());
        insert(&txs, b"ABCDEFGH");
        assert!(txs.get(&hash(b"12345678")).is_none());
        assert!(txs.get(&hash(b"abcdefgh")).is_some());
        insert(&txs, b"123456789");
        assert!(txs.get(&hash(b"123456789")).is_none(), "longer than a generation");
        assert!(txs.get(&hash(b"ABCDEFGH")).is_some(), "nothing had to go for it");
    }
}
