use anyhow::Result;

use super::query::Client;
use crate::cli::NodeArgs;
use crate::home::Home;
use crate::output;

/// Shows where a node stands.
pub fn run(home: &Home, args: &NodeArgs) -> Result<()> {
    let client = Client::of(home, args)?;
    output::print(&client.rpc.status()?.raw, client.format);
    Ok(())
}
