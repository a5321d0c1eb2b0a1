//! What other nodes send: frames of the transport and the engine's messages in them.

use bytes::{Bytes, BytesMut};
use plume_block::{FullBlock, ValidatorSet, Vote, key_from_raw, raw};
use plume_p2p::frame::{self, Frame, FrameError, Status, decode};
use plume_p2p::{Asked, Channel, Inbound, Intake, MESSAGE_OVERHEAD};
use plume_proto::prost::Message;
use plume_raft::wire::{
    Append, Binding, BlockAnswer, ChunkAnswer, ChunkRequest, Consensus, ConsensusBody, LastVoteAnswer,
    LightBlockAnswer, RaftCall, RaftRequest, Snapshot, SnapshotsAnswer, StagedBlock, Standing, SyncCall, SyncRequest,
    Txs,
};
use sha2::{Digest, Sha256};

use crate::{Features, tendermint::Recorded};

/// Small, so that inputs reach the limits.
const CHANNELS: [Channel; 2] = [
    Channel { id: 1, priority: 2, max_message: 600, queue: 2_000, window: 2_000 },
    Channel { id: 2, priority: 1, max_message: 40_000, queue: 100_000, window: 100_000 },
];

/// Streams of frames as a connection carries them.
pub fn frame_seeds() -> Vec<Vec<u8>> {
    let long = [7; 20_000];
    let (first, second) = long.split_at(12_000);
    let streams: [&[Frame<'_>]; 5] = [
        &[
            Frame::Hello(b"hello"),
            Frame::Ready,
            Frame::Ping(1),
            Frame::Pong(1),
            Frame::Close { code: 2, text: "the end" },
        ],
        &[
            Frame::Message { channel: 1, total: 6, part: b"abc" },
            Frame::Response { channel: 1, id: 1, status: Status::Answer, total: 2, part: b"x" },
            Frame::More { channel: 1, part: b"def" },
            Frame::MoreResponse { channel: 1, part: b"y" },
            Frame::Credit { channel: 1, bytes: 70 },
        ],
        &[
            Frame::Message { channel: 2, total: 20_000, part: first },
            Frame::Request { channel: 1, id: 9, total: 0, part: b"" },
            Frame::More { channel: 2, part: second },
        ],
        &[
            Frame::Request { channel: 2, id: 3, total: 3, part: b"a" },
            Frame::Response { channel: 2, id: 2, status: Status::Busy, total: 0, part: b"" },
            Frame::Response { channel: 2, id: 5, status: Status::Answer, total: 4, part: b"late" },
            Frame::Response { channel: 2, id: 4, status: Status::Refused, total: 0, part: b"" },
            Frame::More { channel: 2, part: b"bc" },
        ],
        &[Frame::Message { channel: 1, total: 500, part: &long[..500] }; 6],
    ];
    let join = |frames: &[Frame<'_>]| {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame::encode(frame, &mut out));
        out.to_vec()
    };
    streams.into_iter().map(join).collect()
}

/// A stream of frames: read the same however it is cut; put together to the messages that were sent; and nothing is kept
/// that did not arrive.
pub fn p2p_frames(input: &[u8]) -> Features {
    let mut features = Features::default();
    let mut whole = Reader::default();
    let end = whole.read(input);
    let mut pieces = Reader::default();
    let mut ended = Ok(());
    let mut buffer = BytesMut::new();
    let mut rest = input;
    let sizes = Sha256::digest(input);
    for size in sizes.iter().cycle() {
        // From one byte to several frames.
        let length = if size % 4 == 0 { usize::from(*size) * 64 } else { usize::from(*size) / 4 };
        let (piece, after) = rest.split_at((length + 1).min(rest.len()));
        rest = after;
        buffer.extend_from_slice(piece);
        let read = pieces.read(&buffer);
        drop(buffer.split_to(read.as_ref().map_or(0, |used| *used)));
        ended = read.map(drop);
        if rest.is_empty() || ended.is_err() {
            break;
        }
    }
    if let Err(error) = &end {
        features.outcome("frame", 0, "", &error.to_string());
    }
    assert_eq!((&whole.log, end.map(drop)), (&pieces.log, ended), "what is read depends on how it arrives");
    // What follows what.
    whole.log.iter().for_each(|what| features.note(what));
    whole.log.windows(2).for_each(|pair| features.note(pair.join(", ")));
    features
}

/// One side of a connection.
struct Reader {
    intake: Intake,
    /// What each channel's message and answer should be.
    sent: [[Vec<u8>; 2]; 2],
    arrived: usize,
    broken: bool,
    log: Vec<String>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { intake: Intake::new(&CHANNELS), sent: Default::default(), arrived: 0, broken: false, log: vec![] }
    }
}

impl Reader {
    /// Takes whole frames; how many bytes they were.
    fn read(&mut self, input: &[u8]) -> Result<usize, FrameError> {
        let mut at = 0;
        while let Some((frame, length)) = decode(&input[at..])? {
            let mut again = BytesMut::new();
            frame::encode(&frame, &mut again);
            assert_eq!(again, &input[at..at + length], "{frame:?} has a second encoding");
            at += length;
            self.take(&frame);
        }
        assert!(input.len() - at < frame::HEADER + frame::MAX_PAYLOAD, "waits for more than a frame");
        Ok(at)
    }

    fn take(&mut self, frame: &Frame<'_>) {
        let kind = format!("{frame:?}").chars().take_while(char::is_ascii_alphabetic).collect::<String>();
        let (lane, begins, part) = match *frame {
            Frame::Message { channel, part, .. } | Frame::Request { channel, part, .. } => ((channel, 0), true, part),
            Frame::More { channel, part } => ((channel, 0), false, part),
            Frame::Response { channel, part, .. } => ((channel, 1), true, part),
            Frame::MoreResponse { channel, part } => ((channel, 1), false, part),
            _ => return self.log.push(kind),
        };
        if self.broken {
            return;
        }
        let asked = |_, id| [Asked::GivenUp, Asked::Waiting, Asked::Waiting, Asked::Never][id as usize % 4];
        let accepted = self.intake.accept(frame, asked);
        self.arrived += part.len();
        let Ok(inbound) = accepted.inspect_err(|violation| {
            // Which violation, not its numbers.
            self.log.push(violation.to_string().chars().filter(|letter| !letter.is_ascii_digit()).collect());
        }) else {
            self.broken = true;
            return;
        };
        let [message, answer] = &mut self.sent[usize::from(lane.0 - 1)];
        let sent = if lane.1 == 0 { message } else { answer };
        if begins {
            sent.clear();
        }
        sent.extend_from_slice(part);
        // Buffers double as they grow.
        let held = self.intake.held();
        assert!(held <= 2 * self.arrived + 256, "{held} bytes held, {} arrived", self.arrived);
        let most: usize = CHANNELS.iter().map(|channel| 2 * (2 * channel.max_message + 64)).sum();
        assert!(held <= most, "{held} bytes held, the limits allow {most}");
        let Some(inbound) = inbound else { return self.log.push(kind) };
        let (channel, bytes) = match inbound {
            Inbound::Message { channel, bytes } | Inbound::Request { channel, bytes, .. } => (Some(channel), bytes),
            Inbound::Response { bytes, .. } => (None, bytes),
        };
        assert_eq!(&bytes, sent, "put together wrongly");
        let limits = CHANNELS[usize::from(lane.0 - 1)];
        assert!(bytes.len() <= limits.max_message, "{} bytes in one message", bytes.len());
        self.log.push(format!("{kind} whole"));
        // A handler that takes some and leaves some.
        if let Some(channel) = channel.filter(|_| bytes.len() % 3 > 0) {
            let credit = self.intake.taken(channel, bytes.len());
            let most = limits.window + bytes.len() + MESSAGE_OVERHEAD;
            assert!(credit.is_none_or(|credit| credit as usize <= most), "credit of {credit:?}");
        }
    }
}

/// Messages of the engine, each behind its number in [`raft_wire`].
pub fn wire_seeds() -> Vec<Vec<u8>> {
    let recorded = Recorded::load();
    let (block, commit) = (recorded.blocks[5].clone(), recorded.commit.clone());
    let vote = recorded.votes[0].clone();
    let tx = Bytes::from_static(b"a transaction");
    let light = LightBlockAnswer {
        light_block: Some(raw::LightBlock {
            signed_header: Some(raw::SignedHeader {
                header: FullBlock::decode(block.clone()).ok().map(|block| block.header().clone()),
                commit: Some(commit.clone()),
            }),
            validator_set: Some(recorded.validators.clone()),
        }),
        next_validators: Some(recorded.validators.clone()),
        consensus_params: None,
    };
    let staged = StagedBlock { position: 1, hash: Bytes::from_static(&[9; 32]) };
    let append = Append { request: Bytes::from_static(&[1, 2, 3, 4]), staged: vec![staged.clone(), staged] };
    let snapshot = Snapshot {
        height: 100,
        format: 1,
        chunks: 3,
        hash: Bytes::from_static(&[3; 32]),
        metadata: Bytes::from_static(b"metadata"),
    };
    let chunk = ChunkRequest { height: 100, format: 1, index: 2 };
    let key = recorded.validators.validators[0].pub_key.clone();
    let mut seeds = vec![];
    let mut push = |number: u8, bytes: Vec<u8>| seeds.push([&[number], &bytes[..]].concat());
    for body in [ConsensusBody::Vote(vote.clone()), ConsensusBody::Standing(Standing { height: 9, base: 2 })] {
        push(0, Consensus { body: Some(body) }.encode_to_vec());
    }
    let opaque = Bytes::from_static(&[0, 1, 0, 20]);
    let calls = [RaftCall::Append(append), RaftCall::Vote(opaque.clone()), RaftCall::Snapshot(opaque)];
    for call in calls.into_iter().chain([RaftCall::Stage(block.clone())]) {
        push(1, RaftRequest { call: Some(call) }.encode_to_vec());
    }
    let address = Bytes::copy_from_slice(&vote.validator_address);
    for call in [
        SyncCall::Block(5),
        SyncCall::LastVote(address),
        SyncCall::Snapshots(()),
        SyncCall::Chunk(chunk),
        SyncCall::LightBlock(u64::MAX),
    ] {
        push(2, SyncRequest { call: Some(call) }.encode_to_vec());
    }
    push(3, BlockAnswer { block, commit: Some(commit) }.encode_to_vec());
    push(4, Txs { txs: vec![tx.clone(), Bytes::new(), tx] }.encode_to_vec());
    push(5, Binding { key, signature: Bytes::from_static(&[5; 64]) }.encode_to_vec());
    push(6, LastVoteAnswer { vote: Some(vote), height: 8 }.encode_to_vec());
    push(7, SnapshotsAnswer { snapshots: vec![snapshot.clone(), snapshot] }.encode_to_vec());
    push(8, ChunkAnswer { chunk: Bytes::from_static(b"chunk") }.encode_to_vec());
    push(9, light.encode_to_vec());
    seeds
}

/// Reads a message; written again it is read as the same.
fn back<M: Message + Default + PartialEq>(features: &mut Features, name: &str, raw: &Bytes) -> Option<M> {
    match M::decode(raw.clone()) {
        Ok(message) => {
            let bytes = message.encode_to_vec();
            let again = M::decode(bytes.as_slice()).unwrap_or_else(|error| panic!("our own {name}: {error}"));
            assert!(again == message, "another {name} comes back");
            assert!(again.encode_to_vec() == bytes, "a second encoding of {name}");
            features.note(name);
            Some(message)
        }
        Err(error) => {
            // The path to the field is in the text; numbers are not.
            features.outcome(name, 0, "", &error.to_string());
            None
        }
    }
}

/// A message of the engine, with what is inside read as the engine does.
pub fn raft_wire(input: &[u8]) -> Features {
    let mut features = Features::default();
    let Some((number, raw)) = input.split_first() else { return features };
    let raw = Bytes::copy_from_slice(raw);
    let f = &mut features;
    match number % 10 {
        0 => match back::<Consensus>(f, "Consensus", &raw).and_then(|message| message.body) {
            Some(ConsensusBody::Vote(vote)) => read_vote(f, &vote),
            body => f.note(format!("standing {}", body.is_some())),
        },
        1 => match back::<RaftRequest>(f, "RaftRequest", &raw).and_then(|message| message.call) {
            Some(RaftCall::Append(append)) => f.note(format!("append {}", append.staged.len().min(3))),
            Some(RaftCall::Stage(block)) => read_block(f, block),
            call => f.note(format!("call {}", call.is_some())),
        },
        2 => {
            let call = back::<SyncRequest>(f, "SyncRequest", &raw).and_then(|message| message.call);
            f.note(format!("{call:?}").chars().take_while(char::is_ascii_alphabetic).collect::<String>());
            if let Some(SyncCall::Snapshots(())) = call {
                f.note("all");
            }
        }
        3 => {
            if let Some(answer) = back::<BlockAnswer>(f, "BlockAnswer", &raw) {
                read_block(f, answer.block);
                answer.commit.iter().for_each(|commit| read_commit(f, commit));
            }
        }
        4 => {
            let txs = back::<Txs>(f, "Txs", &raw).map_or(0, |message| message.txs.len());
            f.note(format!("{} txs", txs.min(4)));
        }
        5 => {
            if let Some(binding) = back::<Binding>(f, "Binding", &raw) {
                let key = key_from_raw(binding.key.as_ref()).map(drop).map_err(|error| error.to_string());
                f.outcome("key", 0, "", &key.err().unwrap_or_default());
            }
        }
        6 => {
            if let Some(vote) = back::<LastVoteAnswer>(f, "LastVoteAnswer", &raw).and_then(|answer| answer.vote) {
                read_vote(f, &vote);
            }
        }
        7 => {
            let listed = back::<SnapshotsAnswer>(f, "SnapshotsAnswer", &raw).map_or(0, |answer| answer.snapshots.len());
            f.note(format!("{} snapshots", listed.min(3)));
        }
        8 => drop(back::<ChunkAnswer>(f, "ChunkAnswer", &raw)),
        _ => {
            if let Some(answer) = back::<LightBlockAnswer>(f, "LightBlockAnswer", &raw) {
                let sets = answer.light_block.and_then(|block| block.validator_set).into_iter();
                for set in sets.chain(answer.next_validators) {
                    let read = ValidatorSet::from_raw(&set).map(drop).map_err(|error| error.to_string());
                    f.outcome("set", 0, "", &read.err().unwrap_or_default());
                }
            }
        }
    }
    features
}

fn read_vote(features: &mut Features, vote: &raw::Vote) {
    let read = Vote::from_raw(vote).map(|vote| drop(vote.sign_bytes("a"))).map_err(|error| error.to_string());
    features.outcome("vote", 0, "", &read.err().unwrap_or_default());
}

fn read_block(features: &mut Features, block: Bytes) {
    let read = FullBlock::decode(block).map(drop).map_err(|error| error.to_string());
    features.outcome("block", 0, "", &read.err().unwrap_or_default());
}

fn read_commit(features: &mut Features, commit: &raw::Commit) {
    let read = plume_block::require_well_formed(commit).map_err(|error| error.to_string());
    features.outcome("commit", 0, "", &read.err().unwrap_or_default());
}
