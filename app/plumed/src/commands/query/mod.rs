//! Asking a node about its state.

mod block;
mod module;
mod proof;
mod tx;
mod validators;

use std::time::Duration;

use anyhow::{Result, bail};
use plume_client::RpcClient;

use crate::cli::{NodeArgs, OutputFormat, QueryCommand};
use crate::home::Home;

pub use tx::broadcast_response;

/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A node to ask, and how to print what it says.
pub struct Client {
    /// The node.
    pub rpc: RpcClient,
    /// Form of results.
    pub format: OutputFormat,
}

impl Client {
    /// What the flags, else `client.toml`, else the defaults name.
    pub fn of(home: &Home, args: &NodeArgs) -> Result<Self> {
        let config = home.client_config()?;
        let format = match (args.output, config.output.as_str()) {
            (Some(format), _) => format,
            (None, "json") => OutputFormat::Json,
            (None, "text") => OutputFormat::Text,
            (None, other) => bail!("output {other:?} in {} is neither text nor json", home.client_toml().display()),
        };
        let rpc = RpcClient::new(args.node.as_deref().unwrap_or(&config.node), TIMEOUT)?;
        Ok(Self { rpc, format })
    }
}

/// Runs a query.
pub fn run(home: &Home, command: QueryCommand) -> Result<()> {
    match command {
        QueryCommand::Module(query) => module::run(home, &query),
        QueryCommand::Tx { key, kind, node } => tx::run(&Client::of(home, &node)?, &key, kind),
        QueryCommand::Txs(args) => tx::search(&Client::of(home, &args.node)?, &args),
        QueryCommand::WaitTx { hash, timeout, node } => tx::wait(&Client::of(home, &node)?, &hash, &timeout),
        QueryCommand::Block { key, kind, node } => block::run(&Client::of(home, &node)?, key.as_deref(), kind),
        QueryCommand::Blocks(args) => block::search(&Client::of(home, &args.node)?, &args),
        QueryCommand::BlockResults { height, node } => block::results(&Client::of(home, &node)?, height),
        QueryCommand::CometValidatorSet { height, page, limit, node } => {
            validators::run(home, &Client::of(home, &node)?, height, page, limit)
        }
        QueryCommand::Proof { store, key, query } => proof::run(home, &store, &key.concat(), &query),
    }
}
