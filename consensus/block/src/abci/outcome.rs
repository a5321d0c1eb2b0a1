//! Results as `tendermint.abci.ResponseFinalizeBlock`, encoded without copying them into messages first: a block with
//! thousands of transactions has a hundred thousand strings.

use bytes::BufMut;
use plume_engine::{Attribute, BlockOutcome, Event, TxResult};
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};

use super::raw_validator_update;

/// The encoding of [`finalize_response`](super::finalize_response): what a block's results are on the wire and on disk.
#[must_use]
pub fn encode_outcome(outcome: &BlockOutcome) -> Vec<u8> {
    let results: Vec<Sized<'_>> = outcome.tx_results.iter().map(Sized::of).collect();
    let size: usize = outcome.events.iter().map(|event| framed(event_len(event))).sum::<usize>()
        + results.iter().map(|result| framed(result.len)).sum::<usize>()
        + outcome.app_hash.len()
        + 256;
    let mut out = Vec::with_capacity(size);
    for event in &outcome.events {
        put_event(&mut out, 1, event, event_len(event));
    }
    for result in &results {
        put_result(&mut out, result);
    }
    for update in &outcome.validator_updates {
        put_bytes(&mut out, 3, &raw_validator_update(update.clone()).encode_to_vec());
    }
    if let Some(params) = &outcome.consensus_params {
        put_bytes(&mut out, 4, &params.encode_to_vec());
    }
    if !outcome.app_hash.is_empty() {
        put_bytes(&mut out, 5, &outcome.app_hash);
    }
    out
}

/// A result with the lengths of its events, which are needed twice.
struct Sized<'a> {
    result: &'a TxResult,
    events: Vec<usize>,
    len: usize,
}

impl<'a> Sized<'a> {
    fn of(result: &'a TxResult) -> Self {
        let events: Vec<usize> = result.events.iter().map(event_len).collect();
        let len = number_len(u64::from(result.code))
            + bytes_len(&result.data)
            + bytes_len(result.log.as_bytes())
            + number_len(gas(result.gas_wanted))
            + number_len(gas(result.gas_used))
            + events.iter().map(|len| framed(*len)).sum::<usize>()
            + bytes_len(result.codespace.as_bytes());
        Self { result, events, len }
    }
}

fn gas(gas: plume_primitives::Gas) -> u64 {
    gas.get().min(i64::MAX as u64)
}

fn put_result(out: &mut Vec<u8>, sized: &Sized<'_>) {
    let result = sized.result;
    put_frame(out, 2, sized.len);
    put_number(out, 1, u64::from(result.code));
    put_text(out, 2, &result.data);
    put_text(out, 3, result.log.as_bytes());
    put_number(out, 5, gas(result.gas_wanted));
    put_number(out, 6, gas(result.gas_used));
    for (event, len) in result.events.iter().zip(&sized.events) {
        put_event(out, 7, event, *len);
    }
    put_text(out, 8, result.codespace.as_bytes());
}

fn put_event(out: &mut Vec<u8>, field: u8, event: &Event, len: usize) {
    put_frame(out, field, len);
    put_text(out, 1, event.kind.as_bytes());
    for attribute in &event.attributes {
        put_frame(out, 2, attribute_len(attribute));
        put_text(out, 1, attribute.key.as_bytes());
        put_text(out, 2, attribute.value.as_bytes());
        put_number(out, 3, u64::from(attribute.index));
    }
}

fn event_len(event: &Event) -> usize {
    bytes_len(event.kind.as_bytes())
        + event.attributes.iter().map(|attribute| framed(attribute_len(attribute))).sum::<usize>()
}

fn attribute_len(attribute: &Attribute) -> usize {
    bytes_len(attribute.key.as_bytes()) + bytes_len(attribute.value.as_bytes()) + number_len(attribute.index.into())
}

/// A part with key and length; every field number here is below 16, so the key is one byte.
fn framed(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

/// Bytes that are left out when empty.
fn bytes_len(bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { framed(bytes.len()) }
}

/// A number that is left out when zero.
fn number_len(number: u64) -> usize {
    if number == 0 { 0 } else { 1 + encoded_len_varint(number) }
}

fn put_frame(out: &mut Vec<u8>, field: u8, len: usize) {
    out.put_u8(field << 3 | 2);
    encode_varint(len as u64, out);
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_frame(out, field, bytes.len());
    out.put_slice(bytes);
}

fn put_text(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, field, bytes);
    }
}

fn put_number(out: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        out.put_u8(field << 3);
        encode_varint(number, out);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use plume_engine::{ConsensusParams, ValidatorKey, ValidatorUpdate};
    use plume_primitives::Gas;
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = Event> {
        let attribute = (".{0,5}", ".{0,200}", any::<bool>()).prop_map(|(key, value, index)| Attribute {
            key: key.into(),
            value,
            index,
        });
        (".{0,8}", proptest::collection::vec(attribute, 0..4))
            .prop_map(|(kind, attributes)| Event { kind: kind.into(), attributes })
    }

    fn result() -> impl Strategy<Value = TxResult> {
        let events = proptest::collection::vec(event(), 0..4);
        (0..3_u32, ".{0,3}", "[a-z]{0,140}", any::<u64>(), 0..2_u64, events).prop_map(
            |(code, codespace, log, wanted, used, events)| TxResult {
                code,
                codespace,
                data: Bytes::from(log.clone()),
                log,
                gas_wanted: Gas(wanted),
                gas_used: Gas(used),
                events,
            },
        )
    }

    proptest! {
        #[test]
        fn encoding_is_that_of_the_message(
            tx_results in proptest::collection::vec(result(), 0..4),
            events in proptest::collection::vec(event(), 0..4),
            app_hash in proptest::collection::vec(any::<u8>(), 0..33),
            power in any::<i64>(),
            full in any::<bool>(),
        ) {
            let outcome = BlockOutcome {
                app_hash: app_hash.into(),
                tx_results,
                events,
                validator_updates: if full {
                    vec![ValidatorUpdate { key: ValidatorKey::Ed25519([7; 32]), power }]
                } else {
                    Vec::new()
                },
                consensus_params: full.then(ConsensusParams::default),
            };
            prop_assert_eq!(encode_outcome(&outcome), super::super::finalize_response(outcome).encode_to_vec());
        }
    }
}
