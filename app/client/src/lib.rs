//! What a wallet needs to use the chain: keys, transactions and a node's RPC. `README.md` is the specification.
//!
//! For `plumed`, tests and tools; nothing here is part of the state machine.

mod armor;
mod keyring;
mod mnemonic;
mod prompt;
mod rpc;
mod tx;

pub use armor::{ArmorError, decrypt_private_key, encrypt_private_key};
pub use keyring::{Backend, KeyKind, KeyOutput, Keyring, KeyringError, Record, public_key_from_json, public_key_json};
pub use mnemonic::{HdPath, InvalidHdPath, Mnemonic, MnemonicError, WordCount};
pub use prompt::{FixedPassword, MIN_PASSWORD_LENGTH, Prompt, Terminal};
pub use rpc::{
    AbciAnswer, Account, BlockHeader, Broadcast, BroadcastCommit, Order, QueryError, RpcClient, RpcError, Status,
    TxAnswer, TxSearch, Validator, ValidatorPage,
};
pub use tx::{
    DenomSource, SignMode, Signer, TxDraft, TxError, aux_from_json, aux_to_json, combine_multisig, decode_tx,
    descriptors_from_json, descriptors_to_json, encode_tx, require_valid, require_valid_asking, required_signers, sign,
    sign_as_multisig_member, sign_asking, sign_aux, sign_bytes, simulate_request, tx_from_json, tx_hash, tx_of_aux,
    tx_to_json,
};
