//! What a snapshot is made of: the stores with their roots, and how each is cut.

use crate::commitment;
use crate::error::hex;
use crate::hash::Hash;
use crate::transfer::shape::{Prefix, Shape};

/// The version of manifest and chunks that this program writes and reads.
pub const SNAPSHOT_FORMAT: u32 = 1;

/// Bytes of records, as encoded, up to which a subtree is one chunk.
///
/// All nodes of a chain use this one, so that their snapshots of a height are identical; tests use smaller ones.
pub const SNAPSHOT_CHUNK_BYTES: u32 = 1 << 20;

/// The longest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// The most chunks of a snapshot.
pub const MAX_SNAPSHOT_CHUNKS: u32 = 1 << 18;

/// The most stores of a snapshot.
const MAX_STORES: usize = 1024;
/// The largest `chunk_bytes`: CometBFT carries chunks of up to 16 MB.
const MAX_CHUNK_BYTES: u32 = 15 << 20;
const MAGIC: &[u8; 4] = b"PLSM";

/// The stores of a state at one height, and the cuts of their trees into chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(crate) height: u64,
    pub(crate) chunk_bytes: u32,
    pub(crate) stores: Vec<StoreManifest>,
    /// Store and subtree of each chunk.
    places: Vec<(u16, Prefix)>,
}

/// A committed store of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreManifest {
    /// The store's name.
    pub name: String,
    /// The root of its tree.
    pub root: Hash,
    pub(crate) shape: Shape,
    /// How many chunks it has, at least 1.
    pub chunks: u32,
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManifest {
    /// More bytes than any manifest has.
    #[error("the manifest has {0} bytes; at most {MAX_MANIFEST_BYTES} are allowed")]
    TooLong(usize),
    /// Other bytes than a manifest's.
    #[error("the manifest is malformed: {0}")]
    Malformed(&'static str),
    /// Roots that do not lead to the app hash.
    #[error("the stores' roots lead to app hash {}, the verified one is {}", hex(found), hex(expected))]
    AppHash {
        /// The app hash of the manifest's roots.
        found: Hash,
        /// The verified one.
        expected: Hash,
    },
}

impl Manifest {
    pub(crate) fn new(height: u64, chunk_bytes: u32, stores: Vec<StoreManifest>) -> Result<Self, InvalidManifest> {
        let malformed = |what| Err(InvalidManifest::Malformed(what));
        if stores.is_empty() || stores.len() > MAX_STORES {
            return malformed("number of stores");
        }
        if !(1..=MAX_CHUNK_BYTES).contains(&chunk_bytes) {
            return malformed("size of chunks");
        }
        if height == 0 {
            return malformed("height 0");
        }
        if !stores.is_sorted_by(|left, right| left.name < right.name) {
            return malformed("stores out of order");
        }
        let mut places = Vec::new();
        for (index, store) in (0_u16..).zip(&stores) {
            if !(1..=255).contains(&store.name.len()) {
                return malformed("name of a store");
            }
            let used = u32::try_from(places.len()).unwrap_or(u32::MAX);
            let prefixes = store.shape.prefixes(MAX_SNAPSHOT_CHUNKS.saturating_sub(used));
            let Some(prefixes) = prefixes.filter(|prefixes| prefixes.len() == store.chunks as usize) else {
                return malformed("cuts of a store");
            };
            places.extend(prefixes.into_iter().map(|prefix| (index, prefix)));
        }
        Ok(Self { height, chunk_bytes, stores, places })
    }

    /// The height whose state the snapshot holds.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The committed stores, ascending by name.
    #[must_use]
    pub fn stores(&self) -> &[StoreManifest] {
        &self.stores
    }

    /// How many chunks the snapshot has, at least one for each store.
    #[must_use]
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// The app hash that the stores' roots lead to.
    #[must_use]
    pub fn app_hash(&self) -> Hash {
        commitment::app_hash(self.stores.iter().map(|store| (store.name.as_str(), store.root)))
    }

    /// Checks the roots against a verified app hash. Everything that a chunk is checked against follows from it.
    ///
    /// # Errors
    /// [`InvalidManifest::AppHash`].
    pub fn require_app_hash(&self, expected: Hash) -> Result<(), InvalidManifest> {
        let found = self.app_hash();
        if found == expected { Ok(()) } else { Err(InvalidManifest::AppHash { found, expected }) }
    }

    /// The store and the subtree of a chunk.
    pub(crate) fn place(&self, index: u32) -> Option<(&StoreManifest, Prefix)> {
        // usize has at least 32 bits on every platform we build for.
        let (store, prefix) = self.places.get(index as usize)?;
        Some((self.stores.get(usize::from(*store))?, *prefix))
    }

    /// The manifest in bytes; the same for the same contents.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&self.chunk_bytes.to_be_bytes());
        out.extend_from_slice(&u16::try_from(self.stores.len()).unwrap_or(u16::MAX).to_be_bytes());
        for store in &self.stores {
            out.push(u8::try_from(store.name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(store.name.as_bytes());
            out.extend_from_slice(&store.root);
            out.extend_from_slice(&store.chunks.to_be_bytes());
            store.shape.encode(&mut out);
        }
        out
    }

    /// Reads a manifest of an untrusted peer. Takes memory in proportion to its length.
    ///
    /// # Errors
    /// [`InvalidManifest::TooLong`], [`InvalidManifest::Malformed`].
    pub fn decode(raw: &[u8]) -> Result<Self, InvalidManifest> {
        if raw.len() > MAX_MANIFEST_BYTES {
            return Err(InvalidManifest::TooLong(raw.len()));
        }
        let mut rest = Fields(raw);
        if &rest.array()? != MAGIC {
            return Err(InvalidManifest::Malformed("not a manifest"));
        }
        let height = u64::from_be_bytes(rest.array()?);
        let chunk_bytes = u32::from_be_bytes(rest.array()?);
        let count = u16::from_be_bytes(rest.array()?);
        let mut stores = Vec::new();
        for _ in 0..count {
            let [len] = rest.array()?;
            let name = std::str::from_utf8(rest.take(usize::from(len))?);
            let name = name.map_err(|_| InvalidManifest::Malformed("name of a store"))?.to_owned();
            let root = rest.array()?;
            let chunks = u32::from_be_bytes(rest.array()?);
            if !(1..=MAX_SNAPSHOT_CHUNKS).contains(&chunks) {
                return Err(InvalidManifest::Malformed("number of chunks"));
            }
            let shape = Shape::decode(rest.take(Shape::encoded_len(chunks))?, chunks);
            let shape = shape.ok_or(InvalidManifest::Malformed("cuts of a store"))?;
            stores.push(StoreManifest { name, root, shape, chunks });
        }
        if !rest.0.is_empty() {
            return Err(InvalidManifest::Malformed("bytes after the end"));
        }
        Self::new(height, chunk_bytes, stores)
    }
}

/// What is left to read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], InvalidManifest> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(InvalidManifest::Malformed("truncated"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidManifest> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(InvalidManifest::Malformed("truncated"))?;
        self.0 = rest;
        Ok(*taken)
    }
}
