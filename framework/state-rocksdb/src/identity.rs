//! The record that says whose database this is.

use std::collections::BTreeMap;

use plume_state::Store;

use crate::keys::StoreId;

/// Format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// First line of the record: other programs do not write it.
const MAGIC: &str = "plume-state-rocksdb";

/// Format version, chain and stores of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Chain whose state this is.
    pub(crate) chain_id: String,
    /// The stores that hold or held records, by name.
    pub(crate) stores: BTreeMap<String, KnownStore>,
}

/// A store as the database knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownStore {
    /// Its number in the keys of the database.
    pub(crate) id: StoreId,
    /// Whether its contents are part of the app hash.
    pub(crate) committed: bool,
}

/// What is wrong with an identity record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Another program's record, or a damaged one.
    Malformed,
    /// A newer program's record.
    Newer(u32),
}

impl Identity {
    /// A chain's identity before its first block.
    pub(crate) fn new(chain_id: &str) -> Self {
        Self { chain_id: chain_id.to_owned(), stores: BTreeMap::new() }
    }

    /// The store's number, if it has one.
    pub(crate) fn id(&self, name: &str) -> Option<StoreId> {
        self.stores.get(name).map(|store| store.id)
    }

    /// The store with a number.
    pub(crate) fn by_id(&self, id: StoreId) -> Option<(&str, KnownStore)> {
        self.stores.iter().find(|(_, store)| store.id == id).map(|(name, store)| (name.as_str(), *store))
    }

    /// Gives a store the number after the highest one; false when it has one already.
    pub(crate) fn add(&mut self, store: Store) -> bool {
        if self.stores.contains_key(store.name()) {
            return false;
        }
        let id = self.stores.values().map(|known| known.id).max().map_or(0, |id| id.saturating_add(1));
        self.stores.insert(store.name().to_owned(), KnownStore { id, committed: store.is_committed() });
        true
    }

    /// Stores of the database that the program lacks or sees with another kind, for messages; `None` when there is none.
    pub(crate) fn unknown_to(&self, stores: &[Store]) -> Option<String> {
        let unknown: Vec<_> = self
            .stores
            .iter()
            .filter(|(name, known)| {
                !stores.iter().any(|store| store.name() == *name && store.is_committed() == known.committed)
            })
            .map(|(name, known)| format!("{name} ({})", kind_name(known.committed)))
            .collect();
        (!unknown.is_empty()).then(|| unknown.join(", "))
    }

    /// Text form: magic, format, chain, one line per store.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = format!("{MAGIC}\nformat {FORMAT}\nchain {}\n", self.chain_id);
        for (name, store) in &self.stores {
            text.push_str(&format!("store {} {} {name}\n", store.id, kind_name(store.committed)));
        }
        text.into_bytes()
    }

    /// Reads the text form. The first two lines mean the same in every format.
    pub(crate) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(record).map_err(|_| Unreadable::Malformed)?;
        let mut lines = text.lines();
        if lines.next() != Some(MAGIC) {
            return Err(Unreadable::Malformed);
        }
        let format = lines.next().and_then(|line| line.strip_prefix("format ")).and_then(|number| number.parse().ok());
        match format {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => return Err(Unreadable::Newer(newer)),
            _ => return Err(Unreadable::Malformed),
        }
        Self::decode_body(lines).ok_or(Unreadable::Malformed)
    }

    fn decode_body<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let chain_id = lines.next()?.strip_prefix("chain ")?.to_owned();
        let mut stores = BTreeMap::new();
        for line in lines {
            let (id, rest) = line.strip_prefix("store ")?.split_once(' ')?;
            let (kind, name) = rest.split_once(' ')?;
            let committed = match kind {
                "committed" => true,
                "local" => false,
                _ => return None,
            };
            stores.insert(name.to_owned(), KnownStore { id: id.parse().ok()?, committed });
        }
        Some(Self { chain_id, stores })
    }
}

fn kind_name(committed: bool) -> &'static str {
    if committed { "committed" } else { "local" }
}

/// Whether a name can stand in the record's lines.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_pinned_and_read_back() {
        let mut identity = Identity::new("plume-local-1");
        assert!(identity.add(Store::committed("bank")));
        assert!(identity.add(Store::local("acc")));
        assert!(!identity.add(Store::committed("bank")));
        let text = "plume-state-rocksdb\nformat 1\nchain plume-local-1\nstore 1 local acc\nstore 0 committed bank\n";
        assert_eq!(String::from_utf8(identity.encode()).expect("text"), text);
        assert_eq!(identity.by_id(1), Some(("acc", KnownStore { id: 1, committed: false })));
        assert_eq!(Identity::decode(text.as_bytes()), Ok(identity));
    }

    #[test]
    fn other_records_are_told_apart() {
        let newer = b"plume-state-rocksdb\nformat 2\nanything at all";
        assert_eq!(Identity::decode(newer), Err(Unreadable::Newer(2)));
        for bad in [
            &b""[..],
            b"\xff",
            b"other\nformat 1\n",
            b"plume-state-rocksdb\nformat x\n",
            b"plume-state-rocksdb\nformat 0\nchain a\n",
            b"plume-state-rocksdb\nformat 1\nchain a\nstore 1 odd y\n",
        ] {
            assert_eq!(Identity::decode(bad), Err(Unreadable::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn stores_may_be_added_but_not_lost_or_changed() {
        let mut identity = Identity::new("c");
        identity.add(Store::committed("a"));
        assert_eq!(identity.unknown_to(&[Store::committed("a"), Store::committed("b")]), None);
        assert_eq!(identity.unknown_to(&[Store::committed("b")]), Some("a (committed)".to_owned()));
        assert_eq!(identity.unknown_to(&[Store::local("a")]), Some("a (committed)".to_owned()));
    }
}
