//! Making a local snapshot the state of an empty chain.

use anyhow::{Context, Result, anyhow, bail};
use plume_chain::{Chain, LocalSnapshot, LocalSnapshots};
use plume_engine::{ChunkVerdict, Executor, Offer, Reader as _, TrustedState};

use crate::progress;

/// What the operator does about a snapshot that cannot become the state.
const ADVICE: &str = "delete this snapshot and load or export it again";

/// Offers the snapshot and applies the chunks that are missing; what an earlier attempt has kept is there already. Every chunk
/// is verified against `trusted`.
///
/// # Errors
/// A snapshot or a chunk that is refused, by the reason that the chain gives; a state that is not the snapshot's afterwards.
pub fn take_over(
    chain: &mut Chain,
    folder: &LocalSnapshots,
    snapshot: &LocalSnapshot,
    trusted: &TrustedState,
) -> Result<()> {
    let height = snapshot.info.height;
    match chain.offer_snapshot(&snapshot.info, trusted)? {
        Offer::Accept => {}
        Offer::Reject(reason) | Offer::RejectFormat(reason) | Offer::Abort(reason) => {
            bail!("the snapshot of height {height} is refused: {reason}")
        }
    }
    let missing = chain.restore_progress().map_or_else(Vec::new, |progress| progress.missing);
    let bar = progress::bar(snapshot.info.chunks.into(), "chunks");
    bar.set_position((snapshot.info.chunks as usize - missing.len().min(snapshot.info.chunks as usize)) as u64);
    for index in missing {
        let chunk = folder.chunk(snapshot, index).context(ADVICE)?;
        match chain.apply_chunk(index, chunk)? {
            ChunkVerdict::Applied | ChunkVerdict::Complete => bar.inc(1),
            ChunkVerdict::Refused(reason) | ChunkVerdict::RejectSnapshot(reason) => {
                return Err(anyhow!("chunk {index}: {reason}").context(ADVICE));
            }
        }
    }
    bar.finish_and_clear();
    let info = chain.reader().info();
    if info.height != height || info.app_hash != trusted.app_hash {
        bail!("the snapshot did not become the state: the state is at height {}", info.height);
    }
    Ok(())
}
