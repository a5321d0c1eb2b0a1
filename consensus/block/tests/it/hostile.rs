//! Bytes from anyone: nothing panics, nothing is taken that is not the one encoding of a block.

use bytes::Bytes;
use plume_block::{BlockError, ChainState, FullBlock, MAX_BLOCK_BYTES, MAX_TXS, ValidatorSet, raw};
use proptest::prelude::*;
use prost::Message;

use crate::world::{World, at};

fn block() -> FullBlock {
    World::at_height(&[(1, 10), (2, 10), (3, 10), (101, 5)], 2).block(vec![
        Bytes::from_static(b"one"),
        Bytes::new(),
        Bytes::from(vec![7; 300]),
    ])
}

#[test]
fn every_change_of_a_single_byte_is_refused() {
    let block = block();
    let bytes = block.bytes();
    assert_eq!(FullBlock::decode(bytes.clone()).as_ref(), Ok(&block));
    for index in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.to_vec();
            changed[index] ^= flip;
            // A few header fields may hold anything; then it is another block with another id.
            if let Ok(other) = FullBlock::decode(Bytes::from(changed.clone())) {
                assert_ne!(other.id(), block.id(), "byte {index}");
                assert_eq!(other.bytes(), &changed, "byte {index}");
                assert_eq!(other.txs(), block.txs(), "byte {index}: data is covered by the header");
            }
        }
        assert!(FullBlock::decode(bytes.slice(..index)).is_err(), "cut at {index}");
    }
    let longer = [bytes.as_ref(), &[0]].concat();
    assert!(matches!(FullBlock::decode(longer.into()), Err(BlockError::Malformed(_))));
}

/// The message written by prost with something left out or added.
fn written(change: impl Fn(&mut raw::Block)) -> Result<FullBlock, BlockError> {
    let mut block = block().to_raw();
    change(&mut block);
    FullBlock::decode(block.encode_to_vec().into())
}

fn header(block: &mut raw::Block) -> &mut raw::Header {
    block.header.as_mut().expect("set")
}

fn commit(block: &mut raw::Block) -> &mut raw::Commit {
    block.last_commit.as_mut().expect("set")
}

#[test]
fn parts_that_go_always_writes_must_be_there() {
    assert_eq!(written(|_| {}).as_ref(), Ok(&block()));
    let not = |what| Err(BlockError::NotCanonical(what));
    assert_eq!(written(|b| header(b).version = None), not("header"));
    assert_eq!(written(|b| header(b).time = None), not("header"));
    assert_eq!(written(|b| header(b).last_block_id = None), not("header"));
    assert_eq!(written(|b| header(b).last_block_id.as_mut().expect("set").part_set_header = None), not("header"));
    assert_eq!(written(|b| commit(b).block_id = None), not("last_commit"));
    assert_eq!(written(|b| commit(b).signatures[1].timestamp = None), not("last_commit"));
    let missing = |text: &str| Err(BlockError::Malformed(text.to_owned()));
    assert_eq!(written(|b| b.data = None), missing("data: expected field 2, got key 0x1a"));
    assert_eq!(written(|b| b.evidence = None), missing("evidence: expected field 3, got key 0x22"));
    assert_eq!(written(|b| b.last_commit = None), missing("last_commit: missing"));
}

#[test]
fn longer_varints_unknown_fields_and_other_orders_are_refused() {
    let block = block();
    let bytes = block.bytes();
    assert!(bytes[1] >= 0x80, "the header's length takes two bytes");
    let mut padded = bytes.to_vec();
    padded[2] |= 0x80;
    padded.insert(3, 0);
    assert_eq!(FullBlock::decode(padded.into()), Err(BlockError::NotCanonical("header")));

    // An unknown field 15 at the end of the header.
    let header = block.header().encode_to_vec();
    let rest = &bytes[header.len() + 3..];
    let mut unknown = vec![0x0a];
    prost::encoding::encode_varint(header.len() as u64 + 2, &mut unknown);
    let unknown = [unknown, header, vec![0x78, 1], rest.to_vec()].concat();
    assert_eq!(FullBlock::decode(unknown.into()), Err(BlockError::NotCanonical("header")));

    let swapped = [rest, &bytes[..bytes.len() - rest.len()]].concat();
    assert!(matches!(FullBlock::decode(swapped.into()), Err(BlockError::Malformed(_))));
}

#[test]
fn limits_hold_before_anything_is_built() {
    let too_long = Bytes::from(vec![0; MAX_BLOCK_BYTES + 1]);
    let error = BlockError::TooLarge { what: "block", max: MAX_BLOCK_BYTES, got: MAX_BLOCK_BYTES + 1 };
    assert_eq!(FullBlock::decode(too_long), Err(error));

    // Millions of empty signatures, two bytes each on the wire.
    let bomb = |signatures: usize| {
        let mut block = block().to_raw();
        let commit = block.last_commit.take().expect("set");
        let mut bytes = block.encode_to_vec();
        let section = [commit.encode_to_vec(), [0x22, 0].repeat(signatures)].concat();
        bytes.push(0x22);
        prost::encoding::encode_varint(section.len() as u64, &mut bytes);
        FullBlock::decode([bytes, section].concat().into())
    };
    assert!(matches!(bomb(2_000_000), Err(BlockError::TooLarge { what: "last commit", max: 2_097_152, .. })));
    assert_eq!(bomb(10), Err(BlockError::NotCanonical("last_commit")));

    let many = written(|b| {
        let entry = commit(b).signatures[0].clone();
        commit(b).signatures = vec![entry; 10_001];
    });
    assert_eq!(many, Err(BlockError::TooMany { what: "signatures", max: 10_000, got: 10_001 }));
    assert_eq!(bomb(20_000), Err(BlockError::TooMany { what: "signatures", max: 10_000, got: 20_004 }));

    let evidence = written(|b| {
        b.evidence = Some(raw::EvidenceList { evidence: vec![raw::Evidence { sum: None }; 600_000] });
    });
    assert_eq!(evidence, Err(BlockError::TooLarge { what: "evidence", max: 1_048_576, got: 1_200_000 }));
    let evidence = written(|b| {
        b.evidence = Some(raw::EvidenceList { evidence: vec![raw::Evidence { sum: None }; 4_097] });
    });
    assert_eq!(evidence, Err(BlockError::TooMany { what: "pieces of evidence", max: 4_096, got: 4_097 }));

    let too_many = BlockError::TooMany { what: "transactions", max: MAX_TXS, got: MAX_TXS + 1 };
    let txs = written(|b| b.data = Some(raw::Data { txs: vec![Vec::new(); MAX_TXS + 5] }));
    assert_eq!(txs, Err(too_many.clone()));
    let block = block();
    let built = FullBlock::build(block.header().clone(), vec![Bytes::new(); MAX_TXS + 1], block.last_commit().clone());
    assert_eq!(built, Err(too_many));
}

#[test]
fn blocks_near_the_limits_of_a_part_have_the_right_number_of_parts() {
    let world = World::new(&[(1, 1)]);
    let empty = world.block(vec![Bytes::new()]).bytes().len();
    for (size, parts) in [(65_536, 1), (65_537, 2), (131_072, 2), (131_073, 3)] {
        // Up to two more bytes for each of the two longer lengths.
        let block = (0..8).map(|less| world.block(vec![vec![1; size - empty - less].into()]));
        let block = block.into_iter().find(|block| block.bytes().len() == size).expect("the size can be had");
        assert_eq!(block.id().parts.total, parts, "{size} bytes");
    }
    assert_eq!(world.block(Vec::new()).time(), at(1_000));
}

proptest! {
    #[test]
    fn random_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(FullBlock::decode(bytes.clone().into()).is_err());
        prop_assert!(ChainState::decode(&bytes).is_err());
        if let Ok(set) = raw::ValidatorSet::decode(bytes.as_slice()) {
            prop_assert!(ValidatorSet::from_raw(&set).is_err());
        }
    }

    #[test]
    fn spliced_blocks_never_panic(cut in 0..1_000_usize, insert in proptest::collection::vec(any::<u8>(), 0..20)) {
        let block = block();
        let cut = cut % block.bytes().len();
        let spliced = [&block.bytes()[..cut], &insert, &block.bytes()[cut..]].concat();
        if let Ok(other) = FullBlock::decode(spliced.clone().into()) {
            prop_assert_eq!(other.bytes(), &spliced);
        }
    }
}
