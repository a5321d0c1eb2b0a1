//! Roots and proofs: against the `jmt` crate, and under the `ics23` crate.

use std::collections::BTreeMap;

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, HostFunctionsManager, verify_membership, verify_non_membership};
use jmt::mock::MockTreeStore;
use jmt::{KeyHash, Sha256Jmt};
use plume_state::{SENTINEL_KEY, SENTINEL_VALUE, State, StateProof, Store, app_proof_spec, sha256, store_proof_spec};
use proptest::prelude::*;
use prost::Message;

use crate::world::{ACC, BANK, Contents, LOCAL, UPGRADE, commit, new_state, write};

/// One block's writes to one store.
type Block = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few distinct keys, so that histories insert, update and delete the same ones.
    (0_u16..60).prop_map(|n| [b"k".as_slice(), &n.to_be_bytes()].concat())
}

fn block() -> impl Strategy<Value = Block> {
    let value = proptest::option::weighted(0.6, proptest::collection::vec(any::<u8>(), 1..50));
    proptest::collection::btree_map(key(), value, 0..40)
}

/// The reference tree, version by version.
#[derive(Default)]
struct Reference {
    store: MockTreeStore,
    version: u64,
    live: Contents,
}

impl Reference {
    fn apply(&mut self, block: &Block) -> [u8; 32] {
        let tree = Sha256Jmt::new(&self.store);
        let mut writes: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
        if self.version == 0 {
            writes.insert(SENTINEL_KEY.to_vec(), Some(SENTINEL_VALUE.to_vec()));
        }
        for (key, value) in block {
            match value {
                Some(value) => {
                    self.live.insert(key.clone(), value.clone());
                }
                None => {
                    if self.live.remove(key).is_none() {
                        continue;
                    }
                }
            }
            writes.insert(key.clone(), value.clone());
        }
        let (root, batch) = tree
            .put_value_set(
                writes.into_iter().map(|(key, value)| {
                    let hash = KeyHash::with::<sha2::Sha256>(&key);
                    self.store.put_key_preimage(hash, &key);
                    (hash, value)
                }),
                self.version,
            )
            .unwrap();
        self.store.write_tree_update_batch(batch).unwrap();
        self.version += 1;
        root.0
    }
}

fn store_root(state: &State, store: Store) -> [u8; 32] {
    state.reader().prove(store, SENTINEL_KEY, state.height()).unwrap().store_root
}

/// Both levels of a proof, as a stranger checks them who knows the app hash, the store's name and the key.
fn verifies(proof: &StateProof, app_hash: &[u8; 32], store: Store, key: &[u8], value: Option<&[u8]>) -> bool {
    // What travels is the operations.
    let store_proof = CommitmentProof::decode(proof.ops[0].data.as_slice()).unwrap();
    let app_proof = CommitmentProof::decode(proof.ops[1].data.as_slice()).unwrap();
    let root = match &app_proof.proof {
        Some(Proof::Exist(exist)) => exist.value.clone(),
        _ => return false,
    };
    let under_root = match value {
        Some(value) => verify_membership::<HostFunctionsManager>(&store_proof, &store_proof_spec(), &root, key, value),
        None => verify_non_membership::<HostFunctionsManager>(&store_proof, &store_proof_spec(), &root, key),
    };
    under_root
        && verify_membership::<HostFunctionsManager>(
            &app_proof,
            &app_proof_spec(),
            &app_hash.to_vec(),
            store.name().as_bytes(),
            &root,
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn roots_and_proofs_are_those_of_jmt_at_every_version(blocks in proptest::collection::vec(block(), 1..6)) {
        let mut state = new_state();
        let mut reference = Reference::default();
        let mut models = Vec::new();
        for block in &blocks {
            let expected = reference.apply(block);
            commit(&mut state, block.iter().map(|(key, value)| write(BANK, key, value.as_deref())));
            prop_assert_eq!(store_root(&state, BANK), expected);
            models.push((state.app_hash(), reference.live.clone()));
        }
        let reader = state.reader();
        let tree = Sha256Jmt::new(&reference.store);
        for (version, (app_hash, model)) in (0_u64..).zip(&models) {
            for n in 0_u16..60 {
                let key = [b"k".as_slice(), &n.to_be_bytes()].concat();
                let ours = reader.prove(BANK, &key, version + 1).unwrap();
                let (value, theirs) = tree.get_with_ics23_proof(key.clone(), version).unwrap();
                prop_assert_eq!(ours.value.as_deref(), value.as_deref());
                prop_assert_eq!(ours.value.as_deref(), model.get(&key).map(Vec::as_slice));
                prop_assert_eq!(&ours.store_proof, &theirs);
                prop_assert_eq!(&ours.app_hash, app_hash);
                prop_assert!(verifies(&ours, app_hash, BANK, &key, value.as_deref()));
            }
        }
    }

    #[test]
    fn the_app_hash_depends_on_content_only(
        first in block(),
        second in block(),
        salt in any::<u64>(),
    ) {
        // The same content by two blocks, by one block, and by one block whose writes come in another order.
        let mut two = new_state();
        commit(&mut two, first.iter().map(|(key, value)| write(BANK, key, value.as_deref())));
        commit(&mut two, second.iter().map(|(key, value)| write(BANK, key, value.as_deref())));
        let mut content = Contents::new();
        for (key, value) in first.iter().chain(&second) {
            match value {
                Some(value) => content.insert(key.clone(), value.clone()),
                None => content.remove(key),
            };
        }
        let mut shuffled: Vec<_> = content.iter().collect();
        shuffled.sort_by_key(|(key, _)| sha256(&[key.as_slice(), &salt.to_be_bytes()].concat()));
        let mut one = new_state();
        commit(&mut one, content.iter().map(|(key, value)| write(BANK, key, Some(value))));
        let mut other = new_state();
        commit(&mut other, shuffled.into_iter().map(|(key, value)| write(BANK, key, Some(value))));
        prop_assert_eq!(one.app_hash(), two.app_hash());
        prop_assert_eq!(one.app_hash(), other.app_hash());
    }
}

/// A state with a few hundred keys in one store, one in another, none in the third.
fn populated() -> State {
    let mut state = new_state();
    let bank = (0_u16..400).map(|n| write(BANK, &n.to_be_bytes(), Some(&[7, (n % 5) as u8])));
    commit(&mut state, bank.chain([write(ACC, b"only", Some(b"one")), write(LOCAL, b"here", Some(b"x"))]));
    state
}

#[test]
fn presence_and_absence_are_provable_in_every_store() {
    let state = populated();
    let (reader, app_hash) = (state.reader(), state.app_hash());
    for (store, key, value) in [
        (BANK, &[0_u8, 5][..], Some(&[7_u8, 0][..])),
        (BANK, b"absent", None),
        (ACC, b"only", Some(b"one")),
        (ACC, b"absent", None),
        (UPGRADE, b"absent", None),
        (UPGRADE, SENTINEL_KEY, Some(SENTINEL_VALUE)),
    ] {
        let proof = reader.prove(store, key, 1).unwrap();
        assert_eq!(proof.value.as_deref(), value, "{store} {key:?}");
        assert_eq!((proof.ops[0].kind, proof.ops[1].kind), ("ics23:jmt", "ics23:simple"));
        assert_eq!((proof.ops[0].key.as_slice(), proof.ops[1].key.as_slice()), (key, store.name().as_bytes()));
        assert!(verifies(&proof, &app_hash, store, key, value), "{store} {key:?}");
    }
    for absent in 400_u16..1200 {
        let proof = reader.prove(BANK, &absent.to_be_bytes(), 1).unwrap();
        assert!(verifies(&proof, &app_hash, BANK, &absent.to_be_bytes(), None), "{absent}");
    }
}

#[test]
fn forged_proofs_do_not_verify() {
    let state = populated();
    let (reader, app_hash) = (state.reader(), state.app_hash());
    let (key, value) = ([0_u8, 5], [7_u8, 0]);
    let present = reader.prove(BANK, &key, 1).unwrap();
    let absent = reader.prove(BANK, b"absent", 1).unwrap();
    assert!(verifies(&present, &app_hash, BANK, &key, Some(&value)));
    assert!(verifies(&absent, &app_hash, BANK, b"absent", None));
    // Another value, key, store or app hash; presence for absence and the reverse.
    assert!(!verifies(&present, &app_hash, BANK, &key, Some(&[7, 1])));
    assert!(!verifies(&present, &app_hash, BANK, &[0, 6], Some(&value)));
    assert!(!verifies(&present, &app_hash, ACC, &key, Some(&value)));
    assert!(!verifies(&present, &[9; 32], BANK, &key, Some(&value)));
    assert!(!verifies(&present, &app_hash, BANK, &key, None));
    assert!(!verifies(&absent, &app_hash, BANK, &key, None));
    assert!(!verifies(&absent, &app_hash, BANK, b"other", Some(&value)));

    let root = present.store_root.to_vec();
    let check = |proof: &CommitmentProof, key: &[u8], value: Option<&[u8]>| match value {
        Some(value) => verify_membership::<HostFunctionsManager>(proof, &store_proof_spec(), &root, key, value),
        None => verify_non_membership::<HostFunctionsManager>(proof, &store_proof_spec(), &root, key),
    };
    let Some(Proof::Exist(exist)) = present.store_proof.proof.clone() else { panic!("presence") };
    assert!(check(&present.store_proof, &key, Some(&value)));
    let steps = exist.path.len();
    assert!(steps > 4);
    for step in 0..steps {
        let mut forged = exist.clone();
        let changed = &mut forged.path[step];
        match changed.suffix.first_mut() {
            Some(byte) => *byte ^= 1,
            None => changed.prefix[16] ^= 1,
        }
        let forged = CommitmentProof { proof: Some(Proof::Exist(forged)) };
        assert!(!check(&forged, &key, Some(&value)), "step {step}");
        let mut short = exist.clone();
        short.path.remove(step);
        assert!(!check(&CommitmentProof { proof: Some(Proof::Exist(short)) }, &key, Some(&value)), "step {step}");
    }
    // Value and key changed in the proof itself.
    for change in [0, 1] {
        let mut forged = exist.clone();
        if change == 0 {
            forged.value[0] ^= 1
        } else {
            forged.key[0] ^= 1
        }
        let (key, value) = (forged.key.clone(), forged.value.clone());
        assert!(!check(&CommitmentProof { proof: Some(Proof::Exist(forged)) }, &key, Some(&value)));
    }
    // Absence with a neighbour left out, or with a present key.
    let Some(Proof::Nonexist(gap)) = absent.store_proof.proof.clone() else { panic!("absence") };
    assert!(gap.left.is_some() && gap.right.is_some());
    for side in [0, 1] {
        let mut forged = gap.clone();
        if side == 0 {
            forged.left = None
        } else {
            forged.right = None
        }
        assert!(!check(&CommitmentProof { proof: Some(Proof::Nonexist(forged)) }, b"absent", None), "side {side}");
    }
    let neighbour = gap.left.as_ref().unwrap().key.clone();
    let mut forged = gap;
    forged.key = neighbour.clone();
    assert!(!check(&CommitmentProof { proof: Some(Proof::Nonexist(forged)) }, &neighbour, None));
}

#[test]
fn the_specification_differs_from_jmts_in_its_depth_only() {
    let mut theirs = jmt::ics23_spec();
    assert_eq!(theirs.max_depth, 64);
    theirs.max_depth = 256;
    assert_eq!(store_proof_spec(), theirs);
    assert_eq!(app_proof_spec(), ics23::tendermint_spec());
}

/// The app hash of a fixed content. Changing it means that no existing chain can go on.
#[test]
fn golden_app_hash() {
    let mut state = new_state();
    assert_eq!(hex::encode(state.app_hash()), GENESIS);
    commit(
        &mut state,
        [
            write(BANK, b"\x02\x01a", Some(b"100")),
            write(BANK, b"\x02\x01b", Some(b"200")),
            write(ACC, b"\x01x", Some(b"account")),
            write(LOCAL, b"ignored", Some(b"1")),
        ],
    );
    assert_eq!(hex::encode(state.app_hash()), ONE_BLOCK);
}

/// By hand: three equal roots under CometBFT's rule.
#[test]
fn the_app_hash_is_cometbfts_simple_merkle_map() {
    let state = new_state();
    let leaf_preimage = [b"JMT::LeafNode".as_slice(), &sha256(SENTINEL_KEY), &sha256(SENTINEL_VALUE)].concat();
    let root = sha256(&leaf_preimage);
    let leaf = |name: &str| {
        let length = u8::try_from(name.len()).unwrap();
        sha256(&[&[0, length], name.as_bytes(), &[32], &sha256(&root)].concat())
    };
    let inner = |left: [u8; 32], right: [u8; 32]| sha256(&[&[1][..], &left, &right].concat());
    assert_eq!(state.app_hash(), inner(inner(leaf("acc"), leaf("bank")), leaf("upgrade")));
}

const GENESIS: &str = "984272e4b35ffb2cb2b5932d61d7af12087cceea0a5d9f97c0a745d05d78c760";
const ONE_BLOCK: &str = "1d88610b824f07662fe0dc1d272670f0159a4788664b5f5c5365034321d4733c";
