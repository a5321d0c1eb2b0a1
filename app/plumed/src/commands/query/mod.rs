//! Asking a node about its state.

mod proof;
mod request;
mod table;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use plume_client::RpcClient;
use plume_codec::to_json;
use serde_json::{Value, json};

use crate::cli::{ModuleQueryArgs, NodeArgs, OutputFormat, QueryArgs, QueryCommand};
use crate::home::Home;
use crate::output;

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
        QueryCommand::Auth(args) => module(home, "auth", &args),
        QueryCommand::Bank(args) => module(home, "bank", &args),
        QueryCommand::Consensus(args) => module(home, "consensus", &args),
        QueryCommand::Tx { hash, query } => tx(home, &hash, &query),
        QueryCommand::Block { height, node } => {
            let client = Client::of(home, &node)?;
            output::print(&client.rpc.block(height)?.1, client.format);
            Ok(())
        }
        QueryCommand::Proof { store, key, query } => proof::run(home, &store, &key.concat(), &query),
    }
}

fn module(home: &Home, module: &str, args: &ModuleQueryArgs) -> Result<()> {
    if args.name == "list" {
        print!("{}", table::usage(module));
        return Ok(());
    }
    let entry = table::find(module, &args.name)
        .with_context(|| format!("`query {module}` has no query {:?}; it has\n{}", args.name, table::usage(module)))?;
    let request = request::build(entry, &args.arguments, &args.query.page)?;
    let client = Client::of(home, &args.query.node)?;
    let answer = client.rpc.abci_query(&request.path, &request.data, args.query.height, false)?;
    if answer.code != 0 {
        bail!("{} ({}/{})", answer.log, answer.codespace, answer.code);
    }
    output::print(&to_json(&request.response, &answer.value)?, client.format);
    Ok(())
}

fn tx(home: &Home, hash: &str, query: &QueryArgs) -> Result<()> {
    let client = Client::of(home, &query.node)?;
    let found = client
        .rpc
        .tx(hash)?
        .with_context(|| format!("no block has a transaction {hash}: it may not be in a block yet, or was refused"))?;
    let decoded = plume_client::decode_tx(&found.tx)?;
    let shown: Value = json!({
        "height": found.height.to_string(),
        "txhash": found.hash,
        "codespace": found.codespace,
        "code": found.code,
        "data": hex::encode_upper(&found.data),
        "raw_log": found.log,
        "gas_wanted": found.gas_wanted.to_string(),
        "gas_used": found.gas_used.to_string(),
        "tx": plume_client::tx_to_json(&decoded)?,
        "events": found.events,
    });
    output::print(&shown, client.format);
    Ok(())
}
