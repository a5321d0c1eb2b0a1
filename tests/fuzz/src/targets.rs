//! The targets: each panics when what it tests does something wrong.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use plume_chain::Chain;
use plume_codec::{NonCritical, amino_json, from_json, reject_unknown, require_deterministic_tx_raw, signers, to_json};
use plume_cometbft::frame::{FrameError, put_frame, take_frame};
use plume_cometbft::{ListenAddress, Server, ServerOptions};
use plume_engine::{
    Block, CheckKind, CommitInfo, Executor, Misbehaviour, MisbehaviourKind, Proposal, Reader, Validator, Verdict,
    VoteFlag, VoteInfo,
};
use plume_primitives::{Height, Timestamp};
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, TxBody, TxRaw};
use plume_proto::tendermint::abci::{self, Request, Response, response};
use plume_proto::{Message, prost};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{
    Features, peers, seeds, snapshots, tendermint, texts,
    world::{self, World, with_world},
};

/// What a target's inputs look like, so that mutation can keep their shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A `TxRaw`.
    Tx,
    /// A `RequestFinalizeBlock`.
    Block,
    /// Length-prefixed ABCI requests.
    Frames,
    /// What to feed, one byte, then a chunk or metadata of a state snapshot.
    Snapshot,
    /// Text.
    Text,
    /// Frames of the transport between nodes.
    P2p,
    /// A Tendermint block, vote, validator set or state.
    Tendermint,
    /// Which message, one byte, then a message of the Raft engine.
    Wire,
}

/// A function under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Shape of its inputs.
    pub kind: Kind,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Feeds one input.
    pub run: fn(&[u8]) -> Features,
}

/// All targets.
pub const TARGETS: [Target; 13] = [
    Target { name: "check_tx", kind: Kind::Tx, seeds: seeds::transactions, run: check_tx },
    Target { name: "process_proposal", kind: Kind::Block, seeds: seeds::blocks, run: process_proposal },
    Target { name: "finalize_block", kind: Kind::Block, seeds: seeds::blocks, run: finalize_block },
    Target { name: "abci_frames", kind: Kind::Frames, seeds: seeds::frames, run: abci_frames },
    Target { name: "abci_server", kind: Kind::Frames, seeds: seeds::frames, run: abci_server },
    Target { name: "tx_decoder", kind: Kind::Tx, seeds: seeds::transactions, run: tx_decoder },
    Target { name: "snapshots", kind: Kind::Snapshot, seeds: snapshots::seeds, run: snapshots::snapshots },
    Target { name: "rpc_requests", kind: Kind::Text, seeds: texts::request_seeds, run: texts::rpc_requests },
    Target { name: "rpc_uri", kind: Kind::Text, seeds: texts::uri_seeds, run: texts::rpc_uri },
    Target { name: "event_query", kind: Kind::Text, seeds: texts::query_seeds, run: texts::event_query },
    Target { name: "p2p_frames", kind: Kind::P2p, seeds: peers::frame_seeds, run: peers::p2p_frames },
    Target { name: "blocks", kind: Kind::Tendermint, seeds: tendermint::seeds, run: tendermint::blocks },
    Target { name: "raft_wire", kind: Kind::Wire, seeds: peers::wire_seeds, run: peers::raft_wire },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Code of a caught panic.
const PANIC_CODE: u32 = 111_222;

fn require_no_panic(code: u32, log: &str) {
    assert_ne!(code, PANIC_CODE, "a panic became a result: {log}");
}

/// A transaction at the mempool's door: new, again, and simulated.
pub fn check_tx(input: &[u8]) -> Features {
    let tx = Bytes::copy_from_slice(input);
    let mut features = Features::default();
    with_world(|world| {
        let outcome = world.reader.check_tx(&tx, CheckKind::New);
        require_no_panic(outcome.code, &outcome.log);
        features.outcome("check", outcome.code, &outcome.codespace, &outcome.log);
        let again = world.reader.check_tx(&tx, CheckKind::Recheck);
        require_no_panic(again.code, &again.log);
        features.outcome("recheck", again.code, &again.codespace, &again.log);
        match world.reader.simulate(&tx) {
            Ok(simulated) => features.note(format!("simulated {}", simulated.events.len())),
            Err(error) => features.outcome("simulate", 0, "", &error.to_string()),
        }
        if outcome.code == 0 {
            world.commit_empty(); // or its sequence would be taken for the next input
        }
    });
    features
}

/// A proposal from another validator; and what we would propose of the same transactions must be accepted.
pub fn process_proposal(input: &[u8]) -> Features {
    let mut features = Features::default();
    with_world(|world| {
        let proposal = proposal(world, input);
        match world.chain.process(&proposal).expect("a proposal is judged, not fatal") {
            Verdict::Accept => features.note("accept"),
            Verdict::Reject(reason) => features.outcome("reject", 0, "", &reason),
        }
        world.chain.discard_uncommitted();
        let limit = 200 + u64::from(Sha256::digest(input)[0]) * 64;
        let asked = Proposal { max_tx_bytes: Some(limit), hash: Bytes::new(), ..proposal.clone() };
        let chosen = world.chain.prepare(asked).expect("choosing is not fatal");
        features.note(format!("chosen {}", chosen.len().min(8)));
        // Each counts one byte for its field, its length's length, and itself.
        let size: usize = chosen.iter().map(|tx| 1 + prost::length_delimiter_len(tx.len()) + tx.len()).sum();
        assert!(size as u64 <= limit, "{size} bytes chosen, {limit} allowed");
        let ours = Proposal { txs: chosen, hash: Bytes::from_static(b"ours"), ..proposal };
        let verdict = world.chain.process(&ours).expect("a proposal is judged, not fatal");
        assert_eq!(verdict, Verdict::Accept, "our own proposal is refused");
        world.chain.discard_uncommitted();
    });
    features
}

/// A decided block: executed, executed again, executed before its decision; always the same.
pub fn finalize_block(input: &[u8]) -> Features {
    let mut features = Features::default();
    with_world(|world| {
        let proposal = proposal(world, input);
        let block = Block::from(&proposal);
        let outcome = world.chain.finalize(&block).expect("a block is never fatal");
        assert_eq!(outcome.tx_results.len(), block.txs.len());
        for result in &outcome.tx_results {
            require_no_panic(result.code, &result.log);
            features.outcome("result", result.code, &result.codespace, &result.log);
        }
        world.chain.discard_uncommitted();
        assert!(world.chain.finalize(&block).expect("as before") == outcome, "a second execution differs");
        world.chain.discard_uncommitted();
        if world.chain.process(&proposal).expect("judged") == Verdict::Accept {
            features.note("accept");
            world.chain.anticipate(&proposal).expect("executed");
            assert!(world.chain.finalize(&block).expect("as before") == outcome, "the optimistic execution differs");
        }
        world.chain.discard_uncommitted();
    });
    features
}

/// Cuts a byte stream into frames, at once and in pieces; reads the requests.
pub fn abci_frames(input: &[u8]) -> Features {
    const LIMIT: usize = 1 << 20;
    let mut features = Features::default();
    let whole = take_all(&mut BytesMut::from(input), LIMIT);
    // As it arrives from a socket: in pieces whose sizes follow from the input.
    let mut buffer = BytesMut::new();
    let mut pieces = (vec![], Ok(()));
    let mut rest = input;
    let sizes = Sha256::digest(input);
    for size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at((usize::from(*size) + 1).min(rest.len()));
        rest = after;
        buffer.extend_from_slice(piece);
        let (frames, end) = take_all(&mut buffer, LIMIT);
        pieces.0.extend(frames);
        pieces.1 = end;
        if rest.is_empty() || pieces.1.is_err() {
            break;
        }
    }
    assert_eq!(whole, pieces, "frames depend on how they arrive");
    if let Err(error) = whole.1 {
        features.outcome("end", 0, "", &error.to_string());
    }
    for frame in whole.0 {
        match Request::decode(frame.clone()) {
            Ok(request) => {
                let kind = format!("{:?}", request.value);
                features.note(kind.chars().take_while(|letter| *letter != '{').collect::<String>());
                let mut out = BytesMut::new();
                put_frame(&request, &mut out);
                let taken = take_frame(&mut out, usize::MAX).expect("our own frame").expect("complete");
                assert_eq!(Request::decode(taken).expect("our own request"), request);
            }
            Err(error) => features.outcome("request", 0, "", &error.to_string()),
        }
    }
    features
}

fn take_all(buffer: &mut BytesMut, limit: usize) -> (Vec<Bytes>, Result<(), FrameError>) {
    let mut frames = vec![];
    loop {
        match take_frame(buffer, limit) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, Ok(())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

/// A server with a chain that has seen nothing, and what it listens on.
struct Served {
    server: Server<Chain>,
    folder: TempDir,
    uses: u32,
}

/// Connections that one server takes.
const MAX_USES: u32 = 50;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

thread_local! {
    static SERVED: RefCell<Option<Served>> = const { RefCell::new(None) };
}

/// The whole server: whatever arrives, every answer is a response and the connection ends.
pub fn abci_server(input: &[u8]) -> Features {
    let mut features = Features::default();
    let kept = SERVED.with_borrow_mut(Option::take);
    let mut served =
        kept.filter(|served| served.uses < MAX_USES && served.server.fatal().borrow().is_none()).unwrap_or_else(serve);
    served.uses += 1;
    let mut stream = UnixStream::connect(served.folder.path().join("abci")).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut answers = vec![];
    std::thread::scope(|threads| {
        let mut reading = stream.try_clone().expect("cloned");
        let reader = threads.spawn(move || {
            let mut answers = vec![];
            let ended = reading.read_to_end(&mut answers);
            (answers, ended)
        });
        // The server may close first: what it does not read is lost.
        let _ = stream.write_all(input).and_then(|()| stream.shutdown(Shutdown::Write));
        let (bytes, ended) = reader.join().expect("only reads");
        let timed_out = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "no answer and no end within {PATIENCE:?}");
        answers = bytes;
    });
    let (answers, end) = take_all(&mut BytesMut::from(&answers[..]), usize::MAX);
    end.expect("the server sends frames");
    let (requests, _) = take_all(&mut BytesMut::from(input), usize::MAX);
    assert!(answers.len() <= requests.len() + 1, "{} answers to {} requests", answers.len(), requests.len());
    for answer in answers {
        let answer = Response::decode(answer).expect("the server sends responses");
        match answer.value.expect("of a known kind") {
            response::Value::Exception(exception) => features.outcome("exception", 0, "", &exception.error),
            response::Value::CheckTx(check) => {
                require_no_panic(check.code, &check.log);
                features.outcome("check", check.code, &check.codespace, &check.log);
            }
            response::Value::Query(query) => features.outcome("query", query.code, &query.codespace, &query.log),
            response::Value::FinalizeBlock(block) => {
                for result in block.tx_results {
                    require_no_panic(result.code, &result.log);
                    features.outcome("result", result.code, &result.codespace, &result.log);
                }
            }
            other => {
                features.note(format!("{other:?}").chars().take_while(|letter| *letter != '{').collect::<String>())
            }
        }
    }
    SERVED.with_borrow_mut(|slot| *slot = Some(served));
    features
}

fn serve() -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let address = ListenAddress::Unix(folder.path().join("abci"));
    let options = ServerOptions { max_frame: 4 << 20, ..ServerOptions::default() };
    let server = Server::start(world::unborn(), &address, options).expect("it starts");
    Served { server, folder, uses: 0 }
}

/// A transaction's bytes: every decoder and encoder that reads them before a signature is checked.
pub fn tx_decoder(input: &[u8]) -> Features {
    let mut features = Features::default();
    let note = |features: &mut Features, place: &str, error: Option<String>| {
        features.outcome(place, 0, "", &error.unwrap_or_default());
    };
    let deterministic = require_deterministic_tx_raw(input);
    let known = reject_unknown("cosmos.tx.v1beta1.TxRaw", input, NonCritical::Reject);
    note(&mut features, "027", deterministic.as_ref().err().map(ToString::to_string));
    note(&mut features, "020", known.as_ref().err().map(ToString::to_string));
    let raw = TxRaw::decode(input);
    if let (Ok(()), Ok(_)) = (&deterministic, &known) {
        let raw = raw.as_ref().expect("both checks have read all of it");
        // An empty body or auth info may be written out, as the SDK allows; a transaction without them is refused later.
        let is_whole = !raw.body_bytes.is_empty() && !raw.auth_info_bytes.is_empty();
        assert!(!is_whole || raw.encode_to_vec() == input, "a deterministic encoding is our encoding");
    }
    let Ok(raw) = raw else { return features };
    let body_known = reject_unknown("cosmos.tx.v1beta1.TxBody", &raw.body_bytes, NonCritical::Allow);
    note(&mut features, "body", body_known.err().map(|error| error.to_string()));
    let auth_known = reject_unknown("cosmos.tx.v1beta1.AuthInfo", &raw.auth_info_bytes, NonCritical::Reject);
    note(&mut features, "auth", auth_known.err().map(|error| error.to_string()));
    for (name, bytes) in [("TxBody", &raw.body_bytes), ("AuthInfo", &raw.auth_info_bytes)] {
        let name = format!("cosmos.tx.v1beta1.{name}");
        let json = to_json(&name, bytes);
        if let Ok(json) = &json {
            // JSON shows what a field holds, also what it may not hold; reading checks.
            let Ok(back) = from_json(&name, json) else { continue };
            assert_eq!(to_json(&name, &back).as_ref(), Ok(json), "JSON there and back differs");
        }
        note(&mut features, "json", json.err().map(|error| error.to_string()));
    }
    if let Ok(body) = TxBody::decode(raw.body_bytes.as_slice()) {
        for message in body.messages.iter().take(20) {
            let found = signers(&message.type_url, &message.value);
            note(&mut features, "signers", found.err().map(|error| error.to_string()));
            let json = amino_json(&message.type_url, &message.value);
            note(&mut features, "amino", json.err().map(|error| error.to_string()));
        }
        if let Ok(auth_info) = AuthInfo::decode(raw.auth_info_bytes.as_slice()) {
            let signer = plume_codec::SignerData { chain_id: world::CHAIN_ID, account_number: 1, sequence: 1 };
            let fee = auth_info.fee.unwrap_or_default();
            let doc = plume_codec::sign_doc_amino(&raw.body_bytes, &body, &fee, &signer);
            if let Ok(doc) = &doc {
                serde_json::from_slice::<serde_json::Value>(doc).expect("amino sign bytes are JSON");
            }
            note(&mut features, "doc", doc.err().map(|error| error.to_string()));
        }
    }
    features
}

/// Reads a block; what is not one becomes a block of one transaction.
fn proposal(world: &World, input: &[u8]) -> Proposal {
    let request = abci::RequestFinalizeBlock::decode(input).unwrap_or_else(|_| abci::RequestFinalizeBlock {
        txs: vec![Bytes::copy_from_slice(input)],
        ..Default::default()
    });
    let votes = request.decided_last_commit.iter().flat_map(|commit| &commit.votes).map(|vote| VoteInfo {
        validator: validator(vote.validator.as_ref()),
        flag: match vote.block_id_flag {
            1 => VoteFlag::Absent,
            2 => VoteFlag::Commit,
            _ => VoteFlag::Nil,
        },
    });
    let misbehaviour = request.misbehavior.iter().map(|found| Misbehaviour {
        kind: match found.r#type {
            1 => MisbehaviourKind::DuplicateVote,
            2 => MisbehaviourKind::LightClientAttack,
            _ => MisbehaviourKind::Unknown,
        },
        validator: validator(found.validator.as_ref()),
        height: Height(u64::try_from(found.height).unwrap_or(0)),
        time: found
            .time
            .as_ref()
            .and_then(|time| Timestamp::new(time.seconds, u32::try_from(time.nanos).ok()?).ok())
            .unwrap_or_default(),
        total_power: found.total_voting_power,
    });
    let proposal = world.blocks.clone().proposal(request.txs);
    Proposal {
        hash: Bytes::copy_from_slice(&Sha256::digest(input)),
        last_commit: CommitInfo {
            round: request.decided_last_commit.as_ref().map_or(0, |commit| commit.round),
            votes: votes.collect(),
        },
        misbehaviour: misbehaviour.collect(),
        next_validators_hash: request.next_validators_hash,
        proposer: request.proposer_address,
        ..proposal
    }
}

fn validator(found: Option<&abci::Validator>) -> Validator {
    found.map_or_else(Validator::default, |found| Validator { address: found.address.clone(), power: found.power })
}
