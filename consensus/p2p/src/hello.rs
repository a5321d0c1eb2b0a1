use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::config::{MAX_EXTRA, MAX_MESSAGE, MESSAGE_OVERHEAD};
use crate::outbox::PeerChannel;

/// Version of the frames and of the hello; a peer with another one is refused.
pub const PROTOCOL_VERSION: u16 = 1;

/// What a node says about itself when a connection starts.
///
/// Everything but the identity is the peer's own word. Texts hold no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Chain that the node is part of.
    pub chain_id: String,
    /// The operator's name for the node.
    pub moniker: String,
    /// `host:port` where the node listens; empty when it does not.
    pub listen_addr: String,
    /// Software and its version.
    pub software: String,
    /// What the owner of the transport adds (at most 8 KiB); not interpreted here.
    pub extra: Bytes,
}

/// The payload of the hello frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireHello {
    pub hello: Hello,
    /// Another number at each start of the node.
    pub instance: u64,
    /// Bytes per second that the node reads.
    pub recv_rate: u64,
    pub channels: Vec<PeerChannel>,
}

/// A hello that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HelloError {
    /// The peer speaks another version; what follows is unknown.
    Version(u16),
    /// Breaks a rule.
    Invalid(&'static str),
}

impl WireHello {
    pub(crate) fn encode(&self) -> BytesMut {
        let mut out = BytesMut::new();
        out.put_u16(PROTOCOL_VERSION);
        out.put_u64(self.instance);
        out.put_u64(self.recv_rate);
        let hello = &self.hello;
        for text in [&hello.chain_id, &hello.moniker, &hello.listen_addr, &hello.software] {
            // The configuration's check keeps each below 256 bytes.
            out.put_u8(text.len() as u8);
            out.put_slice(text.as_bytes());
        }
        // Channel ids are bytes and each stands once, but 256 of them do not fit into one byte.
        out.put_u16(self.channels.len() as u16);
        for channel in &self.channels {
            out.put_u8(channel.id);
            out.put_u32(channel.max_message);
            out.put_u32(channel.window);
        }
        // At most 8 KiB.
        out.put_u16(hello.extra.len() as u16);
        out.put_slice(&hello.extra);
        out
    }

    pub(crate) fn decode(mut input: &[u8]) -> Result<Self, HelloError> {
        const SHORT: HelloError = HelloError::Invalid("too short");
        let input = &mut input;
        match input.try_get_u16().map_err(|_| SHORT)? {
            PROTOCOL_VERSION => {}
            version => return Err(HelloError::Version(version)),
        }
        let instance = input.try_get_u64().map_err(|_| SHORT)?;
        let recv_rate = input.try_get_u64().map_err(|_| SHORT)?;
        if recv_rate == 0 {
            return Err(HelloError::Invalid("rate of zero"));
        }
        let chain_id = text(input, 50)?;
        let moniker = text(input, 128)?;
        let listen_addr = text(input, 255)?;
        let software = text(input, 128)?;
        let count = input.try_get_u16().map_err(|_| SHORT)?;
        if count > 256 {
            return Err(HelloError::Invalid("too many channels"));
        }
        let mut channels: Vec<PeerChannel> = Vec::new();
        for _ in 0..count {
            let channel = PeerChannel {
                id: input.try_get_u8().map_err(|_| SHORT)?,
                max_message: input.try_get_u32().map_err(|_| SHORT)?,
                window: input.try_get_u32().map_err(|_| SHORT)?,
            };
            let (max, window) = (channel.max_message as usize, channel.window as usize);
            if !(1..=MAX_MESSAGE).contains(&max) || window < max + MESSAGE_OVERHEAD {
                return Err(HelloError::Invalid("channel sizes"));
            }
            if channels.iter().any(|other| other.id == channel.id) {
                return Err(HelloError::Invalid("channel named twice"));
            }
            channels.push(channel);
        }
        let length = usize::from(input.try_get_u16().map_err(|_| SHORT)?);
        if length > MAX_EXTRA {
            return Err(HelloError::Invalid("extra too long"));
        }
        if input.len() != length {
            return Err(HelloError::Invalid("wrong length"));
        }
        let extra = Bytes::copy_from_slice(input);
        Ok(Self { hello: Hello { chain_id, moniker, listen_addr, software, extra }, instance, recv_rate, channels })
    }
}

fn text(input: &mut &[u8], max: usize) -> Result<String, HelloError> {
    const SHORT: HelloError = HelloError::Invalid("too short");
    let length = usize::from(input.try_get_u8().map_err(|_| SHORT)?);
    let bytes = input.get(..length).ok_or(SHORT)?;
    let text = core::str::from_utf8(bytes).map_err(|_| HelloError::Invalid("text is not UTF-8"))?;
    // # Security
    // The texts end up in logs and RPC answers: no line breaks, no terminal sequences.
    if length > max || text.chars().any(char::is_control) {
        return Err(HelloError::Invalid("text too long or with control characters"));
    }
    input.advance(length);
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> WireHello {
        WireHello {
            hello: Hello {
                chain_id: "plume-1".to_owned(),
                moniker: "Bank A".to_owned(),
                listen_addr: "a.example:26656".to_owned(),
                software: "plume/0.1.0".to_owned(),
                extra: Bytes::from_static(b"\x00\x01binding"),
            },
            instance: 7,
            recv_rate: 5_120_000,
            channels: vec![
                PeerChannel { id: 0, max_message: 1, window: 65 },
                PeerChannel { id: 255, max_message: 4 << 20, window: 8 << 20 },
            ],
        }
    }

    #[test]
    fn hello_reads_back_and_every_prefix_is_refused() {
        let bytes = sample().encode();
        assert_eq!(WireHello::decode(&bytes), Ok(sample()));
        for cut in 0..bytes.len() {
            assert!(matches!(WireHello::decode(&bytes[..cut]), Err(HelloError::Invalid(_))), "cut to {cut}");
        }
        assert_eq!(WireHello::decode(&[&bytes[..], b"x"].concat()), Err(HelloError::Invalid("wrong length")));
    }

    #[test]
    fn the_largest_hello_fits_into_one_frame() {
        let mut hello = sample();
        hello.hello = Hello {
            chain_id: "c".repeat(50),
            moniker: "m".repeat(128),
            listen_addr: "l".repeat(255),
            software: "s".repeat(128),
            extra: vec![1; MAX_EXTRA].into(),
        };
        hello.channels = (0..=255).map(|id| PeerChannel { id, max_message: 1, window: 65 }).collect();
        let bytes = hello.encode();
        assert!(bytes.len() <= crate::frame::MAX_PAYLOAD, "{} bytes", bytes.len());
        assert_eq!(WireHello::decode(&bytes), Ok(hello));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let broken = |change: fn(&mut WireHello), reason| {
            let mut hello = sample();
            change(&mut hello);
            assert_eq!(WireHello::decode(&hello.encode()), Err(HelloError::Invalid(reason)));
        };
        broken(|hello| hello.recv_rate = 0, "rate of zero");
        broken(|hello| hello.channels[1].id = 0, "channel named twice");
        broken(|hello| hello.channels[0].window = 64, "channel sizes");
        broken(|hello| hello.channels[0].max_message = 0, "channel sizes");
        broken(|hello| hello.channels[0].max_message = u32::MAX, "channel sizes");
        broken(|hello| hello.hello.moniker = "a\x1b[2J".to_owned(), "text too long or with control characters");
        broken(|hello| hello.hello.chain_id = "c".repeat(51), "text too long or with control characters");
        broken(|hello| hello.hello.extra = vec![0; MAX_EXTRA + 1].into(), "extra too long");
        let mut bytes = sample().encode();
        bytes[1] = 2;
        assert_eq!(WireHello::decode(&bytes), Err(HelloError::Version(2)));
        let mut bytes = sample().encode();
        bytes[19] = 0xff;
        assert_eq!(WireHello::decode(&bytes), Err(HelloError::Invalid("text is not UTF-8")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read_back(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let bytes = [&[0, 1][..], &tail].concat();
            if let Ok(hello) = WireHello::decode(&bytes) {
                prop_assert_eq!(&hello.encode()[..], &bytes[..]);
            }
        }
    }
}
