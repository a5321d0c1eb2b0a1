//! A chain with funded accounts, and transactions in every form.

use std::sync::Arc;

use bytes::Bytes;
use plume_chain::{Catalogue, Chain, ChainConfig, ChainReader, plume_modules};
use plume_crypto::{BitArray, PublicKey, SignatureData};
use plume_engine::{
    Block, BlockOutcome, CheckKind, CheckOutcome, ConsensusParams, Event, Executor, Genesis, InitOutcome, QueryAnswer,
    QueryError, Reader, TxResult, ValidatorKey, ValidatorUpdate,
};
use plume_primitives::{Address, Bech32Prefix, Height, Timestamp};
use plume_proto::cosmos::auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse};
use plume_proto::cosmos::bank::v1beta1::{
    Input, Metadata, MsgMultiSend, MsgSend, Output, QueryBalanceRequest, QueryBalanceResponse,
};
use plume_proto::cosmos::base::v1beta1::Coin;
use plume_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, SignerInfo, TxBody, TxRaw};
use plume_proto::tendermint::types::{BlockParams, EvidenceParams, ValidatorParams, VersionParams};
use plume_proto::{Any, Message, Name, any};
use plume_state::{Backend, MemoryBackend};
use plume_testkit::{Blocks, Signer};
use serde_json::{Value, json};

pub const CHAIN_ID: &str = "plume-local-1";
pub const DIRECT: i32 = 1;
pub const TEXTUAL: i32 = 2;
pub const DIRECT_AUX: i32 = 3;
pub const AMINO: i32 = 127;
pub const DENOM: &str = "uplume";
/// What every account of [`Net::new`] holds.
pub const FUNDS: u128 = 1_000_000_000;
pub const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

pub fn prefix() -> Bech32Prefix {
    Bech32Prefix::new("plume").unwrap()
}

pub fn text(address: &Address) -> String {
    prefix().account(address)
}

pub fn key(name: &str) -> Signer {
    Signer::named(name)
}

pub fn addr(name: &str) -> String {
    text(&key(name).address())
}

pub fn coin(amount: u128) -> Coin {
    Coin { denom: DENOM.to_owned(), amount: amount.to_string() }
}

pub fn send(from: &str, to: &str, amount: u128) -> MsgSend {
    MsgSend { from_address: from.to_owned(), to_address: to.to_owned(), amount: vec![coin(amount)] }
}

pub fn multi_send(from: &str, to: &[(&str, u128)]) -> MsgMultiSend {
    let sum = to.iter().map(|(_, amount)| amount).sum();
    MsgMultiSend {
        inputs: vec![Input { address: from.to_owned(), coins: vec![coin(sum)] }],
        outputs: to
            .iter()
            .map(|(to, amount)| Output { address: (*to).to_owned(), coins: vec![coin(*amount)] })
            .collect(),
    }
}

/// `n` of the named keys.
pub fn multisig(threshold: u32, names: &[&str]) -> PublicKey {
    PublicKey::multisig(threshold, names.iter().map(|name| key(name).public_key()).collect()).unwrap()
}

pub fn consensus_params(max_gas: i64) -> ConsensusParams {
    ConsensusParams {
        block: Some(BlockParams { max_bytes: 4 << 20, max_gas }),
        evidence: Some(EvidenceParams {
            max_age_num_blocks: 100_000,
            max_age_duration: Some(plume_proto::google::protobuf::Duration { seconds: 172_800, nanos: 0 }),
            max_bytes: 1 << 20,
        }),
        validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".to_owned()] }),
        version: Some(VersionParams { app: 0 }),
        abci: None,
    }
}

/// `app_state` with base accounts numbered from 0 and their balances.
pub fn app_state(accounts: &[(Address, u128)]) -> Value {
    let base_accounts: Vec<Value> = accounts
        .iter()
        .enumerate()
        .map(|(number, (address, _))| {
            json!({
                "@type": "/cosmos.auth.v1beta1.BaseAccount",
                "address": text(address), "pub_key": null, "account_number": number.to_string(), "sequence": "0",
            })
        })
        .collect();
    let balances: Vec<Value> = accounts
        .iter()
        .filter(|(_, amount)| *amount > 0)
        .map(|(address, amount)| {
            json!({"address": text(address), "coins": [{"denom": DENOM, "amount": amount.to_string()}]})
        })
        .collect();
    json!({
        "auth": {
            "params": {
                "max_memo_characters": "256", "tx_sig_limit": "7", "tx_size_cost_per_byte": "10",
                "sig_verify_cost_ed25519": "590", "sig_verify_cost_secp256k1": "1000",
            },
            "accounts": base_accounts,
        },
        "bank": {
            "params": {"send_enabled": [], "default_send_enabled": true},
            "balances": balances, "supply": [], "denom_metadata": [], "send_enabled": [],
        },
        "plume": {"params": {"bech32_prefix": "plume", "base_denom": DENOM, "fee_denoms": [], "policies": {}}},
    })
}

pub fn genesis(app_state: &Value) -> Genesis {
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        time: Timestamp::new(1_700_000_000, 0).unwrap(),
        initial_height: Height(1),
        consensus_params: consensus_params(-1),
        validators: vec![ValidatorUpdate { key: ValidatorKey::Ed25519([7; 32]), power: 10 }],
        app_state: Bytes::from(app_state.to_string()),
    }
}

/// The accounts of [`NAMES`] with [`FUNDS`] each, and a multisig of the first three with as much.
pub fn standard_accounts() -> Vec<(Address, u128)> {
    let named = NAMES.iter().map(|name| key(name).address());
    named.chain([multisig(2, &NAMES[..3]).address()]).map(|address| (address, FUNDS)).collect()
}

/// A chain without an engine.
pub struct Net {
    pub chain: Chain,
    pub reader: ChainReader,
    pub blocks: Blocks,
    pub init: InitOutcome,
}

impl Net {
    /// A chain in memory with [`standard_accounts`].
    pub fn new() -> Self {
        Self::with(ChainConfig::default(), plume_modules(), &genesis(&app_state(&standard_accounts())))
    }

    pub fn with_genesis(genesis: &Genesis) -> Self {
        Self::with(ChainConfig::default(), plume_modules(), genesis)
    }

    pub fn with(config: ChainConfig, catalogue: Catalogue, genesis: &Genesis) -> Self {
        Self::on(config, catalogue, Arc::new(MemoryBackend::new()), genesis)
    }

    pub fn on(config: ChainConfig, catalogue: Catalogue, backend: Arc<dyn Backend>, genesis: &Genesis) -> Self {
        let mut chain = Chain::open_with(config, backend, catalogue).unwrap();
        let init = chain.init_chain(genesis.clone()).unwrap();
        let reader = chain.reader();
        Self { chain, reader, blocks: Blocks::from(genesis.initial_height, genesis.time), init }
    }

    /// Executes and commits a block.
    pub fn block(&mut self, txs: Vec<Bytes>) -> BlockOutcome {
        let block = self.blocks.next(txs);
        self.commit(&block)
    }

    pub fn commit(&mut self, block: &Block) -> BlockOutcome {
        let outcome = self.chain.finalize(block).unwrap();
        let committed = self.chain.commit().unwrap();
        assert_eq!(committed.height, block.height);
        assert_eq!(self.reader.info().app_hash, outcome.app_hash);
        outcome
    }

    /// Executes one transaction in a block of its own.
    pub fn run(&mut self, tx: Bytes) -> TxResult {
        self.block(vec![tx]).tx_results.remove(0)
    }

    pub fn check(&self, tx: &Bytes) -> CheckOutcome {
        self.reader.check_tx(tx, CheckKind::New)
    }

    pub fn recheck(&self, tx: &Bytes) -> CheckOutcome {
        self.reader.check_tx(tx, CheckKind::Recheck)
    }

    pub fn query<Q: Message, A: Message + Default>(&self, path: &str, request: &Q) -> Result<A, QueryError> {
        self.query_at(path, request, None)
    }

    pub fn query_at<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
        height: Option<Height>,
    ) -> Result<A, QueryError> {
        let answer: QueryAnswer = self.reader.query(path, &request.encode_to_vec(), height, false)?;
        Ok(A::decode(answer.value.as_ref()).unwrap())
    }

    pub fn balance(&self, address: &str) -> u128 {
        self.balance_at(address, None)
    }

    pub fn balance_at(&self, address: &str, height: Option<Height>) -> u128 {
        let request = QueryBalanceRequest { address: address.to_owned(), denom: DENOM.to_owned() };
        let answer: QueryBalanceResponse =
            self.query_at("/cosmos.bank.v1beta1.Query/Balance", &request, height).unwrap();
        answer.balance.unwrap().amount.parse().unwrap()
    }

    /// Number and sequence of an account.
    pub fn account(&self, address: &str) -> Option<(u64, u64)> {
        let request = QueryAccountInfoRequest { address: address.to_owned() };
        let answer: QueryAccountInfoResponse = self.query("/cosmos.auth.v1beta1.Query/AccountInfo", &request).ok()?;
        answer.info.map(|info| (info.account_number, info.sequence))
    }

    /// A transaction of `name`, with its number and its next sequence.
    pub fn tx(&self, name: &str) -> Draft {
        let (number, sequence) = self.account(&addr(name)).unwrap_or_else(|| genesis_account(name));
        Draft::new(&[(By::Key(key(name)), number, sequence)])
    }
}

/// Number and sequence of a standard account before the first block.
fn genesis_account(name: &str) -> (u64, u64) {
    let number = NAMES.iter().position(|known| *known == name).expect("a standard account");
    (u64::try_from(number).unwrap(), 0)
}

/// Who signs.
#[derive(Clone)]
pub enum By {
    Key(Signer),
    /// A threshold key, and which of its members sign.
    Multi(PublicKey, Vec<(usize, Signer)>),
}

impl By {
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Key(signer) => signer.public_key(),
            Self::Multi(key, _) => key.clone(),
        }
    }
}

fn multi(mode: i32, key: &PublicKey, members: impl Iterator<Item = (usize, Bytes)>) -> SignatureData {
    let PublicKey::Multisig(multisig) = key else { panic!("a threshold key") };
    let mut bits = BitArray::new(multisig.keys().len());
    let signatures = members
        .map(|(index, signature)| {
            bits.set(index);
            SignatureData::Single { mode, signature }
        })
        .collect();
    SignatureData::Multi { bits, signatures }
}

/// A transaction in the making; a test breaks exactly one thing of it.
#[derive(Clone)]
pub struct Draft {
    pub body: TxBody,
    pub fee: Fee,
    pub chain_id: String,
    pub mode: i32,
    /// Modes of the signers that sign in another, by index.
    pub modes: Vec<(usize, i32)>,
    /// What the signers know about denominations, which textual sign bytes depend on.
    pub metadata: Vec<Metadata>,
    /// Signer, account number, sequence.
    pub by: Vec<(By, u64, u64)>,
    pub leave_out_keys: bool,
}

impl Draft {
    pub fn new(by: &[(By, u64, u64)]) -> Self {
        Self {
            body: TxBody::default(),
            fee: Fee { gas_limit: 200_000, amount: vec![coin(2_000)], ..Fee::default() },
            chain_id: CHAIN_ID.to_owned(),
            mode: DIRECT,
            modes: Vec::new(),
            metadata: Vec::new(),
            by: by.to_vec(),
            leave_out_keys: false,
        }
    }

    pub fn msg<T: Message + Name>(self, message: &T) -> Self {
        self.any(any(message))
    }

    pub fn any(mut self, message: Any) -> Self {
        self.body.messages.push(message);
        self
    }

    pub fn gas(mut self, limit: u64) -> Self {
        self.fee.gas_limit = limit;
        self
    }

    pub fn fee(mut self, amount: u128) -> Self {
        self.fee.amount = if amount == 0 { Vec::new() } else { vec![coin(amount)] };
        self
    }

    pub fn mode(mut self, mode: i32) -> Self {
        self.mode = mode;
        self
    }

    pub fn sequence(mut self, sequence: u64) -> Self {
        self.by[0].2 = sequence;
        self
    }

    pub fn edit(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    pub fn auth_info(&self) -> AuthInfo {
        let signer_infos = self
            .by
            .iter()
            .enumerate()
            .map(|(index, (by, _, sequence))| {
                let mode = self.mode_of(index);
                let data = match by {
                    By::Key(_) => SignatureData::Single { mode, signature: Bytes::new() },
                    By::Multi(key, members) => {
                        multi(mode, key, members.iter().map(|(index, _)| (*index, Bytes::new())))
                    }
                };
                let public_key = (!self.leave_out_keys).then(|| by.public_key().to_any());
                SignerInfo { public_key, mode_info: Some(data.to_proto().0), sequence: *sequence }
            })
            .collect();
        AuthInfo { signer_infos, fee: Some(self.fee.clone()), ..AuthInfo::default() }
    }

    fn mode_of(&self, index: usize) -> i32 {
        self.modes.iter().find(|(signer, _)| *signer == index).map_or(self.mode, |(_, mode)| *mode)
    }

    /// What signer `index` signs.
    pub fn sign_bytes(&self, index: usize) -> Vec<u8> {
        let (by, number, sequence) = &self.by[index];
        let (body, auth_info) = (self.body.encode_to_vec(), self.auth_info().encode_to_vec());
        let key = by.public_key();
        let signer = plume_codec::SignerData { chain_id: &self.chain_id, account_number: *number, sequence: *sequence };
        match self.mode_of(index) {
            AMINO => plume_codec::sign_doc_amino(&body, &self.body, &self.fee, &signer).unwrap(),
            DIRECT_AUX => plume_codec::sign_doc_direct_aux(&body, &key.to_any(), &signer),
            TEXTUAL => {
                let who = plume_codec::TextualSigner {
                    address: &text(&key.address()),
                    chain_id: &self.chain_id,
                    account_number: *number,
                    sequence: *sequence,
                    public_key: &key.to_any(),
                };
                let mut known = |denom: &str| {
                    Ok::<_, std::convert::Infallible>(self.metadata.iter().find(|m| m.base == denom).cloned())
                };
                // What has no screens cannot be signed; some tests want to see the refusal.
                plume_codec::sign_doc_textual(&body, &auth_info, &who, &mut known).unwrap_or_default()
            }
            _ => plume_codec::sign_doc_direct(&body, &auth_info, &self.chain_id, *number),
        }
    }

    pub fn raw(&self) -> TxRaw {
        let signatures = self
            .by
            .iter()
            .enumerate()
            .map(|(index, (by, _, _))| {
                let bytes = self.sign_bytes(index);
                match by {
                    By::Key(signer) => signer.sign(&bytes),
                    By::Multi(key, members) => {
                        let signed = members.iter().map(|(index, signer)| (*index, Bytes::from(signer.sign(&bytes))));
                        multi(self.mode_of(index), key, signed).to_proto().1
                    }
                }
            })
            .collect();
        TxRaw { body_bytes: self.body.encode_to_vec(), auth_info_bytes: self.auth_info().encode_to_vec(), signatures }
    }

    pub fn sign(&self) -> Bytes {
        Bytes::from(self.raw().encode_to_vec())
    }
}

/// Events as text, one per line: `kind key=value,key=value`.
pub fn lines(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let attributes: Vec<String> = event.attributes.iter().map(|a| format!("{}={}", a.key, a.value)).collect();
            format!("{} {}", event.kind, attributes.join(","))
        })
        .collect()
}
