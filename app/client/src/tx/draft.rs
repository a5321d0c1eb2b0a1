use plume_crypto::{BitArray, PublicKey, SignatureData};
use plume_primitives::{Coins, Gas};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::SimulateRequest;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, ModeInfo, SignerInfo, Tx, TxBody, mode_info};
use plume_proto::{Any, Message, Name, any};

use super::{TxError, encode_tx};

/// A transaction being put together.
#[derive(Debug, Clone, PartialEq)]
pub struct TxDraft {
    messages: Vec<Any>,
    memo: String,
    timeout_height: u64,
    fee: Coins,
    gas: Gas,
    payer: String,
    granter: String,
}

impl TxDraft {
    /// A transaction that carries `message`, without fee and with 200,000 gas (the SDK's default).
    pub fn new<T: Message + Name>(message: &T) -> Self {
        Self::of(vec![any(message)])
    }

    /// A transaction that carries these packed messages.
    pub fn of(messages: Vec<Any>) -> Self {
        Self {
            messages,
            memo: String::new(),
            timeout_height: 0,
            fee: Coins::new(),
            gas: Gas(200_000),
            payer: String::new(),
            granter: String::new(),
        }
    }

    /// Adds a message behind those there are.
    #[must_use]
    pub fn and<T: Message + Name>(mut self, message: &T) -> Self {
        self.messages.push(any(message));
        self
    }

    /// A note that everybody can read.
    #[must_use]
    pub fn memo(mut self, memo: &str) -> Self {
        memo.clone_into(&mut self.memo);
        self
    }

    /// Last block that may contain the transaction; 0 for any.
    #[must_use]
    pub fn timeout_height(mut self, height: u64) -> Self {
        self.timeout_height = height;
        self
    }

    /// What is paid, whatever gas is used.
    #[must_use]
    pub fn fee(mut self, fee: Coins) -> Self {
        self.fee = fee;
        self
    }

    /// Most gas that execution may use.
    #[must_use]
    pub fn gas(mut self, limit: Gas) -> Self {
        self.gas = limit;
        self
    }

    /// Address that pays the fee instead of the first signer; it must sign too.
    #[must_use]
    pub fn fee_payer(mut self, address: &str) -> Self {
        address.clone_into(&mut self.payer);
        self
    }

    /// Address whose fee grant is used.
    #[must_use]
    pub fn fee_granter(mut self, address: &str) -> Self {
        address.clone_into(&mut self.granter);
        self
    }

    /// The transaction without signatures.
    pub fn build(&self) -> Tx {
        let amount =
            |coin: &plume_primitives::Coin| Coin { denom: coin.denom.to_string(), amount: coin.amount.to_string() };
        let fee = Fee {
            amount: self.fee.iter().map(amount).collect(),
            gas_limit: self.gas.get(),
            payer: self.payer.clone(),
            granter: self.granter.clone(),
        };
        Tx {
            body: Some(TxBody {
                messages: self.messages.clone(),
                memo: self.memo.clone(),
                timeout_height: self.timeout_height,
                ..TxBody::default()
            }),
            auth_info: Some(AuthInfo { fee: Some(fee), ..AuthInfo::default() }),
            signatures: Vec::new(),
        }
    }
}

/// The request of `cosmos.tx.v1beta1.Service/Simulate` for a transaction whose signers have these keys and sequences:
/// signatures are empty, since simulation checks none.
///
/// # Errors
/// [`TxError::Missing`].
pub fn simulate_request(tx: &Tx, signers: &[(PublicKey, u64)]) -> Result<SimulateRequest, TxError> {
    let mut tx = tx.clone();
    let auth_info = tx.auth_info.as_mut().ok_or(TxError::Missing("auth_info"))?;
    (auth_info.signer_infos, tx.signatures) = signers
        .iter()
        .map(|(key, sequence)| {
            let (mode_info, signature) = empty_signature(key);
            let info = SignerInfo { public_key: Some(key.to_any()), mode_info: Some(mode_info), sequence: *sequence };
            (info, signature)
        })
        .unzip();
    Ok(SimulateRequest { tx_bytes: encode_tx(&tx)?, ..SimulateRequest::default() })
}

/// Of a threshold key, as many empty signatures as it needs: gas depends on their number.
fn empty_signature(key: &PublicKey) -> (ModeInfo, Vec<u8>) {
    fn data(key: &PublicKey) -> SignatureData {
        let PublicKey::Multisig(multisig) = key else {
            return SignatureData::Single { mode: 0, signature: bytes::Bytes::new() };
        };
        let needed = usize::try_from(multisig.threshold()).unwrap_or(usize::MAX);
        let mut bits = BitArray::new(multisig.keys().len());
        let signatures = multisig.keys().iter().take(needed).enumerate().map(|(index, key)| {
            bits.set(index);
            data(key)
        });
        let signatures = signatures.collect();
        SignatureData::Multi { bits, signatures }
    }
    match key {
        PublicKey::Multisig(_) => data(key).to_proto(),
        // Mode unspecified, as CosmJS sends it.
        _ => (ModeInfo { sum: Some(mode_info::Sum::Single(mode_info::Single { mode: 0 })) }, Vec::new()),
    }
}
