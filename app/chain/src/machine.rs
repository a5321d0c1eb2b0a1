use std::collections::BTreeSet;
use std::sync::Arc;

use plume_crypto::VerifyCache;
use plume_interfaces::{Accounts, Bank};
use plume_kit::{ChainInfo, Modules, ProofBatch};
use plume_params::ChainParams;
use plume_primitives::Height;

use crate::ChainConfig;
use crate::tx::DecodedTxs;

/// What never changes while the process runs: the modules, handles to some of them, and the node's configuration.
pub(crate) struct Machine {
    pub modules: Modules,
    pub accounts: Arc<dyn Accounts>,
    pub bank: Arc<dyn Bank>,
    /// Proof systems for the stateless proofs in messages.
    pub proofs: ProofBatch,
    /// Heights at which the state of all modules is brought to their versions.
    pub upgrades: BTreeSet<Height>,
    /// Signatures that were found valid, from CheckTx to FinalizeBlock.
    pub verified: VerifyCache,
    /// Transactions that the mempool took, decoded.
    pub decoded: DecodedTxs,
    pub config: ChainConfig,
}

/// What never changes while the chain lives: set at genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    pub chain: ChainInfo,
    pub params: ChainParams,
}
