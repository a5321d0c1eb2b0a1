//! The part of CBOR (RFC 8949) that screens need, in its deterministic form: shortest heads, ascending keys.

use super::screens::Screen;

const UNSIGNED: u8 = 0;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TRUE: u8 = 0xf5;

pub(super) fn encode(screens: &[Screen]) -> Vec<u8> {
    let mut out = Vec::new();
    head(&mut out, MAP, 1);
    head(&mut out, UNSIGNED, 1);
    head(&mut out, ARRAY, length(screens.len()));
    for screen in screens {
        put_screen(&mut out, screen);
    }
    out
}

fn put_screen(out: &mut Vec<u8>, screen: &Screen) {
    let present = [!screen.title.is_empty(), !screen.content.is_empty(), screen.indent > 0, screen.expert];
    head(out, MAP, length(present.iter().filter(|present| **present).count()));
    for (key, value) in [(1, &screen.title), (2, &screen.content)] {
        if !value.is_empty() {
            head(out, UNSIGNED, key);
            head(out, TEXT, length(value.len()));
            out.extend_from_slice(value.as_bytes());
        }
    }
    if screen.indent > 0 {
        head(out, UNSIGNED, 3);
        head(out, UNSIGNED, screen.indent.into());
    }
    if screen.expert {
        head(out, UNSIGNED, 4);
        out.push(TRUE);
    }
}

/// Type and number in as few bytes as possible.
fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let (extra, kept) = match number {
        0..=23 => (bytes[7], 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push((major << 5) | extra);
    // At most 8 bytes are kept of 8.
    out.extend(bytes.iter().skip(8_usize.saturating_sub(kept)));
}

fn length(len: usize) -> u64 {
    u64::try_from(len).expect("usize is at most 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_as_short_as_possible() {
        // RFC 8949, appendix A.
        for (number, expected) in [
            (0, "00"),
            (23, "17"),
            (24, "1818"),
            (255, "18ff"),
            (256, "190100"),
            (1000, "1903e8"),
            (1_000_000, "1a000f4240"),
            (1_000_000_000_000, "1b000000e8d4a51000"),
        ] {
            let mut out = Vec::new();
            head(&mut out, UNSIGNED, number);
            assert_eq!(hex::encode(out), expected);
        }
    }
}
