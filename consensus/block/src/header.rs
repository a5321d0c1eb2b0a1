use prost::Message;

use crate::canonical::{InvalidTime, fill_header, time};
use crate::{BlockId, Hash, InvalidBlockId, merkle, raw};

/// Version of the block format (`version.BlockProtocol`).
pub const BLOCK_PROTOCOL: u64 = 11;

/// Longest chain id in bytes (`MaxChainIDLen`).
const MAX_CHAIN_ID: usize = 50;

/// A header that no block can have, whatever the state of the chain (`Header.ValidateBasic`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Another block format.
    #[error("block protocol is incorrect: got {got}, needs {BLOCK_PROTOCOL}")]
    Protocol {
        /// The version found.
        got: u64,
    },
    /// A chain id over the limit.
    #[error("chain id is too long: {got} bytes, at most {MAX_CHAIN_ID}")]
    ChainId {
        /// Its length in bytes.
        got: usize,
    },
    /// A height below 1.
    #[error("height {0} is not above 0")]
    Height(i64),
    /// A time that protobuf does not have.
    #[error(transparent)]
    Time(#[from] InvalidTime),
    /// A half-filled last block id.
    #[error("last block id: {0}")]
    LastBlockId(#[from] InvalidBlockId),
    /// A field of another length.
    #[error("{field} has {got} bytes, needs {expected}")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// Its length in bytes.
        expected: usize,
        /// The length found.
        got: usize,
    },
}

/// Hash of a header: the Merkle root over its 14 fields, each encoded by itself (`Header.Hash`).
///
/// Parts that are missing count as Go writes them: empty, but there.
pub fn header_hash(header: &raw::Header) -> Hash {
    let fields = [
        header.version.unwrap_or_default().encode_to_vec(),
        wrapped(header.chain_id.as_bytes()),
        integer(header.height),
        header.time.unwrap_or(crate::canonical::go_zero()).encode_to_vec(),
        BlockId::bytes_of(header.last_block_id.as_ref()),
        wrapped(&header.last_commit_hash),
        wrapped(&header.data_hash),
        wrapped(&header.validators_hash),
        wrapped(&header.next_validators_hash),
        wrapped(&header.consensus_hash),
        wrapped(&header.app_hash),
        wrapped(&header.last_results_hash),
        wrapped(&header.evidence_hash),
        wrapped(&header.proposer_address),
    ];
    merkle::root(&fields)
}

/// `google.protobuf.BytesValue` or `StringValue`, which have the same bytes.
fn wrapped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().saturating_add(6));
    if !bytes.is_empty() {
        prost::encoding::bytes::encode(1, &bytes.to_vec(), &mut out);
    }
    out
}

/// `google.protobuf.Int64Value`.
fn integer(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    if value != 0 {
        prost::encoding::int64::encode(1, &value, &mut out);
    }
    out
}

/// The header's protobuf as Go writes it.
pub(crate) fn encode_header(header: &raw::Header) -> Vec<u8> {
    let mut header = header.clone();
    fill_header(&mut header);
    header.encode_to_vec()
}

/// What a header must be in itself.
///
/// Stricter than `Header.ValidateBasic` in one point: hashes that are always present in a valid block must be so here
/// already (an empty one there passes, to fail against the state).
pub(crate) fn require_header(header: &raw::Header) -> Result<(), HeaderError> {
    let block = header.version.unwrap_or_default().block;
    if block != BLOCK_PROTOCOL {
        return Err(HeaderError::Protocol { got: block });
    }
    if header.chain_id.len() > MAX_CHAIN_ID {
        return Err(HeaderError::ChainId { got: header.chain_id.len() });
    }
    if header.height <= 0 {
        return Err(HeaderError::Height(header.height));
    }
    time(header.time.as_ref())?;
    BlockId::from_option(header.last_block_id.as_ref())?;
    let lengths = [
        ("last_commit_hash", &header.last_commit_hash, 32),
        ("data_hash", &header.data_hash, 32),
        ("validators_hash", &header.validators_hash, 32),
        ("next_validators_hash", &header.next_validators_hash, 32),
        ("consensus_hash", &header.consensus_hash, 32),
        ("last_results_hash", &header.last_results_hash, 32),
        ("evidence_hash", &header.evidence_hash, 32),
        ("proposer_address", &header.proposer_address, 20),
    ];
    for (field, bytes, expected) in lengths {
        if bytes.len() != expected {
            return Err(HeaderError::Length { field, expected, got: bytes.len() });
        }
    }
    Ok(())
}
