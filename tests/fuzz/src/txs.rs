//! Transactions: good ones to begin with, and changed ones with good signatures.

use bytes::Bytes;
use plume_codec::{SignerData, sign_doc_amino, sign_doc_direct};
use plume_crypto::{BitArray, PublicKey, SignatureData};
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, SignerInfo, TxBody, TxRaw};
use plume_proto::{Any, Message};
use plume_testkit::{Rng, Signer};

use crate::{
    mutate::{self, Dictionary},
    protobuf,
    world::{CHAIN_ID, MULTISIG_NUMBER, NAMES, coin, multisig},
};

const DIRECT: i32 = 1;
const AMINO: i32 = 127;

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub enum By {
    /// An account of [`NAMES`].
    Key(usize),
    /// The first two members of the multisig account.
    Multisig,
}

/// A signed transaction.
pub fn signed(
    by: By,
    sequence: u64,
    amino: bool,
    messages: Vec<Any>,
    edit: impl FnOnce(&mut TxBody, &mut Fee),
) -> Vec<u8> {
    let mut body = TxBody { messages, ..TxBody::default() };
    let mut fee = Fee { gas_limit: 200_000, amount: vec![coin(2_000)], ..Fee::default() };
    edit(&mut body, &mut fee);
    let mode = if amino { AMINO } else { DIRECT };
    let (number, data) = match by {
        By::Key(at) => (at as u64, SignatureData::Single { mode, signature: Bytes::new() }),
        By::Multisig => (MULTISIG_NUMBER, two_of_three(mode, &[])),
    };
    let key = match by {
        By::Key(at) => Signer::named(NAMES[at]).public_key(),
        By::Multisig => multisig(),
    };
    let info = SignerInfo { public_key: Some(key.to_any()), mode_info: Some(data.to_proto().0), sequence };
    let auth_info = AuthInfo { signer_infos: vec![info], fee: Some(fee.clone()), ..AuthInfo::default() };
    let (body_bytes, auth_info_bytes) = (body.encode_to_vec(), auth_info.encode_to_vec());
    let doc = if amino {
        let signer = SignerData { chain_id: CHAIN_ID, account_number: number, sequence };
        sign_doc_amino(&body_bytes, &body, &fee, &signer).expect("a seed has an amino form")
    } else {
        sign_doc_direct(&body_bytes, &auth_info_bytes, CHAIN_ID, number)
    };
    let signature = match by {
        By::Key(at) => Signer::named(NAMES[at]).sign(&doc),
        By::Multisig => two_of_three(mode, &[0, 1].map(|at| Signer::named(NAMES[at]).sign(&doc))).to_proto().1,
    };
    TxRaw { body_bytes, auth_info_bytes, signatures: vec![signature] }.encode_to_vec()
}

fn two_of_three(mode: i32, signatures: &[Vec<u8>]) -> SignatureData {
    let PublicKey::Multisig(key) = multisig() else { unreachable!("made as one") };
    let mut bits = BitArray::new(key.keys().len());
    let signatures = (0..2).map(|at| {
        bits.set(at);
        SignatureData::Single { mode, signature: signatures.get(at).cloned().unwrap_or_default().into() }
    });
    let signatures = signatures.collect();
    SignatureData::Multi { bits, signatures }
}

/// Changes the body or the auth info, as bytes, and signs again most of the time.
pub fn mutate(rng: &mut Rng, input: &[u8], words: &Dictionary) -> Vec<u8> {
    let Ok(mut raw) = TxRaw::decode(input) else { return protobuf::mutate(rng, input, words, 0) };
    match rng.below(8) {
        0..4 => raw.body_bytes = protobuf::mutate(rng, &raw.body_bytes, words, 0),
        4..6 => raw.auth_info_bytes = protobuf::mutate(rng, &raw.auth_info_bytes, words, 0),
        6 => {
            let at = rng.index(raw.signatures.len() + 1);
            match raw.signatures.get_mut(at) {
                Some(signature) => *signature = mutate::content(rng, signature, words),
                None => raw.signatures.push(words.pick(rng)),
            }
            return raw.encode_to_vec();
        }
        _ => {}
    }
    if rng.below(4) > 0 {
        sign_again(rng, &mut raw);
    }
    raw.encode_to_vec()
}

/// Signs the bytes as they are, for every signer that the auth info names.
fn sign_again(rng: &mut Rng, raw: &mut TxRaw) {
    let Ok(auth_info) = AuthInfo::decode(raw.auth_info_bytes.as_slice()) else { return };
    let keys: Vec<(Vec<u8>, Signer, u64)> = NAMES
        .iter()
        .zip(0..)
        .map(|(name, number)| (Signer::named(name).public_key().to_any().value, Signer::named(name), number))
        .collect();
    let mut signatures = vec![];
    for (at, info) in auth_info.signer_infos.iter().take(16).enumerate() {
        let known = info.public_key.as_ref().and_then(|key| keys.iter().find(|(value, _, _)| *value == key.value));
        let Some((_, signer, number)) = known.or_else(|| rng.pick(&keys)) else { return };
        let amino = TxBody::decode(raw.body_bytes.as_slice()).ok().filter(|_| rng.one_in(6)).and_then(|body| {
            let signer = SignerData { chain_id: CHAIN_ID, account_number: *number, sequence: info.sequence };
            sign_doc_amino(&raw.body_bytes, &body, &auth_info.fee.clone().unwrap_or_default(), &signer).ok()
        });
        let doc = amino.unwrap_or_else(|| sign_doc_direct(&raw.body_bytes, &raw.auth_info_bytes, CHAIN_ID, *number));
        let is_single = info.mode_info.as_ref().is_none_or(|mode| mode.encoded_len() < 6);
        signatures.push(match raw.signatures.get(at) {
            Some(old) if !is_single => old.clone(),
            _ => signer.sign(&doc),
        });
    }
    raw.signatures = signatures;
}
