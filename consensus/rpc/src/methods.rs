//! The table of methods: names, parameters, caching. Everything that knows "all methods" reads it here.

use crate::request::Type;

/// A method of the RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Subscribe,
    Unsubscribe,
    UnsubscribeAll,
    Health,
    Status,
    NetInfo,
    Blockchain,
    Genesis,
    GenesisChunked,
    Block,
    BlockByHash,
    BlockResults,
    Commit,
    Header,
    HeaderByHash,
    CheckTx,
    Tx,
    TxSearch,
    BlockSearch,
    Validators,
    DumpConsensusState,
    ConsensusState,
    ConsensusParams,
    UnconfirmedTxs,
    NumUnconfirmedTxs,
    BroadcastTxCommit,
    BroadcastTxSync,
    BroadcastTxAsync,
    AbciQuery,
    AbciInfo,
    BroadcastEvidence,
    DialSeeds,
    DialPeers,
    UnsafeFlushMempool,
}

/// Whether an answer may be kept by caches (for a day).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    Never,
    Always,
    /// Only if the first parameter, a height, is given.
    WithHeight,
}

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Everyone,
    /// Needs a WebSocket.
    WebSocket,
    /// Exists only if the configuration says `unsafe = true`.
    Unsafe,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) params: &'static [(&'static str, Type)],
    pub(crate) cache: Cache,
    pub(crate) access: Access,
}

impl Spec {
    const fn new(
        name: &'static str,
        method: Method,
        params: &'static [(&'static str, Type)],
        cache: Cache,
        access: Access,
    ) -> Self {
        Self { name, method, params, cache, access }
    }
}

/// All methods, sorted by name.
pub(crate) static METHODS: &[Spec] = {
    use Access::{Everyone, Unsafe, WebSocket};
    use Cache::{Always, Never, WithHeight};
    use Type::{Bool, Bytes, Evidence, Hex, Int64, OptInt, OptInt64, String, Strings, Tx, Uint};
    const NONE: &[(&str, Type)] = &[];
    const HEIGHT: &[(&str, Type)] = &[("height", OptInt64)];
    const TX: &[(&str, Type)] = &[("tx", Tx)];
    const QUERY: &[(&str, Type)] = &[("query", String)];
    &[
        Spec::new("abci_info", Method::AbciInfo, NONE, Always, Everyone),
        Spec::new(
            "abci_query",
            Method::AbciQuery,
            &[("path", String), ("data", Hex), ("height", Int64), ("prove", Bool)],
            Never,
            Everyone,
        ),
        Spec::new("block", Method::Block, HEIGHT, WithHeight, Everyone),
        Spec::new("block_by_hash", Method::BlockByHash, &[("hash", Bytes)], Always, Everyone),
        Spec::new("block_results", Method::BlockResults, HEIGHT, WithHeight, Everyone),
        Spec::new(
            "block_search",
            Method::BlockSearch,
            &[("query", String), ("page", OptInt), ("per_page", OptInt), ("order_by", String)],
            Never,
            Everyone,
        ),
        Spec::new("blockchain", Method::Blockchain, &[("minHeight", Int64), ("maxHeight", Int64)], Always, Everyone),
        Spec::new("broadcast_evidence", Method::BroadcastEvidence, &[("evidence", Evidence)], Never, Everyone),
        Spec::new("broadcast_tx_async", Method::BroadcastTxAsync, TX, Never, Everyone),
        Spec::new("broadcast_tx_commit", Method::BroadcastTxCommit, TX, Never, Everyone),
        Spec::new("broadcast_tx_sync", Method::BroadcastTxSync, TX, Never, Everyone),
        Spec::new("check_tx", Method::CheckTx, TX, Never, Everyone),
        Spec::new("commit", Method::Commit, HEIGHT, WithHeight, Everyone),
        Spec::new("consensus_params", Method::ConsensusParams, HEIGHT, WithHeight, Everyone),
        Spec::new("consensus_state", Method::ConsensusState, NONE, Never, Everyone),
        Spec::new(
            "dial_peers",
            Method::DialPeers,
            &[("peers", Strings), ("persistent", Bool), ("unconditional", Bool), ("private", Bool)],
            Never,
            Unsafe,
        ),
        Spec::new("dial_seeds", Method::DialSeeds, &[("seeds", Strings)], Never, Unsafe),
        Spec::new("dump_consensus_state", Method::DumpConsensusState, NONE, Never, Everyone),
        Spec::new("genesis", Method::Genesis, NONE, Always, Everyone),
        Spec::new("genesis_chunked", Method::GenesisChunked, &[("chunk", Uint)], Always, Everyone),
        Spec::new("header", Method::Header, HEIGHT, WithHeight, Everyone),
        Spec::new("header_by_hash", Method::HeaderByHash, &[("hash", Hex)], Always, Everyone),
        Spec::new("health", Method::Health, NONE, Never, Everyone),
        Spec::new("net_info", Method::NetInfo, NONE, Never, Everyone),
        Spec::new("num_unconfirmed_txs", Method::NumUnconfirmedTxs, NONE, Never, Everyone),
        Spec::new("status", Method::Status, NONE, Never, Everyone),
        Spec::new("subscribe", Method::Subscribe, QUERY, Never, WebSocket),
        Spec::new("tx", Method::Tx, &[("hash", Bytes), ("prove", Bool)], Always, Everyone),
        Spec::new(
            "tx_search",
            Method::TxSearch,
            &[("query", String), ("prove", Bool), ("page", OptInt), ("per_page", OptInt), ("order_by", String)],
            Never,
            Everyone,
        ),
        Spec::new("unconfirmed_txs", Method::UnconfirmedTxs, &[("limit", OptInt)], Never, Everyone),
        Spec::new("unsafe_flush_mempool", Method::UnsafeFlushMempool, NONE, Never, Unsafe),
        Spec::new("unsubscribe", Method::Unsubscribe, QUERY, Never, WebSocket),
        Spec::new("unsubscribe_all", Method::UnsubscribeAll, NONE, Never, WebSocket),
        Spec::new(
            "validators",
            Method::Validators,
            &[("height", OptInt64), ("page", OptInt), ("per_page", OptInt)],
            WithHeight,
            Everyone,
        ),
    ]
};

/// The methods that this server has, sorted by name.
pub(crate) fn offered(unsafe_methods: bool) -> impl Iterator<Item = &'static Spec> {
    METHODS.iter().filter(move |spec| unsafe_methods || spec.access != Access::Unsafe)
}

/// The method called `name`, if this server has it.
pub(crate) fn find(name: &str, unsafe_methods: bool) -> Option<&'static Spec> {
    let row = METHODS.binary_search_by(|spec| spec.name.cmp(name)).ok()?;
    METHODS.get(row).filter(|spec| unsafe_methods || spec.access != Access::Unsafe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_method_is_found() {
        assert!(METHODS.is_sorted_by(|a, b| a.name < b.name));
        for spec in METHODS {
            assert_eq!(find(spec.name, true).map(|found| found.method), Some(spec.method));
        }
        assert!(find("unsafe_flush_mempool", false).is_none());
        assert!(find("no_such_method", true).is_none());
    }
}
