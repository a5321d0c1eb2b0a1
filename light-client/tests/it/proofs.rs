//! Proofs that a real chain gave, and forgeries of them.

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, NonExistenceProof};
use plume_light_client::rpc::{self, QueryAnswer};
use plume_light_client::{APP_PROOF_OP, ProofError, ProofOp, STORE_PROOF_OP, verify_absence, verify_membership};
use prost::Message;
use serde_json::Value;

use crate::recorded::recorded;

const PROOFS: &str = include_str!("../data/proofs.jsonl");

struct Case {
    store: String,
    key: Vec<u8>,
    answer: QueryAnswer,
    app_hash: Vec<u8>,
}

impl Case {
    fn verify(&self, ops: &[ProofOp]) -> Result<(), ProofError> {
        if self.answer.value.is_empty() {
            verify_absence(&self.app_hash, &self.store, &self.key, ops)
        } else {
            verify_membership(&self.app_hash, &self.store, &self.key, &self.answer.value, ops)
        }
    }
}

/// A balance, one that nobody holds, both of height 59; and the balance at height 1.
fn cases() -> Vec<Case> {
    let headers = recorded();
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("recorded JSON");
        let answer = rpc::query(&line["answer"]).expect("an answer");
        // The header of the next height has the hash of the state.
        let header = rpc::signed_header(&headers[usize::try_from(answer.height).unwrap()].commit).unwrap().header;
        Case {
            store: line["store"].as_str().unwrap().to_owned(),
            key: hex::decode(line["key"].as_str().unwrap()).unwrap(),
            answer,
            app_hash: header.app_hash.as_bytes().to_vec(),
        }
    };
    PROOFS.lines().map(case).collect()
}

fn decode(op: &ProofOp) -> CommitmentProof {
    CommitmentProof::decode(op.data.as_slice()).unwrap()
}

fn existence(op: &ProofOp) -> ExistenceProof {
    match decode(op).proof {
        Some(Proof::Exist(exist)) => exist,
        other => panic!("{other:?}"),
    }
}

fn absence(op: &ProofOp) -> NonExistenceProof {
    match decode(op).proof {
        Some(Proof::Nonexist(absent)) => absent,
        other => panic!("{other:?}"),
    }
}

fn with(op: &ProofOp, proof: Proof) -> ProofOp {
    ProofOp { data: CommitmentProof { proof: Some(proof) }.encode_to_vec(), ..op.clone() }
}

#[test]
fn recorded_values_and_absence_are_proved() {
    let cases = cases();
    assert_eq!(cases.iter().map(|case| case.answer.height).collect::<Vec<_>>(), [59, 59, 1]);
    assert_eq!(cases.iter().map(|case| case.answer.value.is_empty()).collect::<Vec<_>>(), [false, true, false]);
    for case in &cases {
        assert_eq!((&case.answer.key, case.answer.code), (&case.key, 0));
        assert_eq!(case.verify(&case.answer.proof), Ok(()));
    }
}

#[test]
fn every_changed_bit_of_a_proof_is_noticed() {
    for case in cases() {
        for step in 0..2 {
            for place in 0..case.answer.proof[step].data.len() {
                let mut ops = case.answer.proof.clone();
                ops[step].data[place] ^= 1 << (place % 8);
                assert!(case.verify(&ops).is_err(), "step {step}, byte {place}");
            }
        }
    }
}

#[test]
fn a_proof_proves_its_own_value_key_store_and_state_only() {
    let cases = cases();
    let (held, missing, old) = (&cases[0], &cases[1], &cases[2]);
    let ops = &held.answer.proof;
    let (hash, key, value) = (&held.app_hash, &held.key, &held.answer.value);
    assert_eq!(
        verify_membership(hash, "bank", key, b"1", ops),
        Err(ProofError::Value { step: STORE_PROOF_OP, proved: hex::encode(value), claimed: hex::encode(b"1") })
    );
    assert_eq!(verify_membership(hash, "bank", key, b"", ops), Err(ProofError::EmptyValue));
    assert_eq!(
        verify_membership(hash, "bank", &missing.key, value, ops),
        Err(ProofError::Key { step: STORE_PROOF_OP, expected: hex::encode(&missing.key), found: hex::encode(key) })
    );
    assert_eq!(
        verify_membership(hash, "acc", key, value, ops),
        Err(ProofError::Key { step: APP_PROOF_OP, expected: hex::encode("acc"), found: hex::encode("bank") })
    );
    assert!(matches!(
        verify_membership(&old.app_hash, "bank", key, value, ops),
        Err(ProofError::Root { step: APP_PROOF_OP, expected, .. }) if expected == hex::encode_upper(&old.app_hash)
    ));
    // What was true then is not true now.
    let mixed = [old.answer.proof[0].clone(), ops[1].clone()];
    let error = verify_membership(hash, "bank", key, &old.answer.value, &mixed).unwrap_err();
    assert!(matches!(&error, ProofError::Root { step: STORE_PROOF_OP, .. }), "{error:?}");
    assert_eq!(
        verify_absence(hash, "bank", key, ops),
        Err(ProofError::Kind { step: STORE_PROOF_OP, expected: "absence", found: "existence" })
    );
    assert_eq!(
        verify_membership(hash, "bank", &missing.key, b"1", &missing.answer.proof),
        Err(ProofError::Kind { step: STORE_PROOF_OP, expected: "existence", found: "absence" })
    );
}

#[test]
fn a_proof_has_two_steps_in_order() {
    let case = &cases()[0];
    let [store, app] = [case.answer.proof[0].clone(), case.answer.proof[1].clone()];
    assert_eq!(case.verify(&[]), Err(ProofError::StepCount { found: 0 }));
    assert_eq!(case.verify(std::slice::from_ref(&store)), Err(ProofError::StepCount { found: 1 }));
    assert_eq!(case.verify(&[store.clone(), app.clone(), app.clone()]), Err(ProofError::StepCount { found: 3 }));
    assert_eq!(
        case.verify(&[app.clone(), store.clone()]),
        Err(ProofError::StepType { expected: STORE_PROOF_OP, found: APP_PROOF_OP.to_owned() })
    );
    let large = ProofOp { data: vec![0; plume_light_client::MAX_PROOF_BYTES + 1], ..store.clone() };
    let size = large.data.len();
    assert_eq!(case.verify(&[large, app.clone()]), Err(ProofError::TooLarge { step: STORE_PROOF_OP, size }));
    let nothing = ProofOp { data: Vec::new(), ..store };
    assert_eq!(
        case.verify(&[nothing, app]),
        Err(ProofError::Kind { step: STORE_PROOF_OP, expected: "existence", found: "nothing" })
    );
}

#[test]
fn only_the_shape_of_the_chains_trees_is_accepted() {
    let case = &cases()[0];
    let [store, app] = [&case.answer.proof[0], &case.answer.proof[1]];
    let forged = |change: &dyn Fn(&mut ExistenceProof)| {
        let mut exist = existence(store);
        change(&mut exist);
        case.verify(&[with(store, Proof::Exist(exist)), app.clone()]).unwrap_err()
    };
    let deep = forged(&|exist| exist.path = vec![exist.path[0].clone(); 257]);
    assert_eq!(deep, ProofError::TooDeep { step: STORE_PROOF_OP, depth: 257, max: 256 });
    let no_leaf = forged(&|exist| exist.leaf = None);
    assert!(matches!(&no_leaf, ProofError::Malformed { reason, .. } if reason.contains("leaf")), "{no_leaf:?}");
    let no_hash = forged(&|exist| exist.leaf.as_mut().unwrap().prehash_value = 0);
    assert!(matches!(&no_hash, ProofError::Malformed { .. }), "{no_hash:?}");
    for change in [0, 1, 2] {
        let error = forged(&|exist| match change {
            0 => exist.path[1].suffix.push(0),
            1 => exist.path[1].prefix.truncate(15),
            _ => exist.path[1].hash = 0,
        });
        assert!(
            matches!(&error, ProofError::Malformed { reason, .. } if reason == "node 1 of its path is not of the specification"),
            "{error:?}"
        );
    }
    // A store's root is a hash; a shorter one would not even be in the app hash.
    let mut short = existence(app);
    short.value.truncate(31);
    let error = case.verify(&[store.clone(), with(app, Proof::Exist(short))]).unwrap_err();
    assert!(matches!(error, ProofError::Root { step: APP_PROOF_OP, .. }), "{error:?}");
}

#[test]
fn absence_is_not_proved_by_records_that_are_no_neighbours() {
    let cases = cases();
    let (held, missing) = (&cases[0], &cases[1]);
    let [store, app] = [&missing.answer.proof[0], &missing.answer.proof[1]];
    let honest = absence(store);
    let claim = |key: &[u8], absent: NonExistenceProof| {
        let op = ProofOp { key: key.to_vec(), ..with(store, Proof::Nonexist(absent)) };
        verify_absence(&missing.app_hash, "bank", key, &[op, app.clone()])
    };
    assert_eq!(claim(&missing.key, honest.clone()), Ok(()));
    // The neighbours' own keys are there.
    for neighbour in [&honest.left, &honest.right].into_iter().flatten() {
        let key = neighbour.key.clone();
        let absent = NonExistenceProof { key: key.clone(), ..honest.clone() };
        assert_eq!(claim(&key, absent), Err(ProofError::NotNeighbours { key: hex::encode(&key) }));
    }
    // One side left out, or the two exchanged, or the same twice.
    let (left, right) = (honest.left.clone(), honest.right.clone());
    for (left, right) in [(left.clone(), None), (None, right.clone()), (right.clone(), left.clone())] {
        let absent = NonExistenceProof { key: missing.key.clone(), left, right };
        assert!(matches!(
            claim(&missing.key, absent),
            Err(ProofError::NotNeighbours { .. } | ProofError::Malformed { .. })
        ));
    }
    let absent = NonExistenceProof { key: missing.key.clone(), left: left.clone(), right: left };
    let error = claim(&missing.key, absent).unwrap_err();
    assert!(matches!(&error, ProofError::Malformed { reason, .. } if reason.contains("do not part")), "{error:?}");
    let absent = NonExistenceProof { key: missing.key.clone(), left: None, right: None };
    let error = claim(&missing.key, absent).unwrap_err();
    assert!(matches!(&error, ProofError::Malformed { reason, .. } if reason.contains("no neighbour")), "{error:?}");
    // A record that is there, with neighbours that are not its own.
    let absent = NonExistenceProof { key: held.key.clone(), ..honest };
    assert!(claim(&held.key, absent).is_err());
}
