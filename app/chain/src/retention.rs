//! Which blocks the engine may forget (`GetBlockRetentionHeight` of the SDK).

use crate::ChainConfig;

/// The lowest height whose block must stay after block `height`; 0 when all must.
///
/// Every wish that is not zero counts, and the most cautious wins: the operator's `min-retain-blocks` (0: keep all), the
/// age up to which evidence is taken (`evidence_blocks`), and the blocks that a node needs which takes over the oldest of
/// the kept snapshots. `durable` is the height that would survive a crash now.
pub(crate) fn retain_height(config: &ChainConfig, evidence_blocks: u64, height: u64, durable: u64) -> u64 {
    if config.min_retain_blocks == 0 {
        return 0;
    }
    let snapshots = match config.snapshots.folder {
        Some(_) => config.snapshots.interval.saturating_mul(config.snapshots.keep_recent.into()),
        None => 0,
    };
    let wishes = [config.min_retain_blocks, evidence_blocks, snapshots];
    let most = wishes.into_iter().max().unwrap_or(0);
    // # Consensus
    // Never above what is durable: the engine replays from there after a crash.
    height.saturating_sub(most).min(durable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SnapshotConfig;

    #[test]
    fn the_most_cautious_wish_wins() {
        let config = |min_retain_blocks, interval, keep_recent| ChainConfig {
            min_retain_blocks,
            snapshots: SnapshotConfig {
                folder: Some("snapshots".into()),
                interval,
                keep_recent,
                ..SnapshotConfig::default()
            },
            ..ChainConfig::default()
        };
        // The SDK's own cases (`TestABCI_GetBlockRetentionHeight`).
        for (min_retain, interval, keep, evidence, height, expected) in [
            (0, 0, 0, 0, 499_000, 0),
            (1, 0, 0, 362_880, 499_000, 136_120),
            (1, 10_000, 1, 0, 499_000, 489_000),
            (1, 50_000, 3, 0, 499_000, 349_000),
            (400_000, 0, 0, 0, 499_000, 99_000),
            (400_000, 50_000, 3, 362_880, 499_000, 99_000),
            (400_000, 50_000, 3, 362_880, 10_000, 0),
            (0, 50_000, 3, 362_880, 499_000, 0),
        ] {
            let found = retain_height(&config(min_retain, interval, keep), evidence, height, u64::MAX);
            assert_eq!(found, expected, "{min_retain} {interval} {keep} {evidence} {height}");
        }
        assert_eq!(retain_height(&config(10, 0, 0), 0, 100, 70), 70, "what is not durable is replayed");
    }
}
