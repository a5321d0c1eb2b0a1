//! Which type stands behind a name or a prefix.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::schema::{AminoMessage, MessagePlan, schema};

/// What go-amino puts in front of a registered type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disfix {
    /// Between a zero byte and the prefix, where prefixes alone would be ambiguous.
    pub(super) disambiguation: [u8; 3],
    pub(super) prefix: [u8; 4],
}

/// From the SHA-256 of the name: leading zeros aside three bytes, and behind further zeros four.
pub(super) fn disfix(name: &str) -> Disfix {
    let hash = Sha256::digest(name);
    let mut bytes = hash.iter().copied().skip_while(|byte| *byte == 0);
    // 32 bytes of a hash have seven that are not zero, or SHA-256 is broken.
    let disambiguation = std::array::from_fn(|_| bytes.next().unwrap_or_default());
    let mut bytes = bytes.skip_while(|byte| *byte == 0);
    Disfix { disambiguation, prefix: std::array::from_fn(|_| bytes.next().unwrap_or_default()) }
}

/// Messages with an amino name that may stand in a transaction, by that name and by its prefix. Nothing stands for two.
struct Registered {
    by_name: BTreeMap<&'static str, Option<usize>>,
    by_prefix: BTreeMap<[u8; 4], Option<usize>>,
}

static REGISTERED: LazyLock<Registered> = LazyLock::new(|| {
    let mut registered = Registered { by_name: BTreeMap::new(), by_prefix: BTreeMap::new() };
    for (index, plan) in schema().plans().iter().enumerate().filter(|(_, plan)| plan.is_registered) {
        let Some(name) = plan.amino_name.as_deref() else { continue };
        registered.by_name.entry(name).and_modify(|known| *known = None).or_insert(Some(index));
        let prefix = disfix(name).prefix;
        registered.by_prefix.entry(prefix).and_modify(|known| *known = None).or_insert(Some(index));
    }
    registered
});

/// The message of that amino name.
pub(super) fn by_name(name: &str) -> Option<usize> {
    *REGISTERED.by_name.get(name)?
}

/// The message of that prefix; with a disambiguation only if that is its, too.
pub(super) fn by_prefix(prefix: [u8; 4], disambiguation: Option<[u8; 3]>) -> Option<usize> {
    let index = (*REGISTERED.by_prefix.get(&prefix)?)?;
    let name = schema().plan(index).amino_name.as_deref()?;
    disambiguation.is_none_or(|wanted| disfix(name).disambiguation == wanted).then_some(index)
}

/// Whether Go's type for public keys can hold it.
pub(super) fn is_public_key(plan: &MessagePlan) -> bool {
    matches!(plan.amino_encoding, AminoMessage::KeyField | AminoMessage::ThresholdString)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_the_known_ones() {
        // From the table of Tendermint's specification.
        assert_eq!(disfix("tendermint/PubKeySecp256k1").prefix, [0xeb, 0x5a, 0xe9, 0x87]);
        assert_eq!(disfix("tendermint/PubKeyEd25519").prefix, [0x16, 0x24, 0xde, 0x64]);
        assert_eq!(disfix("tendermint/PubKeyMultisigThreshold").prefix, [0x22, 0xc1, 0xf7, 0xe2]);
        assert_eq!(disfix("cosmos-sdk/StdTx").prefix, [0x28, 0x28, 0x16, 0xa9]);
    }

    #[test]
    fn every_message_of_the_chain_has_a_prefix_of_its_own() {
        let messages = schema().plans().iter().filter(|plan| plan.is_transaction_message);
        for plan in messages {
            let name = plan.amino_name.as_deref().expect("a test of the schema");
            let found = by_prefix(disfix(name).prefix, Some(disfix(name).disambiguation));
            assert_eq!(found.map(|index| schema().plan(index).name.as_str()), Some(plan.name.as_str()));
            assert_eq!(by_prefix(disfix(name).prefix, Some([1, 2, 3])), None);
        }
    }
}
