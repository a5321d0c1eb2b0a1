//! The fields of a stored account that transactions need, read where they stand.
//!
//! Decoding a record makes six strings of it and takes longer than what is done with it. This reads only the form in which
//! the chain itself writes accounts of people; whatever else it finds it leaves to the decoder, so that both always agree.

use plume_crypto::{PublicKey, type_urls};
use plume_interfaces::Account;
use plume_primitives::Address;
use plume_proto::prost::encoding::decode_varint;

use crate::record::BASE_ACCOUNT;

const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// The account in the bytes of a record, unless they are of another type or form than a base account is written in.
pub(crate) fn base_account(record: &[u8], address: &Address) -> Option<Account> {
    let mut record = Fields(record);
    if record.bytes(1)? != BASE_ACCOUNT.as_bytes() {
        return None;
    }
    let mut fields = Fields(record.bytes(2)?);
    // The decoder refuses text that is no UTF-8.
    if !record.0.is_empty() || !fields.bytes(1)?.is_ascii() {
        return None;
    }
    let public_key = match fields.begins_with(2, BYTES) {
        true => Some(public_key(fields.bytes(2)?)?),
        false => None,
    };
    let (number, sequence) = (fields.number(3)?, fields.number(4)?);
    let is_whole = fields.0.is_empty();
    is_whole.then(|| Account { address: address.clone(), public_key, number, sequence, module: None })
}

/// A single key.
fn public_key(any: &[u8]) -> Option<PublicKey> {
    let mut any = Fields(any);
    let type_url = any.bytes(1)?;
    let mut message = Fields(any.bytes(2)?);
    let key = message.bytes(1)?;
    if !any.0.is_empty() || !message.0.is_empty() {
        return None;
    }
    if type_url == type_urls::SECP256K1.as_bytes() {
        whole(key).map(PublicKey::Secp256k1)
    } else if type_url == type_urls::ED25519.as_bytes() {
        whole(key).map(PublicKey::Ed25519)
    } else {
        None
    }
}

fn whole<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.split_first_chunk().filter(|(_, rest)| rest.is_empty()).map(|(key, _)| *key)
}

/// What is left of an encoded message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Whether this field of at most number 15 comes next.
    fn begins_with(&self, number: u64, wire_type: u64) -> bool {
        self.0.first().is_some_and(|tag| u64::from(*tag) == (number << 3) | wire_type)
    }

    /// The content of this field, which must come next.
    fn bytes(&mut self, number: u64) -> Option<&'a [u8]> {
        if !self.begins_with(number, BYTES) {
            return None;
        }
        let len = self.varint()?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (content, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(content)
    }

    /// The value of this field if it comes next, else 0: a number of 0 is not written.
    fn number(&mut self, number: u64) -> Option<u64> {
        if self.begins_with(number, VARINT) { self.varint() } else { Some(0) }
    }

    /// The number after a tag of one byte.
    #[expect(clippy::disallowed_methods, reason = "no storage error: what is unreadable here is left to the decoder")]
    fn varint(&mut self) -> Option<u64> {
        self.0 = self.0.get(1..)?;
        decode_varint(&mut self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use plume_primitives::Bech32Prefix;
    use plume_proto::{Any, Message};

    use super::*;
    use crate::record::Record;

    fn address() -> Address {
        Address::from([7; 20])
    }

    fn records() -> Vec<Record> {
        let prefix = Bech32Prefix::new("plume").unwrap();
        let multisig = PublicKey::multisig(1, vec![PublicKey::Ed25519([9; 32])]).unwrap();
        let keys = [None, Some(PublicKey::Secp256k1([2; 33])), Some(PublicKey::Ed25519([9; 32])), Some(multisig)];
        let mut records = vec![Record::module(&prefix, "mint", &address(), &[], 3)];
        for key in &keys {
            for (number, sequence) in [(0, 0), (1, 0), (0, 1), (300, u64::MAX)] {
                let mut record = Record::base(&prefix, &address(), number);
                record.as_base_mut().pub_key = key.as_ref().map(PublicKey::to_any);
                record.as_base_mut().sequence = sequence;
                records.push(record);
            }
        }
        records
    }

    /// What the decoder makes of it.
    fn decoded(bytes: &[u8]) -> Account {
        Record::from_any(&Any::decode(bytes).unwrap()).unwrap().view(&address()).unwrap()
    }

    #[test]
    fn accounts_of_single_keys_are_read_as_the_decoder_reads_them() {
        let mut read = 0;
        for record in records() {
            let bytes = record.to_any().encode_to_vec();
            if let Some(account) = base_account(&bytes, &address()) {
                assert_eq!(account, decoded(&bytes));
                read += 1;
            }
        }
        // All but those of the module and of the threshold key.
        assert_eq!(read, 12);
    }

    #[test]
    fn whatever_happens_to_the_bytes_the_decoder_agrees_or_is_asked() {
        for record in records() {
            let bytes = record.to_any().encode_to_vec();
            for at in 0..bytes.len() {
                let flipped = [1, 2, 8, 0x10, 0x80, 0xff].map(|flip| {
                    let mut changed = bytes.clone();
                    changed[at] ^= flip;
                    changed
                });
                for changed in flipped.iter().map(Vec::as_slice).chain([&bytes[..at]]) {
                    if let Some(account) = base_account(changed, &address()) {
                        assert_eq!(account, decoded(changed));
                    }
                }
            }
        }
    }
}
