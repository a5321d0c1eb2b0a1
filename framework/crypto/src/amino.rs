//! The binary amino form of public keys, from which multisig addresses are made.

use crate::public_key::PublicKey;

/// Prefix and length byte of `tendermint/PubKeySecp256k1`.
const SECP256K1: [u8; 5] = [0xeb, 0x5a, 0xe9, 0x87, 33];
/// Prefix and length byte of `tendermint/PubKeyEd25519`.
const ED25519: [u8; 5] = [0x16, 0x24, 0xde, 0x64, 32];
/// Prefix of `tendermint/PubKeyMultisigThreshold`.
const MULTISIG: [u8; 4] = [0x22, 0xc1, 0xf7, 0xe2];

/// Appends the amino form of `key`.
pub(crate) fn encode(key: &PublicKey, out: &mut Vec<u8>) {
    match key {
        PublicKey::Secp256k1(bytes) => {
            out.extend_from_slice(&SECP256K1);
            out.extend_from_slice(bytes);
        }
        PublicKey::Ed25519(bytes) => {
            out.extend_from_slice(&ED25519);
            out.extend_from_slice(bytes);
        }
        PublicKey::Multisig(multisig) => {
            out.extend_from_slice(&MULTISIG);
            out.push(0x08);
            varint(u64::from(multisig.threshold()), out);
            for key in multisig.keys() {
                let mut inner = Vec::with_capacity(40);
                encode(key, &mut inner);
                out.push(0x12);
                varint(u64::try_from(inner.len()).unwrap_or(u64::MAX), out);
                out.extend_from_slice(&inner);
            }
        }
    }
}

/// Reads one key off the front of `input`; `None` if it is not one of the three kinds, well formed.
#[expect(clippy::disallowed_methods, reason = "what is not a key is `None`; no storage error can be hidden")]
pub(crate) fn decode(mut input: &[u8], depth: usize) -> Option<PublicKey> {
    if let Some(bytes) = input.strip_prefix(&SECP256K1) {
        return Some(PublicKey::Secp256k1(bytes.try_into().ok()?));
    }
    if let Some(bytes) = input.strip_prefix(&ED25519) {
        return Some(PublicKey::Ed25519(bytes.try_into().ok()?));
    }
    input = input.strip_prefix(&MULTISIG)?.strip_prefix(&[0x08])?;
    let threshold = u32::try_from(read_varint(&mut input)?).ok()?;
    let depth = depth.checked_sub(1)?;
    let mut keys = Vec::new();
    while !input.is_empty() {
        input = input.strip_prefix(&[0x12])?;
        let len = usize::try_from(read_varint(&mut input)?).ok()?;
        let (inner, rest) = input.split_at_checked(len)?;
        keys.push(decode(inner, depth)?);
        input = rest;
    }
    PublicKey::multisig(threshold, keys).ok()
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let [.., low] = value.to_be_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(crate) fn read_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64u32).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte holds the highest bit alone.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
