use anyhow::Result;
use serde_json::json;

use super::args::VerifyArgs;
use super::session::Session;
use crate::home::Home;
use crate::output;

/// Verifies a header and shows what it says.
pub fn run(home: &Home, args: &VerifyArgs) -> Result<()> {
    let mut session = Session::begin(home, &args.trust)?;
    let height = match args.height {
        Some(height) => height,
        None => session.latest_height()?,
    };
    let verified = session.verify(height)?;
    let block = &verified.block;
    let header = block.header();
    let shown = json!({
        "chain_id": header.chain_id.to_string(),
        "height": block.height().to_string(),
        "hash": block.hash().to_string(),
        "time": block.time().to_string(),
        // The state before this block.
        "app_hash": hex::encode_upper(block.app_hash()),
        "validators_hash": header.validators_hash.to_string(),
        "next_validators_hash": header.next_validators_hash.to_string(),
        "proposer_address": header.proposer_address.to_string(),
        "validators": {
            "count": block.validators().validators().len().to_string(),
            "power": block.validators().total_voting_power().to_string(),
            "signed_power": block.signed_power().to_string(),
        },
        "verified": session.account(&verified),
    });
    output::print(&shown, session.format);
    Ok(())
}
