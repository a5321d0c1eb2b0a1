use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use plume_light_client::TrustLevel;

use crate::cli::OutputFormat;

/// `light ...`
#[derive(Debug, Subcommand)]
pub enum LightCommand {
    /// Verify a header, the newest by default, from a header that you trust.
    #[command(
        long_about = "Verify a header, the newest by default, from a header that you trust.\n\n\
            Everything rests on --trust-height and --trust-hash: take them from someone whom you trust, not from the node \
            that is checked. From there on signatures decide: more than 2/3 of a header's own validators must have signed \
            it, and more than the trust level of those trusted before. Headers in between are fetched only where the \
            validators changed too much, or all with --sequential. An earlier height is verified by the hashes in the \
            headers. Witnesses are other nodes, run by others: they are asked for the same header.",
        after_help = "Examples:\n  \
            plumed query block 100 --node http://my-own-node:26657   # block_id.hash is the hash to trust\n  \
            plumed light verify --rpc http://127.0.0.1:26657 --trust-height 100 --trust-hash 5C3A..\n  \
            plumed light verify --trust-height 100 --trust-hash 5C3A.. --height 5000 --sequential --witness http://10.0.0.7:26657 --output json\n\n\
            Exit codes: 0 verified, 1 not verified, 2 wrong usage, 3 a witness proves a fork."
    )]
    Verify(VerifyArgs),
    /// Show a value of a store, or that there is none, proved under a verified header.
    #[command(
        long_about = "Show a value of a store, or that there is none, proved under a verified header.\n\n\
            The state after block h is proved by the header of block h + 1: a header carries the hash of the state *before* \
            its block. So the newest state that can be shown is that of the newest block but one. The header is verified \
            as `light verify` does, the value by an ICS-23 proof under the header's app hash.",
        after_help = "Examples:\n  \
            plumed light query --trust-height 100 --trust-hash 5C3A.. --store bank --key 02 14<address as 40 hex digits>75706c756d65\n  \
            plumed light query --trust-height 100 --trust-hash 5C3A.. --store acc --key 01<address as 40 hex digits> --height 4999\n\n\
            Exit codes: 0 proved, 1 not proved, 2 wrong usage, 3 a witness proves a fork."
    )]
    Query(QueryArgs),
}

/// Whom to trust, and whom to ask.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// RPC address of the node to check.
    #[arg(long, visible_alias = "node", env = "PLUMED_NODE", value_name = "URL")]
    pub rpc: Option<String>,
    /// Height of the header that you trust.
    #[arg(long, value_name = "H")]
    pub trust_height: u64,
    /// Its hash, 64 hexadecimal digits (`block_id.hash` of `plumed query block`).
    #[arg(long, value_name = "HEX")]
    pub trust_hash: String,
    /// How long a header's validators are trusted: shorter than the time in which they can be held to account.
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = period)]
    pub trusting_period: Duration,
    /// How far this machine's clock may be behind.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = period)]
    pub max_clock_drift: Duration,
    /// Part of the trusted validators that must have signed a header further on, from 1/3 to 1/1.
    #[arg(long, value_name = "FRACTION", default_value = "1/3")]
    pub trust_level: TrustLevel,
    /// Chain id that the trusted header must have.
    #[arg(long, env = "PLUMED_CHAIN_ID")]
    pub chain_id: Option<String>,
    /// Verify every header in between, not only those that are needed.
    #[arg(long)]
    pub sequential: bool,
    /// RPC address of another node that must confirm the header; several may be given.
    #[arg(long, value_name = "URL")]
    pub witness: Vec<String>,
    /// Form of the result.
    #[arg(long, short, value_enum, env = "PLUMED_OUTPUT")]
    pub output: Option<OutputFormat>,
}

/// Arguments of `light verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// What is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Height to verify; the newest by default.
    #[arg(long, value_name = "N")]
    pub height: Option<u64>,
}

/// Arguments of `light query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// What is trusted.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Store, for example `bank`.
    #[arg(long)]
    pub store: String,
    /// Key in hexadecimal digits; several parts are put together.
    #[arg(long, value_name = "HEX", required = true, num_args = 1..)]
    pub key: Vec<String>,
    /// Height whose state to read; the newest that a header proves by default.
    #[arg(long, value_name = "N")]
    pub height: Option<u64>,
}

/// A time as `14d`, `36h`, `1d12h`, `90s`.
fn period(text: &str) -> Result<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    ensure!(!text.is_empty(), "a time is empty: want for example 14d or 12h");
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let seconds: u64 = match unit {
            "w" => 7 * 24 * 3600,
            "d" => 24 * 3600,
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => 0,
        };
        ensure!(
            digits > 0 && seconds > 0,
            "{text:?} is not a time: want numbers with w, d, h, m or s, for example 14d or 1d12h"
        );
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(seconds))
            .and_then(|seconds| total.checked_add(Duration::from_secs(seconds)))
            .with_context(|| format!("{text:?} is too long a time"))?;
        rest = tail;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, seconds) in
            [("14d", 1_209_600), ("2w", 1_209_600), ("1d12h", 129_600), ("90s", 90), ("1h1m1s", 3661), ("0s", 0)]
        {
            assert_eq!(period(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "14", "d", "14 d", "-1d", "1.5h", "5ms", "99999999999999999999d", "18446744073709551615w"] {
            assert!(period(text).is_err(), "{text}");
        }
    }
}
