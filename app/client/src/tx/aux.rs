//! Signatures that are handed to whoever pays the fee (`cosmos.tx.v1beta1.AuxSignerData`).

use bytes::Bytes;
use plume_codec::{SignerData, decode_json, encode_json, sign_doc_direct_aux};
use plume_crypto::{PrivateKey, PublicKey, SignatureData};
use plume_primitives::Bech32Prefix;
use plume_proto::Message;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, AuxSignerData, Fee, SignDocDirectAux, Tx, TxBody};
use serde_json::Value;

use super::sign::{place, require_valid, required_signers};
use super::{SignMode, Signer, TxError};

/// Signs the body of `tx` for one who does not pay: the signature covers messages, memo and timeout, and neither the fee nor
/// the other signers (`SIGN_MODE_DIRECT_AUX`).
///
/// # Errors
/// [`TxError::NotASigner`] when no message asks for this key; [`TxError::Missing`], [`TxError::Codec`].
pub fn sign_aux(
    tx: &Tx,
    key: &PrivateKey,
    signer: &Signer<'_>,
    prefix: &Bech32Prefix,
) -> Result<AuxSignerData, TxError> {
    let public_key = key.public_key();
    let address = prefix.account(&public_key.address());
    let body = tx.body.clone().ok_or(TxError::Missing("body"))?;
    let body_bytes = body.encode_to_vec();
    // Whoever pays later is not asked for here.
    let messages_only = Tx { body: Some(body), auth_info: Some(AuthInfo::default()), signatures: Vec::new() };
    let needed = required_signers(&messages_only, prefix)?;
    if !needed.contains(&public_key.address()) {
        let needed = needed.iter().map(|address| prefix.account(address)).collect();
        return Err(TxError::NotASigner { key: address, needed });
    }
    let data =
        SignerData { chain_id: signer.chain_id, account_number: signer.account_number, sequence: signer.sequence };
    let any = public_key.to_any();
    let sig = key.sign(&sign_doc_direct_aux(&body_bytes, &any, &data)).to_vec();
    let sign_doc = SignDocDirectAux {
        body_bytes,
        public_key: Some(any),
        chain_id: signer.chain_id.to_owned(),
        account_number: signer.account_number,
        sequence: signer.sequence,
        ..SignDocDirectAux::default()
    };
    Ok(AuxSignerData { address, sign_doc: Some(sign_doc), mode: SignMode::DirectAux.number(), sig })
}

/// The transaction of these signers with a fee that its payer has to sign for. All must have signed one body for `chain_id`;
/// every signature is verified.
///
/// # Errors
/// [`TxError::Aux`] says what does not fit; [`TxError::Signature`] for one that does not verify; [`TxError::NotASigner`].
pub fn tx_of_aux(data: &[AuxSignerData], fee: Fee, chain_id: &str, prefix: &Bech32Prefix) -> Result<Tx, TxError> {
    let doc_of = |data: &AuxSignerData| data.sign_doc.clone().ok_or(TxError::Descriptor("sign_doc"));
    let first = doc_of(data.first().ok_or_else(|| TxError::Aux("there is no signature".to_owned()))?)?;
    let body = TxBody::decode(&*first.body_bytes).map_err(|error| TxError::NotATx(error.to_string()))?;
    if body.encode_to_vec() != first.body_bytes {
        // It would be sent in other bytes than those that were signed.
        return Err(TxError::Aux("the signed body has fields that are unknown here, or another encoding".to_owned()));
    }
    let auth_info = AuthInfo { fee: Some(fee), ..AuthInfo::default() };
    let mut tx = Tx { body: Some(body), auth_info: Some(auth_info), signatures: Vec::new() };
    for data in data {
        let doc = doc_of(data)?;
        let refuse = |reason: String| Err(TxError::Aux(format!("the signature of {}: {reason}", data.address)));
        if data.mode != SignMode::DirectAux.number() {
            return refuse("its mode is not SIGN_MODE_DIRECT_AUX, so it would cover the fee".to_owned());
        }
        if doc.chain_id != chain_id {
            return refuse(format!("expected chain-id {chain_id}, got {} in aux signer data", doc.chain_id));
        }
        if doc.body_bytes != first.body_bytes {
            return refuse("it is over another transaction than the first one".to_owned());
        }
        let any = doc.public_key.as_ref().ok_or(TxError::Descriptor("public_key"))?;
        let key = PublicKey::from_any(any);
        let key = key.map_err(|error| TxError::Aux(format!("the key of {}: {error}", data.address)))?;
        if prefix.account(&key.address()) != data.address {
            return refuse("its key belongs to another account".to_owned());
        }
        let signature = SignatureData::Single { mode: data.mode, signature: Bytes::copy_from_slice(&data.sig) };
        let signer = Signer { chain_id: &doc.chain_id, account_number: doc.account_number, sequence: doc.sequence };
        place(&mut tx, &key, &signature, doc.sequence, prefix)?;
        require_valid(&tx, &key, &signature, &signer, prefix)?;
    }
    Ok(tx)
}

/// The JSON that `--aux` prints and `tx aux-to-fee` reads.
///
/// # Errors
/// [`TxError::Codec`].
pub fn aux_to_json(data: &AuxSignerData) -> Result<Value, TxError> {
    Ok(encode_json(data)?)
}

/// Reads that JSON.
///
/// # Errors
/// [`TxError::Aux`] for text that is no JSON, [`TxError::Codec`].
pub fn aux_from_json(text: &str) -> Result<AuxSignerData, TxError> {
    let json: Value = serde_json::from_str(text).map_err(|error| TxError::Aux(error.to_string()))?;
    Ok(decode_json(&json)?)
}

#[cfg(test)]
mod tests {
    use plume_primitives::Address;
    use plume_proto::cosmos::bank::v1beta1::MsgSend;
    use plume_proto::cosmos::base::v1beta1::Coin;

    use super::*;
    use crate::{HdPath, Mnemonic, TxDraft, WordCount, sign};

    const CHAIN: &str = "aux-1";

    fn key() -> PrivateKey {
        Mnemonic::generate(WordCount::default()).derive("", &HdPath::cosmos(0, 0).unwrap()).unwrap()
    }

    fn prefix() -> Bech32Prefix {
        Bech32Prefix::new("plume").unwrap()
    }

    fn payment(key: &PrivateKey) -> Tx {
        let to = prefix().account(&Address::new(&[7; 20]).unwrap());
        let amount = vec![Coin { denom: "uplume".to_owned(), amount: "5".to_owned() }];
        let from = prefix().account(&key.public_key().address());
        TxDraft::new(&MsgSend { from_address: from, to_address: to, amount }).memo("mine").build()
    }

    fn signer() -> Signer<'static> {
        Signer { chain_id: CHAIN, account_number: 3, sequence: 4 }
    }

    fn fee(payer: &PrivateKey) -> Fee {
        Fee { gas_limit: 9, payer: prefix().account(&payer.public_key().address()), ..Fee::default() }
    }

    #[test]
    fn the_payer_signs_over_what_another_signed() {
        let (alice, bob) = (key(), key());
        let data = sign_aux(&payment(&alice), &alice, &signer(), &prefix()).unwrap();
        let read = aux_from_json(&aux_to_json(&data).unwrap().to_string()).unwrap();
        assert_eq!(read, data);
        let mut tx = tx_of_aux(&[read], fee(&bob), CHAIN, &prefix()).unwrap();
        assert_eq!(tx.body, payment(&alice).body);
        let bobs = Signer { account_number: 8, sequence: 0, ..signer() };
        sign(&mut tx, &bob, SignMode::Direct, &bobs, &prefix()).unwrap();
        let auth_info = tx.auth_info.clone().unwrap();
        let sequences: Vec<u64> = auth_info.signer_infos.iter().map(|info| info.sequence).collect();
        assert_eq!((sequences, tx.signatures.len()), (vec![4, 0], 2));
        let alices = SignatureData::Single { mode: 3, signature: tx.signatures[0].clone().into() };
        require_valid(&tx, &alice.public_key(), &alices, &signer(), &prefix()).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (alice, bob) = (key(), key());
        let good = sign_aux(&payment(&alice), &alice, &signer(), &prefix()).unwrap();
        let refused = |change: &dyn Fn(&mut AuxSignerData)| {
            let mut data = good.clone();
            change(&mut data);
            tx_of_aux(&[data], fee(&bob), CHAIN, &prefix()).unwrap_err().to_string()
        };
        let doc = |data: &mut AuxSignerData| data.sign_doc.clone().unwrap();
        let with = |data: &mut AuxSignerData, doc: SignDocDirectAux| data.sign_doc = Some(doc);
        assert!(refused(&|data| data.sig[5] ^= 1).contains("signature of plume1"));
        assert!(refused(&|data| data.mode = 127).contains("SIGN_MODE_DIRECT_AUX"));
        assert!(refused(&|data| data.address = "plume1other".to_owned()).contains("belongs to another account"));
        assert!(refused(&|data| data.sign_doc = None).contains("sign_doc"));
        let other_chain = |data: &mut AuxSignerData| {
            let doc = SignDocDirectAux { chain_id: "b-1".to_owned(), ..doc(data) };
            with(data, doc);
        };
        assert!(refused(&other_chain).contains("expected chain-id aux-1, got b-1 in aux signer data"));
        let other_sequence = |data: &mut AuxSignerData| {
            let doc = SignDocDirectAux { sequence: 5, ..doc(data) };
            with(data, doc);
        };
        assert!(refused(&other_sequence).contains("signature of plume1"));
        let padded = |data: &mut AuxSignerData| {
            let mut doc = doc(data);
            // A memo in front of the one that counts: another encoding of the same body.
            doc.body_bytes.splice(0..0, [0x12, 1, b'x']);
            with(data, doc);
        };
        assert!(refused(&padded).contains("another encoding"));
        assert!(tx_of_aux(&[], fee(&bob), CHAIN, &prefix()).is_err());

        let stranger = sign_aux(&payment(&alice), &bob, &signer(), &prefix()).unwrap_err();
        assert!(matches!(stranger, TxError::NotASigner { .. }));
        let mut other = payment(&alice);
        other.body.as_mut().unwrap().memo = "other".to_owned();
        let other = sign_aux(&other, &alice, &signer(), &prefix()).unwrap();
        let mixed = tx_of_aux(&[good, other], fee(&bob), CHAIN, &prefix()).unwrap_err().to_string();
        assert!(mixed.contains("over another transaction"), "{mixed}");
    }
}
