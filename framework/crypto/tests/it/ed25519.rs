//! ZIP-215: which signatures are valid where libraries differ, alone and in batches alike.

use curve25519_dalek_ng::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};
use curve25519_dalek_ng::edwards::CompressedEdwardsY;
use curve25519_dalek_ng::scalar::Scalar;
use curve25519_dalek_ng::traits::IsIdentity;
use plume_crypto::{Ed25519, Item, PrivateKey, SignatureScheme};
use proptest::prelude::*;
use sha2::{Digest, Sha512};

struct Case {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Case {
    fn item(&self) -> Item<'_> {
        Item { key: &self.key, message: &self.message, signature: &self.signature }
    }
}

fn signature(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    [r, s].concat().try_into().expect("64 bytes")
}

/// SHA-512(R || A || message) modulo the group's order.
fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let digest: [u8; 64] = Sha512::digest([r.as_slice(), key, message].concat()).into();
    Scalar::from_bytes_mod_order_wide(&digest)
}

/// The rule of ZIP-215, straight from its text.
fn valid_by_definition(case: &Case) -> bool {
    let r: [u8; 32] = case.signature[..32].try_into().expect("32 bytes");
    let s: [u8; 32] = case.signature[32..].try_into().expect("32 bytes");
    let (Some(a), Some(point_r), Some(s)) = (
        CompressedEdwardsY(case.key).decompress(),
        CompressedEdwardsY(r).decompress(),
        Scalar::from_canonical_bytes(s),
    ) else {
        return false;
    };
    let k = challenge(&r, &case.key, &case.message);
    (&s * &ED25519_BASEPOINT_TABLE - point_r - k * a).mul_by_cofactor().is_identity()
}

/// Asserts `expected` alone, among valid ones, and in a batch of its own kind twice.
fn assert_verdict(case: &Case, expected: bool, what: &str) {
    assert_eq!(valid_by_definition(case), expected, "{what}: by definition");
    assert_eq!(Ed25519.verify(case.item()), expected, "{what}: alone");
    let honest = honest_case(1);
    let batch = [honest.item(), case.item(), honest.item(), case.item()];
    assert_eq!(Ed25519.verify_batch(&batch), [true, expected, true, expected], "{what}: in a batch");
    assert_eq!(Ed25519.verify_batch(&[case.item()]), [expected], "{what}: as the whole batch");
}

fn honest_case(seed: u8) -> Case {
    let key = PrivateKey::ed25519(&[seed; 32]).expect("32 bytes");
    let message = vec![seed; usize::from(seed)];
    let signature = key.sign(&message);
    Case { key: key.public_key().single_bytes().try_into().expect("32 bytes"), message, signature }
}

/// All 14 encodings of points of small order: the 8 points, and the 6 non-canonical encodings that decode to them.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    // y = 1 and y = -1 have x = 0, so the sign bit changes nothing.
    let mut candidates = vec![EIGHT_TORSION[0].compress().to_bytes(), EIGHT_TORSION[4].compress().to_bytes()];
    // The 19 field elements that also fit 255 bits with p added.
    for low in 237..=255u8 {
        let mut bytes = [0xff; 32];
        bytes[0] = low;
        bytes[31] = 0x7f;
        candidates.push(bytes);
    }
    for candidate in candidates {
        for sign in [0, 0x80] {
            let mut bytes = candidate;
            bytes[31] |= sign;
            let small = CompressedEdwardsY(bytes).decompress().is_some_and(|point| point.is_small_order());
            if small && !encodings.contains(&bytes) {
                encodings.push(bytes);
            }
        }
    }
    assert_eq!(encodings.len(), 14);
    encodings
}

#[test]
fn all_196_small_order_signatures_are_valid() {
    // With s = 0 and both points of small order the equation times the cofactor is 0 = 0 for any message.
    let cases: Vec<Case> = small_order_encodings()
        .into_iter()
        .flat_map(|key| {
            small_order_encodings().into_iter().map(move |r| Case {
                key,
                message: b"Zcash".to_vec(),
                signature: signature(r, [0; 32]),
            })
        })
        .collect();
    assert_eq!(cases.len(), 196);
    for case in &cases {
        assert_verdict(case, true, &hex::encode(case.key));
    }
    let batch: Vec<Item<'_>> = cases.iter().map(Case::item).collect();
    assert_eq!(Ed25519.verify_batch(&batch), vec![true; 196]);
}

#[test]
fn non_canonical_points_of_full_order_are_taken() {
    // Keys with y >= p that are no small-order points: 19 candidates times two signs, less those that are no points.
    let mut seen = 0;
    for low in 237..=255u8 {
        for sign in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            key[0] = low;
            key[31] = sign;
            let Some(point) = CompressedEdwardsY(key).decompress() else { continue };
            if point.is_small_order() {
                continue;
            }
            seen += 1;
            // Nobody knows the key's secret; s = 0 and any R cannot fit, and the verdict must agree everywhere.
            assert_verdict(
                &Case { key, message: vec![low], signature: signature(key, [0; 32]) },
                false,
                "unknown secret",
            );
        }
    }
    assert!(seen > 10);
}

#[test]
fn signatures_valid_only_times_the_cofactor_are_valid() {
    for (at, torsion) in EIGHT_TORSION.iter().enumerate() {
        let (a, r) = (Scalar::from(1_000_003u64), Scalar::from(77_777u64));
        let key = (&a * &ED25519_BASEPOINT_TABLE + torsion).compress().to_bytes();
        for twist in &EIGHT_TORSION {
            let point_r = (&r * &ED25519_BASEPOINT_TABLE + twist).compress().to_bytes();
            let message = vec![7, u8::try_from(at).expect("below 8")];
            let s = r + challenge(&point_r, &key, &message) * a;
            let case = Case { key, message, signature: signature(point_r, s.to_bytes()) };
            assert_verdict(&case, true, "mixed-order points");
        }
    }
}

#[test]
fn s_at_or_above_the_order_is_invalid() {
    let honest = honest_case(9);
    let order = Scalar::from(0u64) - Scalar::from(1u64);
    let mut limbs = order.to_bytes();
    limbs[0] += 1; // the order itself
    let mut s: [u8; 32] = honest.signature[32..].try_into().expect("32 bytes");
    let mut carry = 0u16;
    for (byte, add) in s.iter_mut().zip(limbs) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let r = honest.signature[..32].try_into().expect("32 bytes");
    let case = Case { key: honest.key, message: honest.message.clone(), signature: signature(r, s) };
    assert_verdict(&case, false, "s + order");
    assert_verdict(&honest, true, "s");
}

#[test]
fn the_vectors_of_taming_the_many_eddsas_have_zebras_verdicts() {
    let vectors = include_str!("../data/ed25519_speccheck.txt");
    let mut count = 0;
    for line in vectors.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [message, key, signature, verdict] = fields[..] else { panic!("malformed line {line}") };
        let case = Case {
            key: hex::decode(key).expect("hex").try_into().expect("32 bytes"),
            message: hex::decode(message).expect("hex"),
            signature: hex::decode(signature).expect("hex").try_into().expect("64 bytes"),
        };
        assert_verdict(&case, verdict == "V", line);
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn errors_that_would_cancel_in_a_sum_do_not() {
    // Two signatures whose s are off by +1 and -1: with equal factors the errors would cancel.
    let (mut a, mut b) = (honest_case(3), honest_case(4));
    for (case, off) in [(&mut a, Scalar::from(1u64)), (&mut b, Scalar::from(0u64) - Scalar::from(1u64))] {
        let s = Scalar::from_canonical_bytes(case.signature[32..].try_into().expect("32 bytes")).expect("canonical");
        case.signature[32..].copy_from_slice(&(s + off).to_bytes());
    }
    assert_eq!(Ed25519.verify_batch(&[a.item(), b.item()]), [false, false]);
}

#[test]
fn wrong_lengths_are_invalid_not_a_panic() {
    let honest = honest_case(5);
    for key_len in [0, 31, 33] {
        let key = vec![1; key_len];
        let item = Item { key: &key, ..honest.item() };
        assert!(!Ed25519.verify(item));
        assert_eq!(Ed25519.verify_batch(&[honest.item(), item]), [true, false]);
    }
    for signature_len in [0, 63, 65] {
        let signature = vec![1; signature_len];
        let item = Item { signature: &signature, ..honest.item() };
        assert_eq!(Ed25519.verify_batch(&[item, honest.item()]), [false, true]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_batch_agrees_with_single_checks(seeds in proptest::collection::vec((1u8..200, 0usize..64, any::<u8>()), 1..12)) {
        let cases: Vec<Case> = seeds.iter().map(|(seed, at, flip)| {
            let mut case = honest_case(*seed);
            case.signature[*at] ^= flip & 1;
            case
        }).collect();
        let items: Vec<Item<'_>> = cases.iter().map(Case::item).collect();
        let single: Vec<bool> = items.iter().map(|item| Ed25519.verify(*item)).collect();
        prop_assert_eq!(Ed25519.verify_batch(&items), single);
        prop_assert_eq!(cases.iter().map(valid_by_definition).collect::<Vec<_>>(),
            items.iter().map(|item| Ed25519.verify(*item)).collect::<Vec<_>>());
    }
}
