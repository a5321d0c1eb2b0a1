use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use plume_primitives::{Height, Timestamp};
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, encode_varint, encoded_len_varint, skip_field};

use crate::canonical::{fill_commit, fill_header, time};
use crate::commit::encode_commit;
use crate::evidence::encode_evidence;
use crate::header::{encode_header, require_header};
use crate::{
    Address, BlockId, CommitError, Hash, HeaderError, MAX_SIGNATURES, PartSetHeader, commit_hash, evidence_hash,
    header_hash, merkle, raw, require_well_formed,
};

/// Largest encoded block in bytes, whatever the parameters say (`MaxBlockSizeBytes`).
pub const MAX_BLOCK_BYTES: usize = 104_857_600;

/// Bytes of one part of an encoded block (`BlockPartSizeBytes`); only the last part is shorter.
pub const PART_SIZE: usize = 65_536;

/// Most bytes of evidence that are decoded: CometBFT's default for `evidence.max_bytes`.
pub const MAX_EVIDENCE_BYTES: usize = 1_048_576;

/// Most transactions of a block, empty ones included. CometBFT has no such limit; each transaction costs 64 bytes of
/// memory besides its own, so that a hostile block of empty ones would take 32 times its size.
pub const MAX_TXS: usize = 1_048_576;

/// Most pieces of evidence that are decoded: more than 1 MiB holds of real ones, which take 444 bytes and more.
const MAX_EVIDENCE: usize = 4_096;

/// Most bytes of a last commit that are decoded; 10,000 signatures take less.
const MAX_COMMIT_BYTES: usize = 2_097_152;

/// Bytes that are not a block, or a block that contradicts itself (`Block.ValidateBasic`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Over a limit.
    #[error("{what} has {got} bytes, at most {max}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// The most it may have.
        max: usize,
        /// What it has.
        got: usize,
    },
    /// Too many of something.
    #[error("block has {got} {what}, at most {max}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most there may be.
        max: usize,
        /// What there is; where counting stopped early, the first number above the limit.
        got: usize,
    },
    /// Not the protobuf of a block.
    #[error("malformed block: {0}")]
    Malformed(String),
    /// Protobuf, but not written the one way that hashes are made of.
    #[error("{0} is not in its canonical encoding")]
    NotCanonical(&'static str),
    /// An impossible header.
    #[error("invalid header: {0}")]
    Header(#[from] HeaderError),
    /// An impossible last commit.
    #[error("wrong last commit: {0}")]
    LastCommit(#[from] CommitError),
    /// A hash in the header that is not that of the block's content.
    #[error("wrong header.{field}: expected {}, got {}", hex::encode_upper(.expected), hex::encode_upper(.got))]
    Hash {
        /// Name of the header's field.
        field: &'static str,
        /// The content's hash.
        expected: Hash,
        /// The header's.
        got: Vec<u8>,
    },
}

/// A whole block, complete in itself: its hashes fit its content. Whether it fits a chain, only
/// [`ChainState::validate`](crate::ChainState::validate) says.
///
/// Cheap to clone. Transactions are slices of the encoded block.
#[derive(Clone)]
pub struct FullBlock(Arc<Inner>);

struct Inner {
    header: raw::Header,
    height: Height,
    time: Timestamp,
    proposer: Address,
    last_block_id: BlockId,
    txs: Vec<Bytes>,
    tx_hashes: Vec<Hash>,
    evidence: raw::EvidenceList,
    last_commit: raw::Commit,
    bytes: Bytes,
    id: BlockId,
}

impl FullBlock {
    /// Completes `header` with the hashes of the content (last commit, transactions, no evidence) and encodes the block.
    ///
    /// # Errors
    /// [`BlockError`], when a part is impossible in itself or the block too large.
    pub fn build(mut header: raw::Header, txs: Vec<Bytes>, mut last_commit: raw::Commit) -> Result<Self, BlockError> {
        few("transactions", txs.len(), MAX_TXS)?;
        let tx_hashes: Vec<_> = txs.iter().map(|tx| merkle::sha256(tx)).collect();
        header.last_commit_hash = commit_hash(&last_commit).to_vec();
        header.data_hash = merkle::root(&tx_hashes).to_vec();
        header.evidence_hash = merkle::EMPTY.to_vec();
        fill_header(&mut header);
        fill_commit(&mut last_commit);
        let (bytes, txs) = encode(&header, &txs, &raw::EvidenceList::default(), &last_commit)?;
        Self::assemble(header, txs, tx_hashes, raw::EvidenceList::default(), last_commit, bytes)
    }

    /// Reads an encoded block.
    ///
    /// # Security
    /// For bytes from anyone: no input makes it panic, or take more than about 100 MB besides itself (a million empty
    /// transactions take 64 MB). Only the one canonical encoding is taken, so that an id stands for one sequence of
    /// bytes.
    ///
    /// # Errors
    /// [`BlockError`].
    pub fn decode(bytes: Bytes) -> Result<Self, BlockError> {
        within("block", bytes.len(), MAX_BLOCK_BYTES)?;
        let mut rest = bytes.clone();
        let header_bytes = section(&mut rest, 1, "header")?;
        let mut data = section(&mut rest, 2, "data")?;
        let evidence_bytes = section(&mut rest, 3, "evidence")?;
        let commit_bytes = section(&mut rest, 4, "last_commit")?;
        if !rest.is_empty() {
            return Err(BlockError::Malformed(format!("{} bytes after the last commit", rest.len())));
        }
        within("evidence", evidence_bytes.len(), MAX_EVIDENCE_BYTES)?;
        few("pieces of evidence", count(&evidence_bytes, 1), MAX_EVIDENCE)?;
        within("last commit", commit_bytes.len(), MAX_COMMIT_BYTES)?;
        few("signatures", count(&commit_bytes, 4), MAX_SIGNATURES)?;
        let header = canonical("header", &header_bytes, encode_header)?;
        let evidence = canonical("evidence", &evidence_bytes, encode_evidence)?;
        let last_commit = canonical("last_commit", &commit_bytes, encode_commit)?;
        let mut txs = Vec::new();
        while !data.is_empty() {
            txs.push(section(&mut data, 1, "data.txs")?);
            few("transactions", txs.len(), MAX_TXS)?;
        }
        let tx_hashes = txs.iter().map(|tx| merkle::sha256(tx)).collect();
        Self::assemble(header, txs, tx_hashes, evidence, last_commit, bytes)
    }

    fn assemble(
        header: raw::Header,
        txs: Vec<Bytes>,
        tx_hashes: Vec<Hash>,
        evidence: raw::EvidenceList,
        last_commit: raw::Commit,
        bytes: Bytes,
    ) -> Result<Self, BlockError> {
        require_header(&header)?;
        require_well_formed(&last_commit)?;
        let hashes = [
            ("last_commit_hash", commit_hash(&last_commit), &header.last_commit_hash),
            ("data_hash", merkle::root(&tx_hashes), &header.data_hash),
            ("evidence_hash", evidence_hash(&evidence), &header.evidence_hash),
        ];
        for (field, expected, got) in hashes {
            if got != &expected {
                return Err(BlockError::Hash { field, expected, got: got.clone() });
            }
        }
        Ok(Self(Arc::new(Inner {
            height: Height::try_from(header.height).map_err(|_| HeaderError::Height(header.height))?,
            time: time(header.time.as_ref()).map_err(HeaderError::from)?,
            proposer: header.proposer_address.as_slice().try_into().map_err(|_| HeaderError::Length {
                field: "proposer_address",
                expected: 20,
                got: header.proposer_address.len(),
            })?,
            last_block_id: BlockId::from_option(header.last_block_id.as_ref()).map_err(HeaderError::from)?,
            id: BlockId { hash: header_hash(&header), parts: parts_of(&bytes) },
            header,
            txs,
            tx_hashes,
            evidence,
            last_commit,
            bytes,
        })))
    }

    /// The header, complete as it is hashed.
    pub fn header(&self) -> &raw::Header {
        &self.0.header
    }

    /// Height of the block, at least 1.
    pub fn height(&self) -> Height {
        self.0.height
    }

    /// Time of the block.
    pub fn time(&self) -> Timestamp {
        self.0.time
    }

    /// Address of the proposer.
    pub fn proposer(&self) -> &Address {
        &self.0.proposer
    }

    /// The block before this one; [`BlockId::ZERO`] for the first.
    pub fn last_block_id(&self) -> &BlockId {
        &self.0.last_block_id
    }

    /// The transactions in order.
    pub fn txs(&self) -> &[Bytes] {
        &self.0.txs
    }

    /// SHA-256 of each transaction, in order.
    pub fn tx_hashes(&self) -> &[Hash] {
        &self.0.tx_hashes
    }

    /// Proof that transaction `index` is in the block, against the header's data hash; `None` if there is none.
    pub fn tx_proof(&self, index: usize) -> Option<raw::TxProof> {
        Some(raw::TxProof {
            root_hash: self.0.header.data_hash.clone(),
            data: self.0.txs.get(index)?.to_vec(),
            proof: Some(merkle::proof(&self.0.tx_hashes, index)?),
        })
    }

    /// Evidence of misbehaviour; none in blocks of this engine.
    pub fn evidence(&self) -> &raw::EvidenceList {
        &self.0.evidence
    }

    /// The commit of the block before; [`no_commit`](crate::no_commit) in the first.
    pub fn last_commit(&self) -> &raw::Commit {
        &self.0.last_commit
    }

    /// Hash of the header and root over the parts.
    pub fn id(&self) -> BlockId {
        self.0.id
    }

    /// Hash of the header.
    pub fn hash(&self) -> Hash {
        self.0.id.hash
    }

    /// The encoded block, byte for byte as Go writes it.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// The block as one message, transactions copied.
    pub fn to_raw(&self) -> raw::Block {
        raw::Block {
            header: Some(self.0.header.clone()),
            data: Some(raw::Data { txs: self.0.txs.iter().map(|tx| tx.to_vec()).collect() }),
            evidence: Some(self.0.evidence.clone()),
            last_commit: Some(self.0.last_commit.clone()),
        }
    }
}

/// By their bytes.
impl PartialEq for FullBlock {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.bytes == other.0.bytes
    }
}

impl Eq for FullBlock {}

impl fmt::Debug for FullBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FullBlock({}, {} txs, {} bytes, {})", self.0.height, self.0.txs.len(), self.0.bytes.len(), self.0.id)
    }
}

/// Parts of an encoded block.
fn parts_of(bytes: &[u8]) -> PartSetHeader {
    let parts: Vec<&[u8]> = bytes.chunks(PART_SIZE).collect();
    // At most 1,601.
    PartSetHeader { total: u32::try_from(parts.len()).unwrap_or(u32::MAX), hash: merkle::root(&parts) }
}

fn within(what: &'static str, got: usize, max: usize) -> Result<(), BlockError> {
    if got > max { Err(BlockError::TooLarge { what, max, got }) } else { Ok(()) }
}

fn few(what: &'static str, got: usize, max: usize) -> Result<(), BlockError> {
    if got > max { Err(BlockError::TooMany { what, max, got }) } else { Ok(()) }
}

/// How often field `tag` occurs in a message, up to where it stops being one.
fn count(mut message: &[u8], tag: u32) -> usize {
    let mut found = 0;
    while let Ok((field, wire_type)) = decode_key(&mut message) {
        found += usize::from(field == tag);
        if skip_field(wire_type, field, &mut message, DecodeContext::default()).is_err() {
            break;
        }
    }
    found
}

/// Takes the length-delimited field `tag`, which must come next, off the front of `bytes`.
fn section(bytes: &mut Bytes, tag: u8, what: &'static str) -> Result<Bytes, BlockError> {
    const LENGTH_DELIMITED: u8 = 2;
    let malformed = |problem: &str| BlockError::Malformed(format!("{what}: {problem}"));
    let mut input: &[u8] = bytes;
    match input.split_first() {
        Some((key, rest)) if *key == tag << 3 | LENGTH_DELIMITED => input = rest,
        Some((key, _)) => return Err(malformed(&format!("expected field {tag}, got key {key:#04x}"))),
        None => return Err(malformed("missing")),
    }
    let before = input.len();
    let length = prost::encoding::decode_varint(&mut input).map_err(|error| malformed(&error.to_string()))?;
    let (length_bytes, start) = (before - input.len(), bytes.len() - input.len());
    if encoded_len_varint(length) != length_bytes {
        return Err(BlockError::NotCanonical(what));
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= input.len());
    let Some(length) = length else { return Err(malformed("it ends early")) };
    let mut taken = bytes.split_off(start);
    *bytes = taken.split_off(length);
    Ok(taken)
}

/// Decodes one part and requires that `encode` gives the same bytes again.
fn canonical<M: Message + Default>(
    what: &'static str,
    bytes: &Bytes,
    encode: impl Fn(&M) -> Vec<u8>,
) -> Result<M, BlockError> {
    let message = M::decode(bytes.clone()).map_err(|error| BlockError::Malformed(format!("{what}: {error}")))?;
    if encode(&message) == *bytes { Ok(message) } else { Err(BlockError::NotCanonical(what)) }
}

/// The encoded block, and the transactions as slices of it.
fn encode(
    header: &raw::Header,
    txs: &[Bytes],
    evidence: &raw::EvidenceList,
    last_commit: &raw::Commit,
) -> Result<(Bytes, Vec<Bytes>), BlockError> {
    let [header, evidence, last_commit] =
        [encode_header(header), encode_evidence(evidence), encode_commit(last_commit)];
    let field = |length: usize| 1 + encoded_len_varint(length as u64) + length; // usize has at most 64 bits
    let data: usize = txs.iter().map(|tx| field(tx.len())).sum();
    let size = field(header.len()) + field(data) + field(evidence.len()) + field(last_commit.len());
    within("block", size, MAX_BLOCK_BYTES)?;
    let mut out = BytesMut::with_capacity(size);
    put(&mut out, 0x0a, &header);
    out.put_u8(0x12);
    encode_varint(data as u64, &mut out);
    let ends: Vec<usize> = txs
        .iter()
        .map(|tx| {
            put(&mut out, 0x0a, tx);
            out.len()
        })
        .collect();
    put(&mut out, 0x1a, &evidence);
    put(&mut out, 0x22, &last_commit);
    let out = out.freeze();
    let txs = ends.into_iter().zip(txs).map(|(end, tx)| out.slice(end - tx.len()..end)).collect();
    Ok((out, txs))
}

fn put(out: &mut BytesMut, key: u8, bytes: &[u8]) {
    out.put_u8(key);
    encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}
