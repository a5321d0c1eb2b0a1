use plume_primitives::Bech32Prefix;

/// What is constant for the life of a chain: set in genesis, never changed by a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo {
    /// Chain id.
    pub chain_id: String,
    /// Prefix of account addresses; validator prefixes derive from it.
    pub prefix: Bech32Prefix,
}
