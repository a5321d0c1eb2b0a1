use bytes::Bytes;
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw, mode_info};
use plume_proto::{Any, Message, Name, any};

use crate::Signer;

/// `SIGN_MODE_DIRECT` of `cosmos.tx.signing.v1beta1.SignMode`.
const DIRECT: i32 = 1;

/// A transaction in the making; public fields, so that a test can break exactly one of them.
#[derive(Clone)]
pub struct TxDraft {
    /// Body.
    pub body: TxBody,
    /// Fee.
    pub fee: Fee,
    /// Chain id that the signatures cover.
    pub chain_id: String,
}

impl TxDraft {
    /// A transaction of one message, with 200,000 gas and no fee.
    pub fn new<T: Message + Name>(chain_id: &str, message: &T) -> Self {
        Self::of(chain_id, vec![any(message)])
    }

    /// A transaction of `messages`, with 200,000 gas and no fee.
    pub fn of(chain_id: &str, messages: Vec<Any>) -> Self {
        Self {
            body: TxBody { messages, ..TxBody::default() },
            fee: Fee { gas_limit: 200_000, ..Fee::default() },
            chain_id: chain_id.to_owned(),
        }
    }

    /// With this gas limit.
    #[must_use]
    pub fn gas(mut self, limit: u64) -> Self {
        self.fee.gas_limit = limit;
        self
    }

    /// With this fee, one coin.
    #[must_use]
    pub fn fee(mut self, amount: u128, denom: &str) -> Self {
        self.fee.amount = vec![Coin { denom: denom.to_owned(), amount: amount.to_string() }];
        self
    }

    /// With this memo.
    #[must_use]
    pub fn memo(mut self, memo: &str) -> Self {
        self.body.memo = memo.to_owned();
        self
    }

    /// Signs in direct mode with each signer, in order, and encodes: `(key, account number, sequence)`.
    pub fn sign(&self, signers: &[(&Signer, u64, u64)]) -> Bytes {
        let body_bytes = self.body.encode_to_vec();
        let auth_info_bytes = self.auth_info(signers).encode_to_vec();
        let signatures = signers
            .iter()
            .map(|(signer, account_number, _)| {
                signer.sign(&self.sign_bytes(&body_bytes, &auth_info_bytes, *account_number))
            })
            .collect();
        Bytes::from(TxRaw { body_bytes, auth_info_bytes, signatures }.encode_to_vec())
    }

    /// `SignDoc` bytes over encoded parts.
    pub fn sign_bytes(&self, body: &[u8], auth_info: &[u8], account_number: u64) -> Vec<u8> {
        let doc = SignDoc {
            body_bytes: body.to_vec(),
            auth_info_bytes: auth_info.to_vec(),
            chain_id: self.chain_id.clone(),
            account_number,
        };
        doc.encode_to_vec()
    }

    fn auth_info(&self, signers: &[(&Signer, u64, u64)]) -> AuthInfo {
        let signer_infos = signers
            .iter()
            .map(|(signer, _, sequence)| SignerInfo {
                public_key: Some(signer.public_key().to_any()),
                mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode: DIRECT })) }),
                sequence: *sequence,
            })
            .collect();
        AuthInfo { signer_infos, fee: Some(self.fee.clone()), ..AuthInfo::default() }
    }
}
