use bytes::Bytes;
use plume_codec::{decode_json, encode_json};
use plume_crypto::{BitArray, InvalidBitArray, PrivateKey, PublicKey, SignatureData, SignatureError};
use plume_primitives::Bech32Prefix;
use plume_proto::cosmos::tx::signing::v1beta1::signature_descriptor::{Data, data};
use plume_proto::cosmos::tx::signing::v1beta1::{SignatureDescriptor, SignatureDescriptors};
use plume_proto::cosmos::tx::v1beta1::Tx;
use serde_json::Value;

use super::TxError;
use super::sign::{SignMode, Signer, place, require_valid, sign_bytes};

/// Signs for one member of a threshold key: what `tx sign --multisig` prints and [`combine_multisig`] takes. `signer` is
/// the account of the threshold key.
///
/// # Errors
/// [`TxError::NotAMember`], [`TxError::NotAMultisig`]; those of [`sign_bytes`].
pub fn sign_as_multisig_member(
    tx: &Tx,
    key: &PrivateKey,
    group: &PublicKey,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<SignatureDescriptor, TxError> {
    index_of(group, &key.public_key(), prefix)?;
    // Direct mode would cover the combined signature's own bit array, which nobody knows yet.
    let mode = SignMode::AminoJson;
    let no_coins = &mut |_: &str| Ok(None);
    let signature = Bytes::copy_from_slice(&key.sign(&sign_bytes(tx, mode, group, signer, prefix, no_coins)?));
    Ok(SignatureDescriptor {
        public_key: Some(key.public_key().to_any()),
        data: Some(to_data(&SignatureData::Single { mode: mode.number(), signature })),
        sequence: signer.sequence,
    })
}

/// Puts the members' signatures together to the threshold key's and enters it. Each one is verified first, so that a
/// wrong one is named here and not by the chain.
///
/// # Errors
/// [`TxError::Signature`] for one that does not verify or for fewer than the threshold; [`TxError::NotAMember`],
/// [`TxError::TwiceSigned`], [`TxError::Descriptor`], [`TxError::NotAMultisig`], [`TxError::NotASigner`].
pub fn combine_multisig(
    tx: &mut Tx,
    group: &PublicKey,
    descriptors: &[SignatureDescriptor],
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<(), TxError> {
    let members = members(group, prefix)?;
    let mut by_index: Vec<Option<SignatureData>> = vec![None; members.len()];
    for descriptor in descriptors {
        let key = descriptor.public_key.as_ref().ok_or(TxError::Descriptor("public_key"))?;
        let key = PublicKey::from_any(key).map_err(|error| TxError::NotATx(error.to_string()))?;
        let data = from_data(descriptor.data.as_ref(), 0)?;
        require_valid(tx, &key, &data, signer, prefix)?;
        // A key that stands in the group twice fills its places in turn.
        let mut places = members.iter().enumerate().filter(|(_, member)| **member == key).map(|(index, _)| index);
        let first = places.clone().next().ok_or_else(|| TxError::NotAMember(prefix.account(&key.address())))?;
        let free = places.find(|index| by_index[*index].is_none()).ok_or(TxError::TwiceSigned(first))?;
        by_index[free] = Some(data);
    }
    let mut bits = BitArray::new(members.len());
    for (index, _) in by_index.iter().enumerate().filter(|(_, data)| data.is_some()) {
        bits.set(index);
    }
    let data = SignatureData::Multi { bits, signatures: by_index.into_iter().flatten().collect() };
    require_valid(tx, group, &data, signer, prefix)?;
    place(tx, group, &data, signer.sequence, prefix).map(|_| ())
}

fn members<'a>(group: &'a PublicKey, prefix: &Bech32Prefix) -> Result<&'a [PublicKey], TxError> {
    match group {
        PublicKey::Multisig(multisig) => Ok(multisig.keys()),
        other => Err(TxError::NotAMultisig(prefix.account(&other.address()))),
    }
}

fn index_of(group: &PublicKey, key: &PublicKey, prefix: &Bech32Prefix) -> Result<usize, TxError> {
    members(group, prefix)?
        .iter()
        .position(|member| member == key)
        .ok_or_else(|| TxError::NotAMember(prefix.account(&key.address())))
}

/// `{"signatures":[..]}` as `tx sign --signature-only` prints it.
///
/// # Errors
/// [`TxError::Codec`].
pub fn descriptors_to_json(descriptors: Vec<SignatureDescriptor>) -> Result<Value, TxError> {
    Ok(encode_json(&SignatureDescriptors { signatures: descriptors })?)
}

/// Reads [`descriptors_to_json`], also as the SDK's wallets write it.
///
/// # Errors
/// [`TxError::Codec`], [`TxError::NotATx`].
pub fn descriptors_from_json(text: &str) -> Result<Vec<SignatureDescriptor>, TxError> {
    let json: Value = serde_json::from_str(text).map_err(|error| TxError::NotATx(error.to_string()))?;
    Ok(decode_json::<SignatureDescriptors>(&json)?.signatures)
}

fn to_data(signature: &SignatureData) -> Data {
    let sum = match signature {
        SignatureData::Single { mode, signature } => {
            data::Sum::Single(data::Single { mode: *mode, signature: signature.to_vec() })
        }
        SignatureData::Multi { bits, signatures } => data::Sum::Multi(data::Multi {
            bitarray: Some(bits.to_proto()),
            signatures: signatures.iter().map(to_data).collect(),
        }),
    };
    Data { sum: Some(sum) }
}

fn from_data(data: Option<&Data>, depth: usize) -> Result<SignatureData, TxError> {
    let invalid = |error: InvalidBitArray| TxError::NotATx(SignatureError::BitArray(error).to_string());
    // The bound of threshold keys.
    if depth > 10 {
        return Err(TxError::NotATx(SignatureError::TooDeep.to_string()));
    }
    match data.and_then(|data| data.sum.as_ref()).ok_or(TxError::Descriptor("data"))? {
        data::Sum::Single(single) => {
            Ok(SignatureData::Single { mode: single.mode, signature: single.signature.clone().into() })
        }
        data::Sum::Multi(multi) => {
            let bits = multi.bitarray.as_ref().ok_or_else(|| invalid(InvalidBitArray::Empty))?;
            let signatures =
                multi.signatures.iter().map(|data| from_data(Some(data), depth + 1)).collect::<Result<_, _>>()?;
            Ok(SignatureData::Multi { bits: BitArray::from_proto(bits).map_err(invalid)?, signatures })
        }
    }
}
