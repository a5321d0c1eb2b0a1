//! Protobuf without a schema: messages as lists of fields, and changes that keep every length right.

use plume_testkit::Rng;

use crate::mutate::{self, Dictionary};

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub number: u64,
    pub value: Value,
}

/// A field's value by wire type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Vec<u8>),
    Fixed32([u8; 4]),
}

/// Deepest level that is changed.
const MAX_DEPTH: u32 = 8;

/// Reads a message; `None` when the bytes are not one.
pub fn parse(mut raw: &[u8]) -> Option<Vec<Field>> {
    let mut fields = vec![];
    while !raw.is_empty() {
        let tag = varint(&mut raw)?;
        let number = tag >> 3;
        let value = match tag & 7 {
            _ if number == 0 => return None,
            0 => Value::Varint(varint(&mut raw)?),
            1 => Value::Fixed64(*take(&mut raw)?),
            2 => {
                let len = usize::try_from(varint(&mut raw)?).ok()?;
                let (bytes, rest) = raw.split_at_checked(len)?;
                raw = rest;
                Value::Bytes(bytes.to_vec())
            }
            5 => Value::Fixed32(*take(&mut raw)?),
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(fields)
}

/// Writes a message.
pub fn encode(fields: &[Field]) -> Vec<u8> {
    let mut out = vec![];
    for field in fields {
        match &field.value {
            Value::Varint(number) => {
                push_varint(&mut out, field.number << 3);
                push_varint(&mut out, *number);
            }
            Value::Fixed64(bytes) => {
                push_varint(&mut out, field.number << 3 | 1);
                out.extend_from_slice(bytes);
            }
            Value::Bytes(bytes) => {
                push_varint(&mut out, field.number << 3 | 2);
                push_varint(&mut out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Value::Fixed32(bytes) => {
                push_varint(&mut out, field.number << 3 | 5);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

/// Changes one thing of a message, at any depth.
pub fn mutate(rng: &mut Rng, raw: &[u8], words: &Dictionary, depth: u32) -> Vec<u8> {
    let Some(mut fields) = parse(raw).filter(|fields| !fields.is_empty()) else {
        return mutate::content(rng, raw, words);
    };
    let at = rng.index(fields.len());
    match rng.below(12) {
        0 => {
            fields.remove(at);
        }
        1 => {
            let copy = fields[at].clone();
            let times = if rng.one_in(20) { 200 } else { 1 };
            fields.extend(std::iter::repeat_n(copy, times));
        }
        2 => {
            let other = rng.index(fields.len());
            fields.swap(at, other);
        }
        3 => fields[at].number = [1, 2, 3, 4, 5, 11, 1000, 2047, 536_870_911][rng.index(9)],
        4 => {
            let field = random_field(rng, words, depth);
            let at = rng.index(fields.len() + 1);
            fields.insert(at, field);
        }
        5 if depth < MAX_DEPTH => {
            // A message inside itself.
            let nested = encode(&fields);
            fields[at].value = Value::Bytes(nested);
        }
        _ => match &mut fields[at].value {
            Value::Varint(number) => *number = mutate::number(rng, *number),
            Value::Fixed64(bytes) => *bytes = mutate::number(rng, u64::from_le_bytes(*bytes)).to_le_bytes(),
            Value::Fixed32(bytes) => bytes.copy_from_slice(&rng.next_u64().to_le_bytes()[..4]),
            Value::Bytes(bytes) if depth < MAX_DEPTH && rng.below(4) > 0 => {
                *bytes = mutate(rng, bytes, words, depth + 1)
            }
            Value::Bytes(bytes) => *bytes = mutate::content(rng, bytes, words),
        },
    }
    encode(&fields)
}

/// A message that nobody wrote.
pub fn random(rng: &mut Rng, words: &Dictionary, depth: u32) -> Vec<u8> {
    let fields: Vec<_> = (0..rng.below(6)).map(|_| random_field(rng, words, depth)).collect();
    encode(&fields)
}

fn random_field(rng: &mut Rng, words: &Dictionary, depth: u32) -> Field {
    let number = 1 + if rng.one_in(8) { rng.below(3000) } else { rng.below(12) };
    let value = match rng.below(8) {
        0..3 => Value::Varint(mutate::number(rng, 1)),
        3 => Value::Fixed64(rng.next_u64().to_le_bytes()),
        4 if depth < MAX_DEPTH => Value::Bytes(random(rng, words, depth + 1)),
        _ => Value::Bytes(words.pick(rng)),
    };
    Field { number, value }
}

/// Appends a number of at most 64 bits.
pub fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80); // masked to seven bits
        number >>= 7;
    }
    out.push(number as u8); // below 0x80
}

/// Takes a number off the front.
pub fn varint(raw: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = raw.split_first()?;
        *raw = rest;
        number |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'a, const N: usize>(raw: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = raw.split_first_chunk()?;
    *raw = rest;
    Some(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_back_as_written() {
        let fields = vec![
            Field { number: 1, value: Value::Varint(u64::MAX) },
            Field { number: 2000, value: Value::Bytes(b"abc".to_vec()) },
            Field { number: 3, value: Value::Fixed64([7; 8]) },
            Field { number: 4, value: Value::Fixed32([9; 4]) },
        ];
        assert_eq!(parse(&encode(&fields)), Some(fields));
        for bad in [&[0x0A, 5, 1][..], &[0x0B], &[0x00, 1], &[0x80]] {
            assert_eq!(parse(bad), None);
        }
    }

    #[test]
    fn mutants_of_a_message_are_messages() {
        let words = Dictionary::default();
        let mut rng = Rng::new(1);
        let mut raw = encode(&[
            Field { number: 1, value: Value::Varint(1) },
            Field { number: 2, value: Value::Bytes(vec![8, 1]) },
        ]);
        for _ in 0..1_000 {
            let mutant = mutate(&mut rng, &raw, &words, 0);
            assert!(parse(&mutant).is_some());
            raw = if mutant.is_empty() || mutant.len() > 10_000 { random(&mut rng, &words, 0) } else { mutant };
            if raw.is_empty() {
                raw = vec![8, 1];
            }
        }
    }
}
