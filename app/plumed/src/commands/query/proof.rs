//! A value of a store, verified against a header by ICS-23.

use anyhow::{Context, Result, bail, ensure};
use ics23::{CommitmentProof, HostFunctionsManager, ProofSpec, verify_membership, verify_non_membership};
use plume_client::AbciAnswer;
use plume_proto::Message;
use plume_state::{APP_PROOF_OP, STORE_PROOF_OP, app_proof_spec, store_proof_spec};
use serde_json::json;

use super::Client;
use crate::cli::QueryArgs;
use crate::home::Home;
use crate::output;

/// Fetches a value with its proof and verifies it against the app hash of the next header.
///
/// The header itself comes from the node: whoever does not trust it verifies the header's commit, too.
pub fn run(home: &Home, store: &str, key_hex: &str, query: &QueryArgs) -> Result<()> {
    let key =
        hex::decode(key_hex.trim_start_matches("0x")).with_context(|| format!("key {key_hex:?} is not hexadecimal"))?;
    let client = Client::of(home, &query.node)?;
    // The header of height h carries the hash of the state after h - 1.
    let height = match query.height {
        Some(height) => height,
        None => client
            .rpc
            .status()?
            .latest_height
            .checked_sub(1)
            .filter(|h| *h > 0)
            .context("the chain has no proven state yet: wait for its second block")?,
    };
    let answer = client.rpc.abci_query(&format!("/store/{store}/key"), &key, Some(height), true)?;
    if answer.code != 0 {
        bail!("{} ({}/{})", answer.log, answer.codespace, answer.code);
    }
    let next = answer.height.checked_add(1).context("height overflow")?;
    let (header, _) = client
        .rpc
        .commit(Some(next))
        .with_context(|| format!("the header of height {next} proves height {}: it is not there yet", answer.height))?;
    verify(store, &key, &answer, &header.app_hash)?;
    let exists = !answer.value.is_empty();
    let shown = json!({
        "store": store,
        "key": hex::encode(&key),
        "value": exists.then(|| hex::encode(&answer.value)),
        "exists": exists,
        "height": answer.height.to_string(),
        "verified_against": {"header_height": next.to_string(), "app_hash": hex::encode_upper(&header.app_hash)},
    });
    output::print(&shown, client.format);
    Ok(())
}

/// Checks both levels of the proof: the record in the store, the store in the app hash.
fn verify(store: &str, key: &[u8], answer: &AbciAnswer, app_hash: &[u8]) -> Result<()> {
    let ops = answer.proof.as_ref().context("the node gave no proof")?.ops.as_slice();
    let [in_store, in_app] = ops else { bail!("a proof has 2 steps, this one has {}", ops.len()) };
    ensure!(
        in_store.r#type == STORE_PROOF_OP && in_app.r#type == APP_PROOF_OP,
        "unknown proof steps {} and {}",
        in_store.r#type,
        in_app.r#type
    );
    let app_proof = decode(&in_app.data)?;
    let root = match &app_proof.proof {
        Some(ics23::commitment_proof::Proof::Exist(exist)) => exist.value.clone(),
        _ => bail!("the second step of the proof proves no existence"),
    };
    require(&app_proof, &app_proof_spec(), app_hash, store.as_bytes(), Some(&root))
        .context("the store is not in the app hash")?;
    let value = (!answer.value.is_empty()).then_some(answer.value.as_slice());
    require(&decode(&in_store.data)?, &store_proof_spec(), &root, key, value)
        .context("the record is not what the store holds")
}

fn decode(bytes: &[u8]) -> Result<CommitmentProof> {
    CommitmentProof::decode(bytes).context("the proof is malformed")
}

fn require(proof: &CommitmentProof, spec: &ProofSpec, root: &[u8], key: &[u8], value: Option<&[u8]>) -> Result<()> {
    let root = root.to_vec();
    let holds = match value {
        Some(value) => verify_membership::<HostFunctionsManager>(proof, spec, &root, key, value),
        None => verify_non_membership::<HostFunctionsManager>(proof, spec, &root, key),
    };
    ensure!(holds, "the proof does not verify");
    Ok(())
}
