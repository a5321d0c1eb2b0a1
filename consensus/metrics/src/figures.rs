use std::time::Duration;

/// A block that has just been committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// Transactions in it.
    pub txs: usize,
    /// Bytes of the encoded block.
    pub bytes: usize,
    /// From the time in the header before to the time in its own; `None` for the first block.
    pub interval: Option<Duration>,
    /// Validators of the height.
    pub validators: Voters,
    /// Validators of the height before whose signature is absent from the last commit in it.
    pub missing: Voters,
    /// Validators that evidence in it shows to have signed twice.
    pub byzantine: Voters,
    /// This node's part in the last commit in it; `None` if it was no validator.
    pub own: Option<OwnVote>,
    /// Time of `FinalizeBlock`.
    pub processing: Duration,
    /// Whether it changed the validator set.
    pub validator_updates: bool,
    /// Whether it changed the consensus parameters.
    pub param_updates: bool,
}

/// Some validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Voters {
    /// How many.
    pub count: usize,
    /// Their voting power together.
    pub power: u64,
}

/// What a commit says of one validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnVote {
    /// Consensus address, upper-case hexadecimal as in CometBFT's RPC.
    pub address: String,
    /// Its voting power.
    pub power: u64,
    /// Whether its signature for the block is there.
    pub signed: bool,
}

/// State of the mempool; totals are since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mempool {
    /// Transactions that wait.
    pub size: usize,
    /// Their bytes.
    pub size_bytes: u64,
    /// Refused by the application.
    pub failed_txs: u64,
    /// Refused for want of room.
    pub rejected_txs: u64,
    /// Dropped because they became invalid or too old.
    pub evicted_txs: u64,
    /// Checks of waiting transactions.
    pub recheck_times: u64,
}

/// A connection; totals are since it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id, 40 hexadecimal digits.
    pub id: String,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes that wait to be sent.
    pub pending: u64,
}

/// State of the Raft group as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raft {
    /// Term.
    pub term: u64,
    /// Whether this node leads.
    pub is_leader: bool,
    /// Id of the node that leads, 40 hexadecimal digits; `None` during an election.
    pub leader: Option<String>,
    /// Last entry in this node's log, 0 if there is none.
    pub last_log_index: u64,
    /// Last committed entry known here, 0 if there is none.
    pub committed_index: u64,
    /// Members that vote.
    pub voters: usize,
    /// Members that do not.
    pub learners: usize,
}
