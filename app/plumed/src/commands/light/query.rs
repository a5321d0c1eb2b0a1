use anyhow::{Context, Result, bail, ensure};
use plume_light_client::rpc::{self, Transport, TransportError};
use plume_light_client::{verify_absence, verify_membership};
use serde_json::json;

use super::args::QueryArgs;
use super::node::Rpc;
use super::session::Session;
use crate::home::Home;
use crate::output;

/// Shows a value, or that there is none, with everything verified.
pub fn run(home: &Home, args: &QueryArgs) -> Result<()> {
    let digits = args.key.concat();
    let key =
        hex::decode(digits.trim_start_matches("0x")).with_context(|| format!("--key {digits:?} is not hexadecimal"))?;
    let mut session = Session::begin(home, &args.trust)?;
    // The header of height h + 1 has the hash of the state after block h.
    let height = match args.height {
        Some(0) => bail!("--height 0: heights begin with 1"),
        Some(height) => height,
        None => session
            .latest_height()?
            .checked_sub(1)
            .filter(|height| *height > 0)
            .context("the chain has no proved state yet: wait for its second block")?,
    };
    let header = height.checked_add(1).context("--height is too great")?;
    let verified = session.verify(header)?;

    let params = json!({
        "path": format!("/store/{}/key", args.store),
        "data": hex::encode(&key),
        "height": height.to_string(),
        "prove": true,
    });
    let answer = Rpc(session.rpc.clone()).call("abci_query", &params).map_err(|error| match error {
        TransportError::Refused(reason) => anyhow::anyhow!("the node refused the query: {reason}"),
        TransportError::Unavailable(reason) => anyhow::anyhow!(reason),
    })?;
    let answer = rpc::query(&answer)?;
    if answer.code != 0 {
        bail!("{} ({}/{})", answer.log, answer.codespace, answer.code);
    }
    ensure!(answer.height == height, "the node answered for height {}, not {height}", answer.height);
    let app_hash = verified.block.app_hash();
    let exists = !answer.value.is_empty();
    if exists {
        verify_membership(app_hash, &args.store, &key, &answer.value, &answer.proof)
    } else {
        verify_absence(app_hash, &args.store, &key, &answer.proof)
    }
    .context("the node's answer is not what the chain holds: do not trust this node")?;

    let text = std::str::from_utf8(&answer.value).ok().filter(|text| text.chars().all(|c| c.is_ascii_graphic()));
    let shown = json!({
        "store": args.store,
        "key": hex::encode(&key),
        "exists": exists,
        "value": exists.then(|| hex::encode(&answer.value)),
        // Amounts, for example, are stored as digits.
        "value_text": text.filter(|_| exists),
        "height": height.to_string(),
        "header": {
            "height": verified.block.height().to_string(),
            "hash": verified.block.hash().to_string(),
            "time": verified.block.time().to_string(),
            "app_hash": hex::encode_upper(app_hash),
        },
        "verified": session.account(&verified),
    });
    output::print(&shown, session.format);
    Ok(())
}
