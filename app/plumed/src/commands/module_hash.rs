use anyhow::{Context, Result, bail, ensure};
use ics23::CommitmentProof;
use ics23::commitment_proof::Proof;
use plume_engine::{Executor, Reader};
use plume_primitives::Height;
use plume_proto::Message;
use serde_json::json;

use crate::cli::OutputFormat;
use crate::home::Home;
use crate::{node, output};

/// Any key: the proof of its absence names the store's hash.
const KEY: &[u8] = b"\x00";

/// Prints the hash of each store that the app hash of a height is made of.
pub fn run(home: &Home, height: Option<u64>, format: OutputFormat) -> Result<()> {
    let chain = node::open(home, &node::Overrides::default())?;
    let reader = chain.reader();
    let latest = reader.info().height;
    ensure!(latest > Height::ZERO, "the state has no block yet");
    let height = height.map_or(latest, Height);
    let mut names: Vec<&str> = plume_chain::stores()?.iter().map(|store| store.name()).collect();
    names.sort_unstable();
    let mut stores = Vec::new();
    for name in names {
        let answer = match reader.query(&format!("/store/{name}/key"), KEY, Some(height), true) {
            Ok(answer) => answer,
            // A store outside the app hash has no proof; only a height that is not there concerns all.
            Err(error) if error.code == HEIGHT_NOT_AVAILABLE => bail!("{}", error.log),
            Err(_) => continue,
        };
        let [_, in_app] = answer.proof.as_slice() else { bail!("store {name} has no proof of two steps") };
        let proof = CommitmentProof::decode(&*in_app.data).context("the proof is malformed")?;
        let Some(Proof::Exist(exist)) = proof.proof else { bail!("store {name} is not in the app hash") };
        let commit = json!({"version": height.get().to_string(), "hash": hex::encode_upper(exist.value)});
        stores.push(json!({"name": name, "commit_id": commit}));
    }
    output::print(&json!({"version": height.get().to_string(), "store_infos": stores}), format);
    Ok(())
}

/// `sdk/26`.
const HEIGHT_NOT_AVAILABLE: u32 = 26;
