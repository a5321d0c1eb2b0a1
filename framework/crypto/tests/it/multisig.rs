use bytes::Bytes;
use plume_crypto::{
    BitArray, InvalidBitArray, PrivateKey, PublicKey, SignatureData, SignatureError, checks, first_failure, verify_all,
};
use plume_proto::cosmos::crypto::multisig::v1beta1::CompactBitArray;
use plume_proto::cosmos::tx::v1beta1::{ModeInfo, mode_info};
use plume_proto::{Any, Message};
use proptest::prelude::*;

const AMINO: i32 = 127;
const MESSAGE: &[u8] = b"{\"account_number\":\"1\"}";

fn secret(seed: u8) -> PrivateKey {
    PrivateKey::secp256k1(&[seed; 32]).expect("in range")
}

fn group(threshold: u32, seeds: &[u8]) -> PublicKey {
    PublicKey::multisig(threshold, seeds.iter().map(|seed| secret(*seed).public_key()).collect()).expect("a group")
}

fn single(seed: u8) -> SignatureData {
    SignatureData::Single { mode: AMINO, signature: Bytes::copy_from_slice(&secret(seed).sign(MESSAGE)) }
}

fn multi(len: usize, signers: &[(usize, SignatureData)]) -> SignatureData {
    let mut bits = BitArray::new(len);
    for (index, _) in signers {
        assert!(bits.set(*index));
    }
    SignatureData::Multi { bits, signatures: signers.iter().map(|(_, data)| data.clone()).collect() }
}

/// What the ante does: list the checks, verify them all, report the first failure.
fn verify(key: &PublicKey, data: &SignatureData) -> Result<(), SignatureError> {
    let leaves = checks(key, data)?;
    let jobs: Vec<_> = leaves.iter().map(|leaf| leaf.job(Bytes::from_static(MESSAGE))).collect();
    first_failure(&leaves, &verify_all(&jobs))
}

#[test]
fn threshold_signatures_verify() {
    let key = group(2, &[1, 2, 3]);
    assert_eq!(verify(&key, &multi(3, &[(0, single(1)), (2, single(3))])), Ok(()));
    assert_eq!(verify(&key, &multi(3, &[(0, single(1)), (1, single(2)), (2, single(3))])), Ok(()), "more than needed");
}

#[test]
fn every_set_bits_signature_counts_even_above_the_threshold() {
    let key = group(2, &[1, 2, 3]);
    let data = multi(3, &[(0, single(1)), (1, single(2)), (2, single(9))]);
    assert_eq!(verify(&key, &data), Err(SignatureError::InvalidAt(2)));
    let swapped = multi(3, &[(0, single(2)), (1, single(1))]);
    let error = verify(&key, &swapped).expect_err("wrong order");
    assert_eq!(error.to_string(), "unable to verify signature at index 0");
}

#[test]
fn counts_that_do_not_fit_are_refused_with_the_texts_of_the_sdk() {
    let key = group(2, &[1, 2, 3]);
    let message = |data: &SignatureData| verify(&key, data).expect_err("refused").to_string();
    assert_eq!(message(&multi(3, &[(0, single(1))])), "signature size is incorrect 1");
    let mut one = BitArray::new(3);
    one.set(0);
    let data = SignatureData::Multi { bits: one, signatures: vec![single(1), single(2)] };
    assert_eq!(message(&data), "not enough signatures set, have 1, expected 2");
    assert_eq!(message(&multi(4, &[(0, single(1)), (1, single(2))])), "bit array size is incorrect, expecting: 3");
    assert_eq!(message(&multi(2, &[(0, single(1)), (1, single(2))])), "bit array size is incorrect, expecting: 3");
    let mut bits = BitArray::new(3);
    bits.set(0);
    bits.set(1);
    for count in [0, 1, 3, 4] {
        let data = SignatureData::Multi { bits: bits.clone(), signatures: vec![single(1); count] };
        assert_eq!(message(&data), format!("signature size is incorrect {count}"));
    }
}

#[test]
fn kinds_of_key_and_signature_must_match() {
    let group = group(1, &[1, 2]);
    let own = secret(1).public_key();
    assert_eq!(verify(&own, &single(1)), Ok(()));
    assert_eq!(
        verify(&own, &single(2)).expect_err("wrong key").to_string(),
        "unable to verify single signer signature"
    );
    assert_eq!(
        verify(&group, &single(1)).expect_err("single for a group").to_string(),
        "expected *signing.MultiSignatureData, got, *signing.SingleSignatureData"
    );
    assert_eq!(
        verify(&own, &multi(1, &[(0, single(1))])).expect_err("group for a single").to_string(),
        "expected <nil>, got *secp256k1.PubKey"
    );
    let nested = multi(2, &[(1, multi(1, &[(0, single(2))]))]);
    assert_eq!(verify(&group, &nested).expect_err("nested").to_string(), "unable to parse pubkey of index 1");
}

#[test]
fn groups_inside_groups_verify() {
    let inner = group(2, &[1, 2, 3]);
    let outer = PublicKey::multisig(2, vec![secret(9).public_key(), inner]).expect("2 of 2");
    let inner_data = multi(3, &[(1, single(2)), (2, single(3))]);
    assert_eq!(verify(&outer, &multi(2, &[(0, single(9)), (1, inner_data)])), Ok(()));
    let too_few = multi(3, &[(1, single(2))]);
    assert_eq!(verify(&outer, &multi(2, &[(0, single(9)), (1, too_few)])), Err(SignatureError::SignatureCount(1)));
}

#[test]
fn the_wire_form_reads_back() {
    let data = multi(3, &[(0, single(1)), (2, multi(9, &[(8, single(3))]))]);
    let (mode, bytes) = data.to_proto();
    assert_eq!(SignatureData::from_proto(Some(&mode), &Bytes::from(bytes)), Ok(data));
    // Bits 0 and 2 of three: 101 in the highest bits, three extra bits.
    let Some(mode_info::Sum::Multi(multi)) = mode.sum else { panic!("multi") };
    let bits = multi.bitarray.expect("a bit array");
    assert_eq!((bits.extra_bits_stored, bits.elems), (3, vec![0b1010_0000]));
}

#[test]
fn malformed_bit_arrays_are_errors() {
    let read = |extra_bits_stored, elems: &[u8]| {
        BitArray::from_proto(&CompactBitArray { extra_bits_stored, elems: elems.to_vec() })
    };
    assert_eq!(read(0, &[]), Err(InvalidBitArray::Empty));
    assert_eq!(read(3, &[]), Err(InvalidBitArray::Empty), "would be a length of minus five");
    assert_eq!(read(8, &[0]), Err(InvalidBitArray::ExtraBits(8)));
    assert_eq!(read(u32::MAX, &[0]), Err(InvalidBitArray::ExtraBits(u32::MAX)));
    assert_eq!(read(3, &[0b0001_0000]), Err(InvalidBitArray::TrailingBits));
    assert_eq!(read(3, &[0b1110_0000]).expect("three bits").count_ones(), 3);
    let full = read(0, &[0xff, 0x01]).expect("sixteen bits");
    assert_eq!((full.len(), full.count_ones(), full.get(15), full.get(16)), (16, 9, true, false));
}

#[test]
fn malformed_multi_signatures_are_errors() {
    let bits = BitArray::new(1).to_proto();
    let mode = |modes: usize| ModeInfo {
        sum: Some(mode_info::Sum::Multi(mode_info::Multi {
            bitarray: Some(bits.clone()),
            mode_infos: vec![ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode: AMINO })) }; modes],
        })),
    };
    let read =
        |modes: usize, bytes: &[u8]| SignatureData::from_proto(Some(&mode(modes)), &Bytes::copy_from_slice(bytes));
    assert!(read(1, &[0x0a, 1, 7]).is_ok());
    assert_eq!(read(2, &[0x0a, 1, 7]), Err(SignatureError::Modes { signatures: 1, modes: 2 }));
    assert_eq!(read(0, &[0x0a, 1, 7]), Err(SignatureError::Modes { signatures: 1, modes: 0 }));
    for bad in [
        &[0x0a][..],
        &[0x0a, 2, 7],
        &[0x0a, 1, 7, 0x10, 1],
        &[0x12, 1, 7],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
    ] {
        assert_eq!(read(1, bad), Err(SignatureError::MultiSignature), "{bad:?}");
    }
    assert_eq!(SignatureData::from_proto(None, &Bytes::new()), Err(SignatureError::NoMode));
    assert_eq!(SignatureData::from_proto(Some(&ModeInfo { sum: None }), &Bytes::new()), Err(SignatureError::NoMode));
    let no_bits =
        ModeInfo { sum: Some(mode_info::Sum::Multi(mode_info::Multi { bitarray: None, mode_infos: vec![] })) };
    assert_eq!(
        SignatureData::from_proto(Some(&no_bits), &Bytes::new()),
        Err(SignatureError::BitArray(InvalidBitArray::Empty))
    );
}

#[test]
fn deep_nesting_is_refused() {
    let mut data = single(1);
    for _ in 0..20 {
        data = multi(1, &[(0, data)]);
    }
    let (mode, bytes) = data.to_proto();
    assert_eq!(SignatureData::from_proto(Some(&mode), &Bytes::from(bytes)), Err(SignatureError::TooDeep));
}

/// Whether the parts of `data` contradict one another in a way that the SDK lets pass (or panics on): as many
/// signatures as set bits, everywhere.
fn counts_fit(data: &SignatureData) -> bool {
    match data {
        SignatureData::Single { .. } => true,
        SignatureData::Multi { bits, signatures } => {
            bits.count_ones() == signatures.len() && signatures.iter().all(counts_fit)
        }
    }
}

/// Number of keys of a group without groups in it.
fn members(data: &SignatureData) -> usize {
    match data {
        SignatureData::Multi { bits, signatures }
            if signatures.iter().all(|data| matches!(data, SignatureData::Single { .. })) =>
        {
            bits.len()
        }
        _ => 0,
    }
}

#[test]
fn verdicts_are_those_of_the_sdk_where_it_is_strict() {
    // Written by `tests/data/multisig/main.go` with the SDK 0.50.15.
    let vectors = include_str!("../data/multisig/verdicts.txt");
    let message = br#"{"account_number":"1","chain_id":"simd-testing"}"#;
    let (mut same, mut stricter) = (0, 0);
    for line in vectors.lines() {
        let fields: Vec<&str> = line.splitn(4, ' ').collect();
        let [key, mode, signature, expected] = fields[..] else { panic!("malformed line {line}") };
        let any = Any::decode(hex::decode(key).expect("hex").as_slice()).expect("an Any");
        let key = PublicKey::from_any(&any).expect("a key");
        let mode = ModeInfo::decode(hex::decode(mode).expect("hex").as_slice()).expect("a mode");
        let signature = hex::decode(signature.strip_prefix('x').expect("marked")).expect("hex");
        let data = SignatureData::from_proto(Some(&mode), &signature.into());
        let verdict = data.as_ref().map_err(Clone::clone).and_then(|data| {
            let leaves = checks(&key, data)?;
            let jobs: Vec<_> = leaves.iter().map(|leaf| leaf.job(Bytes::from_static(message))).collect();
            first_failure(&leaves, &verify_all(&jobs))
        });
        if data.as_ref().is_ok_and(counts_fit) {
            let text = verdict.as_ref().map_or_else(SignatureError::to_string, |()| "ok".to_owned());
            // Groups in groups may be wrong in several ways, and the SDK verifies while it walks.
            if key.count_single_keys() == data.map_or(0, |data| members(&data)) {
                assert_eq!(text, expected, "{line}");
            }
            assert_eq!(verdict.is_ok(), expected == "ok", "{line}");
            same += 1;
        } else {
            assert!(verdict.is_err(), "{line}");
            stricter += 1;
        }
    }
    assert!(same > 60 && stricter > 5, "{same} and {stricter}");
}

proptest! {
    #[test]
    fn bit_arrays_read_back(bits in proptest::collection::vec(any::<bool>(), 1..70)) {
        let mut array = BitArray::new(bits.len());
        for (index, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
            prop_assert!(array.set(index));
        }
        prop_assert!(!array.set(bits.len()));
        let back = BitArray::from_proto(&array.to_proto());
        prop_assert_eq!(back.as_ref(), Ok(&array));
        prop_assert_eq!((0..bits.len()).map(|index| array.get(index)).collect::<Vec<_>>(), bits);
    }

    #[test]
    fn arbitrary_wire_forms_never_panic(
        extra in any::<u32>(), elems in any::<Vec<u8>>(), bytes in any::<Vec<u8>>(), modes in 0usize..5,
    ) {
        let mode = ModeInfo { sum: Some(mode_info::Sum::Multi(mode_info::Multi {
            bitarray: Some(CompactBitArray { extra_bits_stored: extra, elems }),
            mode_infos: vec![ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode: 1 })) }; modes],
        })) };
        if let Ok(data) = SignatureData::from_proto(Some(&mode), &Bytes::from(bytes)) {
            prop_assert!(verify(&group(1, &[1, 2, 3]), &data).is_err());
        }
    }
}
