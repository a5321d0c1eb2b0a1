use bytes::Bytes;
use plume_crypto::PrivateKey;
use plume_proto::cosmos::bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw, mode_info};
use plume_proto::{Any, Message, any};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{Accounts, Kind, LoadError, Transfer, Workload};

/// `SIGN_MODE_DIRECT` of `cosmos.tx.signing.v1beta1.SignMode`.
const DIRECT: i32 = 1;

/// What of a chain is in its transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainParams {
    /// Chain id, which signatures cover.
    pub chain_id: String,
    /// Denomination of payments and fees.
    pub denom: String,
    /// Denomination of what an exchange delivers.
    pub asset: String,
}

/// A transaction ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    /// Connection.
    pub lane: u32,
    /// What goes into the block.
    pub bytes: Bytes,
}

impl SignedTx {
    /// SHA-256 of the bytes, the hash by which chains know it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

/// Signs all transfers on all cores, each account's with ascending sequences, which `accounts` keep for the next round. The
/// same input gives the same bytes.
///
/// # Errors
/// [`LoadError::Setting`] when `accounts` lack a signer.
pub fn sign_all(
    workload: &Workload,
    chain: &ChainParams,
    accounts: &mut Accounts,
    transfers: &[Transfer],
) -> Result<Vec<SignedTx>, LoadError> {
    let mut sequence = |index: u64| {
        let next = accounts.next_sequence(index);
        next.map(|next| (index, next)).ok_or_else(|| LoadError::Setting(format!("account {index} has no key")))
    };
    let signers: Vec<Vec<(u64, u64)>> = transfers
        .iter()
        .map(|transfer| workload.signers(transfer).map(&mut sequence).collect())
        .collect::<Result<_, LoadError>>()?;
    let (accounts, fee) = (&*accounts, fee(workload.fee, workload.gas, &chain.denom));
    let sign = |(transfer, signers): (&Transfer, &Vec<(u64, u64)>)| {
        let key = |(index, sequence): &(u64, u64)| {
            let account = accounts.signer(*index).expect("it has just given its sequence");
            (&account.key, account.number, *sequence)
        };
        let signers: Vec<_> = signers.iter().map(key).collect();
        let bytes = signed(messages(workload.kind, chain, accounts, transfer), &fee, &chain.chain_id, &signers);
        SignedTx { lane: transfer.lane, bytes }
    };
    Ok(transfers.par_iter().zip(&signers).map(sign).collect())
}

/// A transaction in which `from` (key, address, number, sequence) gives `amount` of `denom` to each of `to`.
pub fn funding(
    chain_id: &str,
    from: (&PrivateKey, &str, u64, u64),
    to: &[String],
    amount: &[(u128, &str)],
    fee_and_gas: (u64, u64, &str),
) -> Bytes {
    let (key, address, number, sequence) = from;
    let coins = |times: u128| -> Vec<Coin> {
        amount
            .iter()
            .map(|(units, denom)| Coin { denom: (*denom).to_owned(), amount: (units * times).to_string() })
            .collect()
    };
    let message = MsgMultiSend {
        inputs: vec![Input { address: address.to_owned(), coins: coins(to.len() as u128) }],
        outputs: to.iter().map(|address| Output { address: address.clone(), coins: coins(1) }).collect(),
    };
    let (amount, gas, denom) = fee_and_gas;
    signed(vec![any(&message)], &fee(amount, gas, denom), chain_id, &[(key, number, sequence)])
}

fn fee(amount: u64, gas_limit: u64, denom: &str) -> Fee {
    let coin = (amount > 0).then(|| Coin { denom: denom.to_owned(), amount: amount.to_string() });
    Fee { amount: coin.into_iter().collect(), gas_limit, ..Fee::default() }
}

fn messages(kind: Kind, chain: &ChainParams, accounts: &Accounts, transfer: &Transfer) -> Vec<Any> {
    let send = |from: u64, to: u64, denom: &str| {
        any(&MsgSend {
            from_address: accounts.bech32(from),
            to_address: accounts.bech32(to),
            amount: vec![Coin { denom: denom.to_owned(), amount: "1".to_owned() }],
        })
    };
    let payment = send(transfer.from, transfer.to, &chain.denom);
    match kind {
        Kind::Send => vec![payment],
        Kind::Exchange => vec![payment, send(transfer.to, transfer.from, &chain.asset)],
    }
}

fn signed(messages: Vec<Any>, fee: &Fee, chain_id: &str, signers: &[(&PrivateKey, u64, u64)]) -> Bytes {
    let signer_infos = signers
        .iter()
        .map(|(key, _, sequence)| SignerInfo {
            public_key: Some(key.public_key().to_any()),
            mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode: DIRECT })) }),
            sequence: *sequence,
        })
        .collect();
    let auth_info = AuthInfo { signer_infos, fee: Some(fee.clone()), ..AuthInfo::default() };
    let body_bytes = TxBody { messages, ..TxBody::default() }.encode_to_vec();
    let mut doc = SignDoc {
        body_bytes,
        auth_info_bytes: auth_info.encode_to_vec(),
        chain_id: chain_id.to_owned(),
        account_number: 0,
    };
    let mut signatures = Vec::with_capacity(signers.len());
    for (key, number, _) in signers {
        doc.account_number = *number;
        signatures.push(key.sign(&doc.encode_to_vec()).to_vec());
    }
    let SignDoc { body_bytes, auth_info_bytes, .. } = doc;
    Bytes::from(TxRaw { body_bytes, auth_info_bytes, signatures }.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use plume_crypto::{Job, PublicKey};
    use plume_primitives::Bech32Prefix;
    use plume_proto::cosmos::tx::v1beta1::AuthInfo;

    use super::*;
    use crate::KeyScheme;

    #[test]
    fn signatures_verify_over_the_sign_doc_with_ascending_sequences() {
        for (kind, scheme) in [(Kind::Send, KeyScheme::Secp256k1), (Kind::Exchange, KeyScheme::Ed25519)] {
            let workload = Workload { kind, scheme, accounts: 8, txs: 40, lanes: 2, ..Workload::default() };
            let chain = ChainParams { chain_id: "load-1".into(), denom: "stake".into(), asset: "asset".into() };
            let transfers = workload.transfers().expect("enough accounts");
            let prefix = Bech32Prefix::new("cosmos").expect("a prefix");
            let mut accounts = Accounts::of(&workload, &transfers, &prefix);
            let txs = sign_all(&workload, &chain, &mut accounts, &transfers).expect("all keys are there");
            let mut others = Accounts::of(&workload, &transfers, &prefix);
            assert_eq!(txs, sign_all(&workload, &chain, &mut others, &transfers).expect("all keys are there"));
            // The next round goes on where this one ended.
            let next_round = sign_all(&workload, &chain, &mut others, &transfers).expect("all keys are there");
            assert!(next_round.iter().zip(&txs).all(|(next, tx)| next.bytes != tx.bytes));
            let mut next = std::collections::HashMap::<u64, u64>::new();
            for (tx, transfer) in txs.iter().zip(&transfers) {
                let raw = TxRaw::decode(tx.bytes.clone()).expect("a transaction");
                let infos = AuthInfo::decode(raw.auth_info_bytes.as_slice()).expect("auth info").signer_infos;
                for ((info, signature), signer) in infos.iter().zip(&raw.signatures).zip(workload.signers(transfer)) {
                    let expected = next.entry(signer).or_default();
                    assert_eq!(info.sequence, *expected);
                    *expected += 1;
                    let doc = SignDoc {
                        body_bytes: raw.body_bytes.clone(),
                        auth_info_bytes: raw.auth_info_bytes.clone(),
                        chain_id: "load-1".into(),
                        account_number: signer,
                    };
                    let key = PublicKey::from_any(info.public_key.as_ref().expect("stated")).expect("a key");
                    assert_eq!(key.address(), accounts.address(signer));
                    let job = Job { key, message: doc.encode_to_vec().into(), signature: signature.clone().into() };
                    assert!(job.verify());
                }
                assert_eq!(infos.len(), workload.signers(transfer).count());
                assert_eq!(tx.lane, transfer.lane);
            }
        }
    }
}
