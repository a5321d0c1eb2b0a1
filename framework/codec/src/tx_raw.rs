use crate::CodecError;
use crate::error::NotDeterministic;
use crate::wire::{Reader, WireType};

/// Checks that `bytes` are the one deterministic encoding of a `TxRaw` (ADR-027): body, auth info and signatures in
/// this order, the first two at most once, and no padded number.
///
/// Without it anyone could re-encode a transaction in flight and so change its hash without touching a signature.
/// The fields themselves are checked by [`crate::reject_unknown`].
///
/// # Errors
/// [`CodecError::NotDeterministic`].
pub fn require_deterministic_tx_raw(bytes: &[u8]) -> Result<(), CodecError> {
    const SIGNATURES: u32 = 3;
    let truncated = |_: CodecError| NotDeterministic::Truncated;

    let mut reader = Reader::new(bytes);
    let mut previous = 0;
    while !reader.is_empty() {
        let tag = reader.tag().map_err(truncated)?;
        let number = tag.number;
        if tag.wire_type != WireType::Bytes {
            return Err(NotDeterministic::WireType(tag.wire_type.number()).into());
        }
        if number < previous {
            return Err(NotDeterministic::Order { found: number, previous }.into());
        }
        if number == previous && number < SIGNATURES {
            return Err(NotDeterministic::Repeated(number).into());
        }
        if tag.varint.len != tag.varint.needed() {
            return Err(NotDeterministic::PaddedTag(number).into());
        }
        let len = reader.clone().varint().map_err(truncated)?;
        if len.len != len.needed() {
            let (read, needed) = (len.len, len.needed());
            return Err(NotDeterministic::PaddedLength { number, read, needed }.into());
        }
        reader.bytes().map_err(truncated)?;
        previous = number;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_encoding_passes() {
        for good in [&[][..], &[0x0a, 1, 7], &[0x0a, 1, 7, 0x12, 0, 0x1a, 1, 9, 0x1a, 0]] {
            assert_eq!(require_deterministic_tx_raw(good), Ok(()), "{good:?}");
        }
        for (bad, text) in [
            (&[0x0a][..], "invalid length; unexpected EOF"),
            (&[0x0a, 2, 0], "invalid length; unexpected EOF"),
            (&[0x08, 1], "expected 2 wire type, got 0"),
            (&[0x12, 0, 0x0a, 0], "txRaw must follow ADR-027, got tagNum 1 after tagNum 2"),
            (&[0x0a, 0, 0x0a, 0], "txRaw must follow ADR-027, got tagNum 1 twice"),
            (&[0x12, 0, 0x12, 0], "txRaw must follow ADR-027, got tagNum 2 twice"),
            (&[0x0a, 0x81, 0, 7], "length prefix varint for tagNum 1 is not as short as possible, read 2, only need 1"),
            (&[0x8a, 0, 1, 7], "tag varint for tagNum 1 is not as short as possible"),
        ] {
            let error = require_deterministic_tx_raw(bad).expect_err("not deterministic");
            assert_eq!(error.to_string(), text, "{bad:?}");
        }
    }
}
