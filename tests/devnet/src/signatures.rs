//! No validator signed twice: read from what every node has stored.

use std::collections::BTreeMap;

use plume_primitives::Height;

use crate::Network;

/// Height, round, address of the validator.
type Place = (u64, i32, Vec<u8>);

impl Network {
    /// Compares the votes in every node's own commits (those that it decided with) and in the commits of the chain: one
    /// signature for each validator, height and round. All nodes must have stopped.
    ///
    /// # Panics
    /// On a second signature, or a store that cannot be read.
    pub(crate) fn require_single_signatures(&self) {
        let mut signatures: BTreeMap<Place, (Vec<u8>, usize)> = BTreeMap::new();
        for (index, node) in self.nodes().iter().enumerate() {
            let store = node.store();
            for height in (store.base().get()..=store.height().get()).map(Height) {
                let own = store.seen_commit(height).expect("stored with the block");
                let next = store.commit(height).ok();
                for commit in [Some(own), next].into_iter().flatten() {
                    for vote in commit.signatures.into_iter().filter(|vote| !vote.signature.is_empty()) {
                        let at = (height.get(), commit.round, vote.validator_address);
                        let (known, by) = signatures.entry(at.clone()).or_insert((vote.signature.clone(), index));
                        assert_eq!(*known, vote.signature, "{at:?}: two signatures, on nodes {by} and {index}");
                    }
                }
            }
        }
        assert!(!signatures.is_empty(), "nothing was compared");
    }
}
