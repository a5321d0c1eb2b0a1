//! What a transaction must pass before its messages run, in the order of the SDK's ante decorators.
//!
//! # Consensus
//! The order decides which failure a transaction shows, and where its gas runs out. Each function below stands for
//! the SDK decorator that its documentation names and charges what that one charges, repeated reads included.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use plume_auth::FEE_COLLECTOR;
use plume_crypto::{Multisig, PublicKey, SignatureData};
use plume_interfaces::{Account, MoveReason};
use plume_kit::{Abort, Ctx, Event, TxError, sdk};
use plume_primitives::Address;
use plume_proto::Message;
use plume_proto::cosmos::crypto::multisig::v1beta1::MultiSignature;

use super::decode::{DecodedTx, Signature, Signers, internal};
use super::execute::Mode;
use super::sign_mode;
use super::signatures::Prepared;
use crate::machine::{Machine, Rules};

/// The SDK's bound on gas limits, so that they fit the signed numbers of ABCI.
const MAX_GAS_WANTED: u64 = u64::MAX >> 1;

/// Stands in for the key of an account that has none yet when a transaction is simulated; only its size matters.
const SIMULATION_KEY: PublicKey = PublicKey::Secp256k1([
    0x03, 0x5a, 0xd6, 0x81, 0x0a, 0x47, 0xf0, 0x73, 0x55, 0x3f, 0xf3, 0x0d, 0x2f, 0xcc, 0x7e, 0x0d, 0x3b, 0x1c, 0x0b,
    0x74, 0xb6, 0x1a, 0x1a, 0xaa, 0x25, 0x82, 0x34, 0x40, 0x37, 0x15, 0x1e, 0x14, 0x3a,
]);

/// What the checks look at beside the state.
pub(super) struct Ante<'a> {
    pub machine: &'a Machine,
    pub rules: &'a Rules,
    pub prepared: &'a Prepared,
    pub tx: &'a DecodedTx,
    pub mode: Mode,
    /// Gas limit of a block, if there is one.
    pub max_gas: Option<u64>,
}

impl Ante<'_> {
    /// Runs every check. `ctx` charges the transaction's own meter.
    ///
    /// # Errors
    /// The first failure; the caller drops what was written.
    pub fn run(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        self.set_up()?;
        self.refuse_extension_options()?;
        self.validate_basic()?;
        self.timeout_height(ctx)?;
        if self.repeat(ctx)? {
            return Ok(());
        }
        if !self.is_worth_recording()? {
            return self.check_against_state(ctx);
        }
        let recorded = ctx.record(|ctx| self.check_against_state(ctx))?;
        *self.tx.checked.lock() = recorded.map(Arc::new);
        Ok(())
    }

    /// Does what an earlier run of these checks did, if they would come to the same now.
    ///
    /// # Consensus
    /// Only runs that leave out nothing repeat and are repeated: [`Mode::Check`] makes one check more, which looks at this
    /// node's configuration, so that what it found holds in a block but not the other way round. What precedes is looked at
    /// again: it depends on height and parameters of the block.
    fn repeat(&self, ctx: &mut Ctx<'_>) -> Result<bool, Abort> {
        let executing = self.mode == Mode::Finalize;
        if !executing && self.mode != Mode::Propose {
            return Ok(false);
        }
        let recorded = self.tx.checked.lock().clone();
        // Nobody asks for the events of a proposal.
        recorded.map_or(Ok(false), |recorded| ctx.repeat(&recorded, executing))
    }

    /// Whether these checks are made again soon, and are likely to find the same: a fee changes the collector's balance,
    /// so that each transaction finds another one there.
    fn is_worth_recording(&self) -> Result<bool, TxError> {
        Ok(matches!(self.mode, Mode::Check | Mode::Propose) && self.tx.fee.coins()?.is_none())
    }

    /// The checks that read the state.
    fn check_against_state(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        self.memo(ctx)?;
        self.tx_size_gas(ctx)?;
        self.deduct_fee(ctx)?;
        self.set_public_keys(ctx)?;
        self.signature_count(ctx)?;
        self.signature_gas(ctx)?;
        self.verify_signatures(ctx)?;
        self.increment_sequences(ctx)
    }

    fn simulating(&self) -> bool {
        self.mode == Mode::Simulate
    }

    fn signers(&self) -> Result<&Signers, TxError> {
        self.tx.signers.as_ref().map_err(Clone::clone)
    }

    /// `SetUpContextDecorator`, and the check for a gas limit of zero, which the SDK makes only where the fee is
    /// deducted: by then a limit of zero has already run out of gas under another code.
    fn set_up(&self) -> Result<(), TxError> {
        let limit = self.tx.fee.gas_limit;
        if let Some(max) = self.max_gas.filter(|max| limit > *max) {
            let text = format!("tx gas limit {limit} exceeds block max gas {max}");
            return Err(TxError::wrap(sdk::INVALID_GAS_LIMIT, text));
        }
        if limit == 0 && self.tx.fee.present && !self.simulating() {
            return Err(TxError::wrap(sdk::INVALID_GAS_LIMIT, "must provide positive gas"));
        }
        Ok(())
    }

    /// `RejectExtensionOptionsDecorator`, and the fields that later SDKs added, whose meaning we do not implement:
    /// a transaction that relies on them must not pass for an ordinary one.
    fn refuse_extension_options(&self) -> Result<(), TxError> {
        let body = &self.tx.body;
        if !body.extension_options.is_empty() {
            return Err(TxError::plain(sdk::UNKNOWN_EXTENSION_OPTIONS));
        }
        if body.unordered {
            return Err(TxError::wrap(sdk::INVALID_REQUEST, "unordered transactions are not supported"));
        }
        if body.timeout_timestamp.is_some() {
            return Err(TxError::wrap(sdk::INVALID_REQUEST, "timeout timestamps are not supported"));
        }
        Ok(())
    }

    /// `ValidateBasicDecorator`; not repeated for what the mempool already holds.
    fn validate_basic(&self) -> Result<(), TxError> {
        if self.mode == Mode::Recheck {
            return Ok(());
        }
        let tx = self.tx;
        if !tx.fee.present {
            return Err(internal("missing fee"));
        }
        if tx.fee.gas_limit > MAX_GAS_WANTED {
            let text = format!("invalid gas supplied; {} > {MAX_GAS_WANTED}", tx.fee.gas_limit);
            return Err(TxError::wrap(sdk::INVALID_REQUEST, text));
        }
        tx.fee.validate()?;
        if !tx.fee.payer.is_empty()
            && let Err(e) = self.rules.chain.prefix.parse_account(&tx.fee.payer)
        {
            return Err(TxError::wrap(sdk::INVALID_ADDRESS, format_args!("Invalid fee payer address ({e})")));
        }
        if tx.signature_count == 0 {
            return Err(TxError::plain(sdk::NO_SIGNATURES));
        }
        let signers = self.signers()?;
        if tx.signature_count != signers.all.len() {
            let text = format!("wrong number of signers; expected {}, got {}", signers.all.len(), tx.signature_count);
            return Err(TxError::wrap(sdk::UNAUTHORIZED, text));
        }
        Ok(())
    }

    /// `TxTimeoutHeightDecorator`.
    fn timeout_height(&self, ctx: &Ctx<'_>) -> Result<(), TxError> {
        let (height, timeout) = (ctx.block().height.get(), self.tx.body.timeout_height);
        if timeout > 0 && height > timeout {
            let text = format!("block height: {height}, timeout height: {timeout}");
            return Err(TxError::wrap(sdk::TX_TIMEOUT_HEIGHT, text));
        }
        Ok(())
    }

    /// `ValidateMemoDecorator`; the SDK counts bytes and calls them characters.
    fn memo(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let len = length(self.tx.body.memo.len());
        if len == 0 {
            return Ok(());
        }
        let max = self.machine.accounts.params(ctx)?.max_memo_characters;
        if len > max {
            let text = format!("maximum number of characters is {max} but received {len} characters");
            return Err(TxError::wrap(sdk::MEMO_TOO_LARGE, text).into());
        }
        Ok(())
    }

    /// `ConsumeTxSizeGasDecorator`: each byte of the transaction, and in simulation the bytes of signatures that are
    /// still missing.
    fn tx_size_gas(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let params = self.machine.accounts.params(ctx)?;
        ctx.charge(params.tx_size_cost_per_byte.saturating_mul(length(self.tx.len)), "txSize")?;
        if !self.simulating() {
            return Ok(());
        }
        for (index, signer) in self.signers()?.all.iter().enumerate() {
            let filled = match self.tx.infos.get(index).and_then(|info| info.data.as_ref()) {
                Some(Ok(data)) => !is_incomplete(data),
                Some(Err(e)) => return Err(internal(e.to_string()).into()),
                None => false,
            };
            if filled {
                continue;
            }
            let account = self.machine.accounts.account(ctx, signer)?;
            let key = account.and_then(|account| account.public_key).unwrap_or(SIMULATION_KEY);
            let mut bytes = simulated_signature_len(&key).saturating_add(6);
            if matches!(key, PublicKey::Multisig(_)) {
                bytes = bytes.saturating_mul(params.tx_sig_limit);
            }
            ctx.charge(params.tx_size_cost_per_byte.saturating_mul(bytes), "txSize")?;
        }
        Ok(())
    }

    /// `DeductFeeDecorator`.
    fn deduct_fee(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let fee = &self.tx.fee;
        if !self.simulating() {
            fee.require_accepted_denoms(&self.rules.params)?;
        }
        if matches!(self.mode, Mode::Check | Mode::Recheck) {
            fee.require_minimum(&self.machine.config.minimum_gas_prices)?;
        }
        if !fee.granter.is_empty() {
            return Err(TxError::wrap(sdk::INVALID_REQUEST, "fee grants are not enabled").into());
        }
        let signers = self.signers()?;
        let payer = signers.fee_payer.as_ref().ok_or_else(|| internal("nobody pays the fee"))?;
        let payer_text = signers.text(payer);
        if self.machine.accounts.account(ctx, payer)?.is_none() {
            let text = format!("fee payer address: {payer_text} does not exist");
            return Err(TxError::wrap(sdk::UNKNOWN_ADDRESS, text).into());
        }
        if let Some(coins) = fee.coins()? {
            let collector = self.machine.accounts.module_account(ctx, FEE_COLLECTOR)?.address;
            let moved = self.machine.bank.move_coins(ctx, payer, &collector, &coins, MoveReason::Fee);
            moved.map_err(|abort| match abort {
                // The SDK wraps whatever the bank says; running out of gas is a panic there, which nothing wraps.
                Abort::Tx(e) if !e.is(sdk::OUT_OF_GAS) => TxError::wrap(sdk::INSUFFICIENT_FUNDS, e).into(),
                other => other,
            })?;
        }
        ctx.emit(Event::new("tx").with("fee", fee.text()).with("fee_payer", payer_text));
        Ok(())
    }

    /// `SetPubKeyDecorator`: the first transaction of an account leaves its key there. Also makes the transaction
    /// searchable by sequence and signature.
    fn set_public_keys(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let signers = self.signers()?;
        if self.tx.infos.len() > signers.all.len() {
            return Err(self.wrong_number_of_infos(signers).into());
        }
        for (index, (info, signer)) in self.tx.infos.iter().zip(&signers.all).enumerate() {
            let key = match &info.key {
                Some(key) => key,
                None if self.simulating() => &SIMULATION_KEY,
                None => continue,
            };
            if !self.simulating() && info.address.as_ref() != Some(signer) {
                let text =
                    format!("pubKey does not match signer address {} with signer index: {index}", signers.text(signer));
                return Err(TxError::wrap(sdk::INVALID_PUBKEY, text).into());
            }
            // Reads the account, and writes it only if it has no key.
            self.machine.accounts.set_public_key(ctx, signer, key)?;
        }
        for (info, signer) in self.tx.infos.iter().zip(&signers.all) {
            ctx.emit(Event::new("tx").with("acc_seq", format!("{}/{}", signers.text(signer), info.sequence)));
            let data = match &info.data {
                Some(Ok(data)) => data,
                Some(Err(e)) => return Err(internal(e.to_string()).into()),
                None => return Err(internal("got empty SignatureData").into()),
            };
            for signature in signature_bytes(data) {
                ctx.emit(Event::new("tx").with("signature", BASE64.encode(signature)));
            }
        }
        Ok(())
    }

    /// `ValidateSigCountDecorator`.
    fn signature_count(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let limit = self.machine.accounts.params(ctx)?.tx_sig_limit;
        let mut count = 0_u64;
        for key in self.tx.infos.iter().filter_map(|info| info.key.as_ref()) {
            count = count.saturating_add(length(key.count_single_keys()));
            if count > limit {
                let text = format!("signatures: {count}, limit: {limit}");
                return Err(TxError::wrap(sdk::TOO_MANY_SIGNATURES, text).into());
            }
        }
        Ok(())
    }

    /// `SigGasConsumeDecorator`.
    fn signature_gas(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let params = self.machine.accounts.params(ctx)?;
        for (info, signer) in self.tx.infos.iter().zip(&self.signers()?.all) {
            let account = self.account(ctx, signer)?;
            let key = match &account.public_key {
                Some(key) => key,
                None if self.simulating() => &SIMULATION_KEY,
                None => {
                    return Err(TxError::wrap(sdk::INVALID_PUBKEY, "unrecognized public key type: <nil>").into());
                }
            };
            let data = info.readable_data();
            self.charge_signature(ctx, &params, key, data)?;
        }
        Ok(())
    }

    /// `DefaultSigVerificationGasConsumer`.
    fn charge_signature(
        &self,
        ctx: &mut Ctx<'_>,
        params: &plume_interfaces::AuthParams,
        key: &PublicKey,
        data: Option<&SignatureData>,
    ) -> Result<(), Abort> {
        match key {
            PublicKey::Secp256k1(_) => ctx.charge(params.sig_verify_cost_secp256k1, "ante verify: secp256k1"),
            PublicKey::Ed25519(_) => {
                ctx.charge(params.sig_verify_cost_ed25519, "ante verify: ed25519")?;
                if self.rules.params.allow_ed25519_accounts {
                    return Ok(());
                }
                Err(TxError::wrap(sdk::INVALID_PUBKEY, "ED25519 public keys are unsupported").into())
            }
            PublicKey::Multisig(multisig) => self.charge_multisig(ctx, params, multisig, data),
        }
    }

    fn charge_multisig(
        &self,
        ctx: &mut Ctx<'_>,
        params: &plume_interfaces::AuthParams,
        multisig: &Multisig,
        data: Option<&SignatureData>,
    ) -> Result<(), Abort> {
        let Some(SignatureData::Multi { bits, signatures }) = data else {
            let text = "expected *signing.MultiSignatureData, got, *signing.SingleSignatureData";
            return Err(internal(text).into());
        };
        let mut signatures = signatures.iter();
        for index in (0..bits.len()).filter(|index| bits.get(*index)) {
            // Both run out only for a bit array that does not fit the key, which the SDK answers with a panic.
            let (Some(key), Some(data)) = (multisig.keys().get(index), signatures.next()) else {
                return Err(internal("multisignature does not fit its public key").into());
            };
            self.charge_signature(ctx, params, key, Some(data))?;
        }
        Ok(())
    }

    /// `SigVerificationDecorator`: sequence first, then the signature.
    fn verify_signatures(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        let signers = self.signers()?;
        if self.tx.infos.len() != signers.all.len() {
            return Err(self.wrong_number_of_infos(signers).into());
        }
        for (index, (info, signer)) in self.tx.infos.iter().zip(&signers.all).enumerate() {
            let account = self.account(ctx, signer)?;
            let key = match &account.public_key {
                Some(key) => key,
                None if self.simulating() => &SIMULATION_KEY,
                None => return Err(TxError::wrap(sdk::INVALID_PUBKEY, "pubkey on account is not set").into()),
            };
            if info.sequence != account.sequence {
                let text = format!("account sequence mismatch, expected {}, got {}", account.sequence, info.sequence);
                return Err(TxError::wrap(sdk::WRONG_SEQUENCE, text).into());
            }
            if matches!(self.mode, Mode::Simulate | Mode::Recheck) {
                continue;
            }
            if let Err(reason) = self.prepared.verify(ctx, self.machine, self.rules, index, key, &account)? {
                return Err(self.signature_failure(index, &account, &reason).into());
            }
        }
        Ok(())
    }

    fn signature_failure(&self, index: usize, account: &Account, reason: &str) -> TxError {
        let (number, chain_id) = (account.number, &self.rules.chain.chain_id);
        let data = self.tx.infos.get(index).and_then(Signature::readable_data);
        let text = if data.is_some_and(is_amino_only) {
            // Amino signs the sequence as well, so that may be what is wrong.
            let sequence = account.sequence;
            format!("please verify account number ({number}), sequence ({sequence}) and chain-id ({chain_id})")
        } else {
            format!("please verify account number ({number}) and chain-id ({chain_id}): ({reason})")
        };
        TxError::wrap(sdk::UNAUTHORIZED, format_args!("signature verification failed; {text}"))
    }

    /// `IncrementSequenceDecorator`.
    fn increment_sequences(&self, ctx: &mut Ctx<'_>) -> Result<(), Abort> {
        for signer in &self.signers()?.all {
            self.machine.accounts.increment_sequence(ctx, signer)?;
        }
        Ok(())
    }

    fn account(&self, ctx: &Ctx<'_>, address: &Address) -> Result<Account, Abort> {
        self.machine.accounts.account(ctx, address)?.ok_or_else(|| {
            let text = format!("account {} does not exist", self.rules.chain.prefix.account(address));
            TxError::wrap(sdk::UNKNOWN_ADDRESS, text).into()
        })
    }

    fn wrong_number_of_infos(&self, signers: &Signers) -> TxError {
        // Two spaces, as in the SDK.
        let text = format!("invalid number of signer;  expected: {}, got {}", signers.all.len(), self.tx.infos.len());
        TxError::wrap(sdk::UNAUTHORIZED, text)
    }
}

/// Length of the amino encoding of a `StdSignature` with `key` and 64 bytes: two fields with tag and length each.
fn simulated_signature_len(key: &PublicKey) -> u64 {
    let key = length(key.to_amino().len());
    let length_bytes = if key < 128 { 1 } else { 2 };
    key.saturating_add(length_bytes).saturating_add(1 + 66)
}

fn is_incomplete(data: &SignatureData) -> bool {
    match data {
        SignatureData::Single { signature, .. } => signature.is_empty(),
        SignatureData::Multi { signatures, .. } => signatures.is_empty() || signatures.iter().any(is_incomplete),
    }
}

fn is_amino_only(data: &SignatureData) -> bool {
    match data {
        SignatureData::Single { mode, .. } => *mode == sign_mode::LEGACY_AMINO_JSON,
        SignatureData::Multi { signatures, .. } => signatures.iter().all(is_amino_only),
    }
}

/// The signatures that are searchable: a single one, or those inside a multisignature followed by the whole.
fn signature_bytes(data: &SignatureData) -> Vec<Vec<u8>> {
    match data {
        SignatureData::Single { signature, .. } => vec![signature.to_vec()],
        SignatureData::Multi { signatures, .. } => {
            let mut all: Vec<Vec<u8>> = signatures.iter().flat_map(signature_bytes).collect();
            all.push(MultiSignature { signatures: all.clone() }.encode_to_vec());
            all
        }
    }
}

fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_signatures_are_as_long_as_the_sdks() {
        assert_eq!(simulated_signature_len(&SIMULATION_KEY), 106);
        assert_eq!(simulated_signature_len(&PublicKey::Ed25519([0; 32])), 105);
        let multisig = PublicKey::multisig(1, vec![SIMULATION_KEY; 4]).unwrap();
        assert_eq!(simulated_signature_len(&multisig), 1 + 2 + length(multisig.to_amino().len()) + 66);
    }

    #[test]
    fn simulation_key_is_the_sdks() {
        let hex = "035ad6810a47f073553ff30d2fcc7e0d3b1c0b74b61a1aaa2582344037151e143a";
        assert_eq!(hex::encode(SIMULATION_KEY.single_bytes()), hex);
    }
}
