//! New inputs from old ones.

use plume_testkit::Rng;

use crate::{
    protobuf::{self, Field, Value, push_varint, varint},
    targets::Kind,
    tendermint, txs,
};

/// Longest input.
pub const MAX_LEN: usize = 64 << 10;

/// Words that mean something to the code under test.
#[derive(Debug, Default)]
pub struct Dictionary(pub Vec<Vec<u8>>);

impl Dictionary {
    /// A word, or bytes that are none.
    pub fn pick(&self, rng: &mut Rng) -> Vec<u8> {
        match rng.pick(&self.0) {
            Some(word) if rng.below(5) > 0 => word.clone(),
            _ => {
                let len = rng.index(40);
                rng.bytes(len)
            }
        }
    }
}

/// What mutation draws on.
pub struct Source<'a> {
    /// Inputs that did something new.
    pub corpus: &'a [Vec<u8>],
    /// Signed transactions.
    pub txs: &'a [Vec<u8>],
    /// Words.
    pub words: &'a Dictionary,
}

/// A new input for a target of this kind.
pub fn next(rng: &mut Rng, kind: Kind, source: &Source<'_>) -> Vec<u8> {
    let mut input = rng.pick(source.corpus).cloned().unwrap_or_default();
    for _ in 0..=rng.below(4) {
        input = match kind {
            _ if rng.one_in(8) => bytes(rng, &input, source),
            Kind::Tx => tx(rng, &input, source),
            Kind::Block => block(rng, &input, source),
            Kind::Frames => frames(rng, &input, source),
            Kind::Snapshot => bytes(rng, &input, source),
            Kind::Text => text(rng, &input, source),
            Kind::P2p => p2p(rng, &input, source),
            Kind::Tendermint => tendermint(rng, &input, source),
            Kind::Wire => wire(rng, &input, source),
        };
    }
    input.truncate(MAX_LEN);
    input
}

/// Changes a transaction; half of the time its signatures are made good again.
fn tx(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    match rng.below(10) {
        0 => bytes(rng, input, source),
        1 => protobuf::mutate(rng, input, source.words, 0),
        2 => rng.pick(source.txs).cloned().unwrap_or_default(),
        3 => protobuf::random(rng, source.words, 0),
        _ => txs::mutate(rng, input, source.words),
    }
}

/// Changes a block: its transactions (field 1) or anything else of it.
fn block(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    let Some(mut fields) = protobuf::parse(input) else { return bytes(rng, input, source) };
    let at_tx = (0..fields.len()).filter(|at| fields[*at].number == 1).collect::<Vec<_>>();
    match (rng.below(8), rng.pick(&at_tx).copied()) {
        (0, _) => return protobuf::mutate(rng, input, source.words, 0),
        (1, Some(at)) => {
            fields.remove(at);
        }
        (2, Some(at)) => {
            let other = rng.index(fields.len());
            fields.swap(at, other);
        }
        (3..6, Some(at)) => {
            if let Value::Bytes(bytes) = &mut fields[at].value {
                *bytes = tx(rng, bytes, source);
            }
        }
        _ => {
            let count = if rng.one_in(30) { 200 } else { 1 + rng.below(4) };
            for _ in 0..count {
                let tx = rng.pick(source.txs).cloned().unwrap_or_default();
                fields.push(Field { number: 1, value: Value::Bytes(tx) });
            }
        }
    }
    protobuf::encode(&fields)
}

/// Changes one token of a text: letters and digits, or a single other byte.
fn text(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    if input.is_empty() {
        return source.words.pick(rng);
    }
    let (one, other) = (token(rng, input), token(rng, input));
    let mut out = input.to_vec();
    match rng.below(6) {
        0 => drop(out.drain(one)),
        1 => drop(out.splice(one, input[other].to_vec())),
        2 => drop(out.splice(one.start..one.start, source.words.pick(rng))),
        3 => drop(out.splice(one, source.words.pick(rng))),
        4 => {
            // A part of it again.
            let (start, end) = (one.start.min(other.start), one.end.max(other.end));
            out.splice(start..start, input[start..end].to_vec());
        }
        _ => return bytes(rng, input, source),
    }
    out
}

/// Where a random token of a text is.
fn token(rng: &mut Rng, input: &[u8]) -> std::ops::Range<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let at = rng.index(input.len());
    if !is_word(&input[at]) {
        return at..at + 1;
    }
    let start = input[..at].iter().rposition(|byte| !is_word(byte)).map_or(0, |before| before + 1);
    let end = input[at..].iter().position(|byte| !is_word(byte)).map_or(input.len(), |after| at + after);
    start..end
}

/// Changes a stream of the transport's frames: their order, kinds, channels, contents, or a length.
fn p2p(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    let mut frames: Vec<(u8, u8, Vec<u8>)> = vec![];
    let mut rest = input;
    while let Some((&[kind, channel, high, low], after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(usize::from(u16::from_be_bytes([high, low])).min(after.len()));
        frames.push((kind, channel, payload.to_vec()));
        rest = after;
    }
    if frames.is_empty() {
        return bytes(rng, input, source);
    }
    let (at, other) = (rng.index(frames.len()), rng.index(frames.len()));
    let mut lie = None;
    match rng.below(9) {
        0 => drop(frames.remove(at)),
        1 => frames.swap(at, other),
        2 => frames.insert(at, frames[other].clone()),
        3 => frames[at].0 = [1, 2, 3, 4, 5, 6, 0x10, 0x11, 0x12, 0x20, 0x21, 0xFF][rng.index(12)],
        4 => frames[at].1 = [0, 1, 2, 3][rng.index(4)],
        5 => lie = Some(number(rng, frames[at].2.len() as u64)),
        6 => {
            // The length that a message announces: after the number of a request or an answer.
            let start = [0, 8, 9][rng.index(3)];
            if let Some(total) = frames[at].2.get_mut(start..start + 4) {
                let old = total.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                total.copy_from_slice(&number(rng, old).to_be_bytes()[4..]);
            }
        }
        7 => frames[at].2 = bytes(rng, &frames[at].2, source),
        _ => {
            // Another stream in the middle of this one.
            let mut joined = join_p2p(&frames[..at], None);
            joined.extend_from_slice(rng.pick(source.corpus).map_or(&[][..], Vec::as_slice));
            joined.extend(join_p2p(&frames[at..], None));
            return joined;
        }
    }
    join_p2p(&frames, lie.map(|length| (at, length)))
}

/// A stream of frames; the length of one may be a lie.
fn join_p2p(frames: &[(u8, u8, Vec<u8>)], lie: Option<(usize, u64)>) -> Vec<u8> {
    let mut out = vec![];
    for (at, (kind, channel, payload)) in frames.iter().enumerate() {
        let length = lie.filter(|(index, _)| *index == at).map_or(payload.len() as u64, |(_, length)| length);
        out.extend([*kind, *channel]);
        out.extend_from_slice(&length.to_be_bytes()[6..]);
        out.extend_from_slice(payload);
    }
    out
}

/// Changes a block, vote, set or state; most of the time the hashes of a block are made good again.
fn tendermint(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    let changed = protobuf::mutate(rng, input, source.words, 0);
    let repaired = if rng.one_in(4) { None } else { tendermint::repaired(&changed) };
    repaired.unwrap_or(changed)
}

/// Changes a message of the engine, seldom which one it is.
fn wire(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    let Some((number, message)) = input.split_first() else { return source.words.pick(rng) };
    let number = if rng.one_in(40) { rng.next_u64().to_le_bytes()[0] } else { *number };
    let message = match rng.below(12) {
        0 => protobuf::random(rng, source.words, 0),
        _ => protobuf::mutate(rng, message, source.words, 0),
    };
    [&[number], &message[..]].concat()
}

/// Changes a stream of length-prefixed messages: the messages, their order, or a length.
fn frames(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    let (mut messages, rest) = split_frames(input);
    let at = rng.index(messages.len().max(1));
    match rng.below(8) {
        _ if messages.is_empty() => messages.push(protobuf::random(rng, source.words, 0)),
        0 => {
            messages.remove(at);
        }
        1 => {
            let other = rng.index(messages.len());
            messages.swap(at, other);
        }
        2 => {
            let (more, _) = split_frames(rng.pick(source.corpus).map_or(&[][..], Vec::as_slice));
            messages.extend(more);
        }
        3 => {
            // One frame whose length lies.
            let mut raw = join_frames(&messages[..at]);
            push_varint(&mut raw, number(rng, messages[at].len() as u64));
            raw.extend_from_slice(&messages[at]);
            raw.extend(join_frames(&messages[at + 1..]));
            return raw;
        }
        4 => {
            // Another transaction inside whatever the request is: requests carry them as bytes.
            let tx = rng.pick(source.txs).cloned().unwrap_or_default();
            if let Some(mut outer) = protobuf::parse(&messages[at]).filter(|outer| !outer.is_empty()) {
                if let Value::Bytes(request) = &mut outer[0].value {
                    let mut fields = protobuf::parse(request).unwrap_or_default();
                    fields.push(Field { number: 1, value: Value::Bytes(tx) });
                    *request = protobuf::encode(&fields);
                }
                messages[at] = protobuf::encode(&outer);
            }
        }
        _ => messages[at] = protobuf::mutate(rng, &messages[at], source.words, 0),
    }
    let mut raw = join_frames(&messages);
    if rng.one_in(4) {
        raw.extend_from_slice(rest);
    }
    raw
}

/// The complete frames of a stream, and what follows them.
pub fn split_frames(mut raw: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut messages = vec![];
    loop {
        let mut after = raw;
        let message = varint(&mut after).and_then(|len| after.split_at_checked(usize::try_from(len).ok()?));
        let Some((message, rest)) = message.filter(|_| !raw.is_empty()) else { return (messages, raw) };
        messages.push(message.to_vec());
        raw = rest;
    }
}

/// A stream of frames.
pub fn join_frames(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut raw = vec![];
    for message in messages {
        push_varint(&mut raw, message.len() as u64);
        raw.extend_from_slice(message);
    }
    raw
}

/// Changes bytes without looking at what they mean.
pub fn bytes(rng: &mut Rng, input: &[u8], source: &Source<'_>) -> Vec<u8> {
    let mut out = input.to_vec();
    let at = rng.index(out.len() + 1);
    let end = (at + 1 + rng.index(16)).min(out.len());
    match rng.below(8) {
        0 if !out.is_empty() => {
            let at = rng.index(out.len());
            out[at] ^= 1 << rng.below(8);
        }
        1 if !out.is_empty() => {
            let at = rng.index(out.len());
            out[at] = [0, 1, 0x7F, 0x80, 0xFF, b'0', b'/'][rng.index(7)];
        }
        2 => {
            out.drain(at.min(end)..end);
        }
        3 => {
            let word = source.words.pick(rng);
            out.splice(at..at, word);
        }
        4 => {
            let copy = out[at.min(end)..end].to_vec();
            out.splice(at..at, copy);
        }
        5 => out.truncate(at),
        6 => {
            // The front of one, the back of another.
            let other = rng.pick(source.corpus).cloned().unwrap_or_default();
            let from = rng.index(other.len() + 1);
            out.truncate(at);
            out.extend_from_slice(&other[from..]);
        }
        _ => {
            let len = rng.index(64);
            let junk = rng.bytes(len);
            out.splice(at..at, junk);
        }
    }
    out
}

/// Changes the content of a field: text or bytes.
pub fn content(rng: &mut Rng, input: &[u8], words: &Dictionary) -> Vec<u8> {
    if rng.one_in(2) {
        return words.pick(rng);
    }
    let empty = Source { corpus: &[], txs: &[], words };
    bytes(rng, input, &empty)
}

/// A number that is close to the old one or to a limit.
pub fn number(rng: &mut Rng, old: u64) -> u64 {
    let limits =
        [0, 1, 2, 127, 128, 255, 1 << 20, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 62, 1 << 63, (1 << 63) - 1, u64::MAX];
    match rng.below(4) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => limits[rng.index(limits.len())],
        _ => rng.next_u64() >> rng.below(64),
    }
}
