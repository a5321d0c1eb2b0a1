use std::collections::BTreeMap;

use plume_wal::FaultyDisk;
use prost::Message as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tendermint_proto::google::protobuf::Timestamp as RawTime;
use tendermint_proto::v0_38::types::{CanonicalBlockId, CanonicalPartSetHeader, CanonicalVote};

use super::*;

/// Written by CometBFT 0.38.25 after 52 blocks, and the seed of its key.
const COMETBFT_FILE: &str = r#"{
  "height": "52",
  "round": 0,
  "step": 3,
  "signature": "VtOJj0xlnZzEAzu9fzqKrgeyAbn7uzqWqKo77TL4pVBkXc6TRjkl4YHZ3BJQvbumYhEnGCMxaBgkUYjD0GVhAg==",
  "signbytes": "76080211340000000000000022480A2025B21E83FE7792107AB346DA1276DC5BEB74BA72EC910BFC6D116B59424305D5122408011220657911E43ABBE8C40BB967ADA9A12F170E0AD533AA136FA9EDBBA96B2225F3B42A0C08CBBE86D80610C1D8F9F8013211746573742D636861696E2D776D306B3965"
}"#;
const COMETBFT_CHAIN: &str = "test-chain-wm0k9e";
const COMETBFT_SEED: &str = "289f456882e600033ec51cff59c76e0a9736163d9327c55175bee40a0b76c676";
const CHAIN: &str = "plume-1";

fn path() -> &'static Path {
    Path::new("/home/data/priv_validator_state.json")
}

fn key() -> KeyPair {
    KeyPair::from_seed([7; 32])
}

fn new_disk(seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed);
    disk.create_dir_all(Path::new("/home/data")).expect("folder");
    SignState::create_missing(&disk, path()).expect("a new record");
    disk
}

fn open(disk: &FaultyDisk) -> SignState {
    SignState::open(Arc::new(disk.clone()), path()).expect("opens")
}

fn put(disk: &FaultyDisk, text: &[u8]) {
    atomic_write(disk, path(), text).expect("written");
}

/// Sign bytes of a precommit; block 0 is nil.
fn vote_bytes(height: i64, round: i64, block: u8, seconds: i64) -> Vec<u8> {
    vote(height, round, block, seconds).encode_length_delimited_to_vec()
}

fn vote(height: i64, round: i64, block: u8, seconds: i64) -> CanonicalVote {
    CanonicalVote {
        r#type: 2,
        height,
        round,
        block_id: (block > 0).then(|| CanonicalBlockId {
            hash: vec![block; 32],
            part_set_header: Some(CanonicalPartSetHeader { total: 1, hash: vec![block; 32] }),
        }),
        timestamp: Some(RawTime { seconds, nanos: 5 }),
        chain_id: CHAIN.to_owned(),
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::new(seconds, 5).expect("in range")
}

#[test]
fn a_file_that_cometbft_wrote_is_read_and_written_back_byte_for_byte() {
    let disk = new_disk(1);
    put(&disk, COMETBFT_FILE.as_bytes());
    let mut state = open(&disk);
    assert_eq!(state.last(), Position { height: 52, round: 0, step: Step::Precommit });
    let seed: [u8; 32] = hex::decode(COMETBFT_SEED).expect("hex").try_into().expect("32 bytes");
    let key = KeyPair::from_seed(seed);
    let (signature, sign_bytes) = state.last_signature().expect("signed");
    let (signature, sign_bytes) = (signature, sign_bytes.to_vec());
    assert_eq!(key.sign(&sign_bytes), signature, "Go's signature is ours");
    let signed = state.sign_precommit(&key, &sign_bytes).expect("the same vote again");
    assert_eq!(signed.signature, signature);
    assert_eq!(signed.timestamp.to_string(), "2026-11-21T13:40:27.522087489Z");
    assert!(signed.reused);

    let mut later = CanonicalVote::decode_length_delimited(sign_bytes.as_slice()).expect("a vote");
    later.timestamp = Some(RawTime { seconds: 1_900_000_000, nanos: 0 });
    assert_eq!(state.sign_precommit(&key, &later.encode_length_delimited_to_vec()).expect("other time"), signed);
    assert_eq!(String::from_utf8(disk.read(path()).expect("read")).expect("text"), COMETBFT_FILE);

    // Our own write of the same record is the same file.
    let fresh = new_disk(2);
    open(&fresh).raise(&key, COMETBFT_CHAIN, &sign_bytes, &signature).expect("adopted");
    assert_eq!(String::from_utf8(fresh.read(path()).expect("read")).expect("text"), COMETBFT_FILE);
}

#[test]
fn regressions_and_conflicts_are_refused_in_cometbfts_words() {
    let disk = new_disk(1);
    let mut state = open(&disk);
    let first = state.sign_precommit(&key(), &vote_bytes(5, 2, 1, 100)).expect("first");
    assert_eq!(first, Signed { signature: key().sign(&vote_bytes(5, 2, 1, 100)), timestamp: time(100), reused: false });
    let before = disk.read(path()).expect("read");
    for (bytes, text) in [
        (vote_bytes(4, 9, 1, 100), "height regression. Got 4, last height 5"),
        (vote_bytes(5, 1, 1, 100), "round regression at height 5. Got 1, last round 2"),
        (vote_bytes(5, 2, 2, 100), "conflicting data"),
        (vote_bytes(5, 2, 0, 100), "conflicting data"),
        (
            { CanonicalVote { chain_id: "other".into(), ..vote(5, 2, 1, 100) }.encode_length_delimited_to_vec() },
            "conflicting data",
        ),
    ] {
        assert_eq!(state.sign_precommit(&key(), &bytes).expect_err(text).to_string(), text);
    }
    assert_eq!(disk.read(path()).expect("read"), before, "refusals write nothing");
    let again = state.sign_precommit(&key(), &vote_bytes(5, 2, 1, 200)).expect("only the time differs");
    assert_eq!(again, Signed { reused: true, ..first });
    assert!(matches!(
        state.sign_precommit(&KeyPair::from_seed([8; 32]), &vote_bytes(5, 2, 1, 200)),
        Err(SignError::ForeignSignature)
    ));
    for bytes in [vote_bytes(5, 3, 2, 100), vote_bytes(6, 0, 2, 50)] {
        assert!(!state.sign_precommit(&key(), &bytes).expect("later").reused);
    }
    assert_eq!(state.last(), Position { height: 6, round: 0, step: Step::Precommit });
}

#[test]
fn cometbfts_steps_before_a_precommit_do_not_hinder_it_and_a_record_without_bytes_does() {
    let disk = new_disk(1);
    put(&disk, br#"{"height":"9","round":1,"step":2}"#);
    let mut state = open(&disk);
    assert!(state.sign_precommit(&key(), &vote_bytes(9, 1, 1, 100)).is_ok());
    drop(state);
    put(&disk, br#"{"height":"9","round":1,"step":3}"#);
    let mut state = open(&disk);
    assert_eq!(state.last_signature(), None);
    assert_eq!(
        state.sign_precommit(&key(), &vote_bytes(9, 1, 1, 100)).expect_err("unknown").to_string(),
        "no SignBytes found"
    );
    assert!(state.sign_precommit(&key(), &vote_bytes(9, 2, 1, 100)).is_ok());
}

#[test]
fn only_canonical_precommits_are_signed() {
    let disk = new_disk(1);
    let mut state = open(&disk);
    let good = vote(5, 0, 1, 100);
    let encode = |vote: CanonicalVote| vote.encode_length_delimited_to_vec();
    let mut unknown_field = encode(good.clone());
    unknown_field.extend_from_slice(&[0x38, 1]);
    unknown_field[0] += 2;
    let mut trailing = encode(good.clone());
    trailing.push(0);
    for (bytes, error) in [
        (Vec::new(), MalformedVote::Encoding),
        (good.encode_to_vec(), MalformedVote::Encoding),
        (unknown_field, MalformedVote::Encoding),
        (trailing, MalformedVote::Encoding),
        (encode(CanonicalVote { r#type: 1, ..good.clone() }), MalformedVote::Type(1)),
        (encode(CanonicalVote { r#type: 32, ..good.clone() }), MalformedVote::Type(32)),
        (encode(vote(0, 0, 1, 100)), MalformedVote::Position { height: 0, round: 0 }),
        (encode(vote(1, -1, 1, 100)), MalformedVote::Position { height: 1, round: -1 }),
        (encode(vote(1, 1 << 31, 1, 100)), MalformedVote::Position { height: 1, round: 1 << 31 }),
        (encode(CanonicalVote { timestamp: None, ..good.clone() }), MalformedVote::Timestamp),
        (encode(vote(1, 0, 1, 253_402_300_800)), MalformedVote::Timestamp),
    ] {
        match state.sign_precommit(&key(), &bytes) {
            Err(SignError::Malformed(found)) => assert_eq!(found, error),
            other => panic!("{error}: {other:?}"),
        }
    }
    assert_eq!(state.last().height, 0);
}

#[test]
fn a_quorums_newer_signature_is_adopted_and_nothing_else_moves_the_record() {
    let disk = new_disk(1);
    let mut state = open(&disk);
    state.sign_precommit(&key(), &vote_bytes(5, 0, 1, 100)).expect("signed");
    let newer = vote_bytes(9, 1, 2, 300);
    let signature = key().sign(&newer);
    let stranger = KeyPair::from_seed([8; 32]).sign(&newer);
    assert!(matches!(state.raise(&key(), CHAIN, &newer, &stranger), Err(SignError::ForeignSignature)));
    assert!(matches!(state.raise(&key(), "plume-2", &newer, &signature), Err(SignError::ForeignSignature)));
    assert_eq!(state.last().height, 5);

    assert!(state.raise(&key(), CHAIN, &newer, &signature).expect("newer"));
    assert!(!state.raise(&key(), CHAIN, &newer, &signature).expect("known"));
    let older = vote_bytes(5, 0, 1, 100);
    assert!(!state.raise(&key(), CHAIN, &older, &key().sign(&older)).expect("older"));
    let other_time = vote_bytes(9, 1, 2, 301);
    assert!(!state.raise(&key(), CHAIN, &other_time, &key().sign(&other_time)).expect("the same vote"));
    drop(state);
    let disk = disk.crash();
    let mut state = open(&disk);
    assert_eq!(state.last(), Position { height: 9, round: 1, step: Step::Precommit }, "durable");
    assert!(matches!(state.sign_precommit(&key(), &vote_bytes(8, 0, 1, 400)), Err(SignError::HeightRegression { .. })));
    let again = state.sign_precommit(&key(), &vote_bytes(9, 1, 2, 400)).expect("the adopted vote");
    assert_eq!((again.signature, again.timestamp), (signature, time(300)));
    let double = vote_bytes(9, 1, 3, 300);
    assert!(matches!(state.raise(&key(), CHAIN, &double, &key().sign(&double)), Err(SignError::Conflict)));
    // Neither of the two is repeated, after a restart either; later rounds are signed.
    drop(state);
    let mut state = open(&disk);
    for bytes in [vote_bytes(9, 1, 2, 300), double] {
        assert!(matches!(state.sign_precommit(&key(), &bytes), Err(SignError::NoSignBytes)));
    }
    assert!(state.sign_precommit(&key(), &vote_bytes(9, 2, 2, 300)).is_ok());
}

#[test]
fn a_missing_locked_or_damaged_record_is_refused() {
    let disk = FaultyDisk::new(1);
    disk.create_dir_all(Path::new("/home/data")).expect("folder");
    let try_open = || SignState::open(Arc::new(disk.clone()), path()).map(|_| ());
    assert!(matches!(try_open(), Err(OpenError::Missing(_))));
    SignState::create_missing(&disk, path()).expect("written");
    let held = open(&disk);
    assert!(matches!(try_open(), Err(OpenError::Locked(_))));
    assert!(matches!(SignState::create_missing(&disk, path()), Err(OpenError::Locked(_))));
    drop(held);
    put(&disk, b"{\"height\": \"3\"");
    assert!(matches!(try_open(), Err(OpenError::Contents { .. })));
    SignState::create_missing(&disk, path()).expect("leaves it alone");
    assert_eq!(disk.read(path()).expect("read"), b"{\"height\": \"3\"");
}

#[test]
fn a_failed_write_returns_no_signature_and_ends_signing_in_this_process() {
    for fault in 0..3 {
        let disk = new_disk(fault);
        let mut state = open(&disk);
        match fault {
            0 | 1 => disk.fail_sync(fault + 1),
            _ => disk.set_capacity(Some(disk.used() + 10)),
        }
        assert!(matches!(state.sign_precommit(&key(), &vote_bytes(5, 0, 1, 1)), Err(SignError::Poisoned(_))));
        disk.set_capacity(None);
        assert!(matches!(state.sign_precommit(&key(), &vote_bytes(6, 0, 1, 1)), Err(SignError::Poisoned(_))));
        let newer = vote_bytes(7, 0, 1, 1);
        assert!(matches!(state.raise(&key(), CHAIN, &newer, &key().sign(&newer)), Err(SignError::Poisoned(_))));
        drop(state);
        assert!(open(&disk).sign_precommit(&key(), &vote_bytes(6, 0, 1, 1)).is_ok(), "a new process may");
    }
}

/// A write whose last sync failed is still what the next process reads; it may give out the stored signature only if
/// no power loss can take the record back.
#[test]
fn a_signature_read_after_a_failed_sync_is_made_durable_before_it_leaves() {
    for seed in 0..20 {
        let disk = new_disk(seed);
        let mut state = open(&disk);
        disk.fail_sync(2);
        assert!(state.sign_precommit(&key(), &vote_bytes(5, 0, 1, 1)).is_err());
        drop(state);
        let mut state = open(&disk);
        assert!(state.sign_precommit(&key(), &vote_bytes(5, 0, 1, 2)).expect("it was written").reused);
        drop(state);
        let refused = open(&disk.crash()).sign_precommit(&key(), &vote_bytes(5, 0, 2, 3));
        assert!(matches!(refused, Err(SignError::Conflict)), "seed {seed}: {refused:?}");
    }
}

/// The signatures that left the validator, by height and round.
#[derive(Default)]
struct Outside {
    seen: BTreeMap<(i64, i64), (Vec<u8>, [u8; 64])>,
    signed: usize,
    reused: usize,
}

impl Outside {
    /// A signature leaves: whatever the guard returned must be the only one of its height and round.
    fn receive(&mut self, context: &str, height: i64, round: i64, block: u8, signed: &Signed) {
        let bytes = vote_bytes(height, round, block, signed.timestamp.seconds());
        assert!(key().verify(&bytes, &signed.signature), "{context}: signature is not of the vote and time returned");
        *(if signed.reused { &mut self.reused } else { &mut self.signed }) += 1;
        let known = self.seen.entry((height, round)).or_insert_with(|| (bytes.clone(), signed.signature));
        assert_eq!(known, &(bytes, signed.signature), "{context}: two signatures for ({height}, {round})");
    }
}

/// Random requests, with a crash at a random step of the write, failing syncs, full disks, restarts with and without
/// loss of power, and old backups followed by what the network knows.
#[test]
fn never_two_signatures_for_one_height_and_round() {
    let mut totals = (0, 0, 0);
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut disk = new_disk(seed);
        let mut state = open(&disk);
        let mut outside = Outside::default();
        let mut backup = disk.read(path()).expect("read");
        let mut height = 1;
        for step in 0..200 {
            let context = format!("seed {seed} step {step}");
            match random.gen_range(0..12) {
                0 => disk.crash_after(random.gen_range(0..6)),
                1 => disk.fail_sync(random.gen_range(1..4)),
                2 => disk.set_capacity(Some(disk.used() + random.gen_range(0..400))),
                3 => {
                    disk = disk.crash();
                    state = open(&disk);
                }
                4 => {
                    // The process ends and starts again, the machine stays up unless a fault hinders it.
                    drop(state);
                    disk.set_capacity(None);
                    state = match SignState::open(Arc::new(disk.clone()), path()) {
                        Ok(state) => state,
                        Err(_) => {
                            disk = disk.crash();
                            open(&disk)
                        }
                    };
                }
                5 => backup = disk.read(path()).unwrap_or(backup),
                6 => {
                    disk = disk.crash();
                    put(&disk, &backup);
                    state = open(&disk);
                    if let Some((bytes, signature)) = outside.seen.values().next_back() {
                        // A backup can hold a signature that was written but never left: then it is disputed.
                        let raised = state.raise(&key(), CHAIN, bytes, signature);
                        assert!(matches!(raised, Ok(_) | Err(SignError::Conflict)), "{context}: {raised:?}");
                    }
                }
                _ => {}
            }
            height = (height + random.gen_range(-1..=1)).max(1);
            let (round, block) = (random.gen_range(0..2), random.gen_range(0..3));
            match state.sign_precommit(&key(), &vote_bytes(height, round, block, random.gen_range(1..1000))) {
                Ok(signed) => outside.receive(&context, height, round, block, &signed),
                Err(SignError::Malformed(error)) => panic!("{context}: {error}"),
                Err(_) => {}
            }
        }
        totals = (totals.0 + outside.signed, totals.1 + outside.reused, totals.2 + outside.seen.len());
    }
    assert!(totals.0 > 500 && totals.1 > 100 && totals.2 > 500, "the attack signs and repeats: {totals:?}");
}

/// Every step of one write, with every way a crash can leave the disk: the vote signed after the restart is the one
/// that left before, if one did.
#[test]
fn a_crash_at_each_step_of_a_signature_leaves_one_vote() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..50 {
        for step in 0..7 {
            let disk = new_disk(seed);
            let mut state = open(&disk);
            state.sign_precommit(&key(), &vote_bytes(1, 0, 1, 1)).expect("signed");
            disk.crash_after(step);
            let left = state.sign_precommit(&key(), &vote_bytes(2, 0, 1, 10)).ok();
            let after = disk.crash();
            match (left, open(&after).sign_precommit(&key(), &vote_bytes(2, 0, 2, 20))) {
                (Some(_), Ok(_)) => panic!("seed {seed} step {step}: a second vote was signed"),
                (None, Ok(_)) => lost += 1,
                (_, Err(SignError::Conflict)) => kept += 1,
                (_, Err(error)) => panic!("seed {seed} step {step}: {error}"),
            }
        }
    }
    assert!(lost > 50 && kept > 50, "lost {lost} kept {kept}");
}
