//! Stores: the named, separately committed parts of the state.

use std::cmp::Ordering;
use std::fmt;

/// The reserved key that every committed store holds in its tree from the moment it exists.
///
/// It makes absence provable everywhere: ICS-23 proves a missing key by its neighbours, so a tree needs at least one leaf.
/// The sentinel lives in the tree only. Reads and iteration never see it, no write may touch it, and export skips it. No
/// module key can collide with it, because module keys start with a collection prefix and no prefix may start with `0xFF`.
pub const SENTINEL_KEY: &[u8] = b"\xffplume/sentinel";

/// The value proved for [`SENTINEL_KEY`].
pub const SENTINEL_VALUE: &[u8] = b"\x01";

/// Where the contents of a store are kept and whether they are part of the app hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreKind {
    /// Consensus state: in RAM, in a tree whose root is part of the app hash, and on disk.
    Committed,
    /// Node-local records (histories, caches that must survive a restart): in RAM and on disk, outside the app hash.
    Local,
    /// Derived data (secondary indexes): in RAM only, rebuilt from a source store at load.
    Derived,
}

/// A store's identity: its name and kind. Modules declare stores as constants.
///
/// ```
/// use plume_state::Store;
/// const BANK: Store = Store::committed("bank");
/// const BANK_OWNERS: Store = Store::derived("bank.owners");
/// assert_eq!(BANK.name(), "bank");
/// ```
#[derive(Clone, Copy)]
pub struct Store {
    name: &'static str,
    kind: StoreKind,
}

impl Store {
    /// A store in the app hash. `name` is the store's key in proofs (`/store/<name>/key`).
    #[must_use]
    pub const fn committed(name: &'static str) -> Self {
        Self { name, kind: StoreKind::Committed }
    }

    /// A persisted store outside the app hash.
    #[must_use]
    pub const fn local(name: &'static str) -> Self {
        Self { name, kind: StoreKind::Local }
    }

    /// A RAM-only store of derived data; `State::open` needs a [`Derivation`](crate::Derivation) for it.
    #[must_use]
    pub const fn derived(name: &'static str) -> Self {
        Self { name, kind: StoreKind::Derived }
    }

    /// The store's name, unique in the chain.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where the store's contents are kept.
    #[must_use]
    pub const fn kind(&self) -> StoreKind {
        self.kind
    }

    /// True for stores whose contents are part of the app hash.
    #[must_use]
    pub const fn is_committed(&self) -> bool {
        matches!(self.kind, StoreKind::Committed)
    }

    /// True for stores that a backend persists.
    #[must_use]
    pub const fn is_persisted(&self) -> bool {
        matches!(self.kind, StoreKind::Committed | StoreKind::Local)
    }
}

// Identity is the name alone: a second kind under one name is refused when the state is opened.
impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.name, other.name) || self.name == other.name
    }
}

impl Eq for Store {}

impl PartialOrd for Store {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Store {
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self.name, other.name) { Ordering::Equal } else { self.name.cmp(other.name) }
    }
}

impl std::hash::Hash for Store {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.name, self.kind)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
