//! What `verify` and `query` share: from the flags to a verified header.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use plume_client::RpcClient;
use plume_light_client::{
    ChainId, Client, Error, Finding, Hash, LightBlock, Mode, Provider, ProviderError, Sources, Time, TrustOptions,
    Verified, VerifyError,
};
use serde_json::{Value, json};

use super::args::TrustArgs;
use super::node::{Primary, Witness, client};
use crate::cli::OutputFormat;
use crate::home::Home;

/// A light client that stands on the user's trusted header.
pub struct Session<'a> {
    args: &'a TrustArgs,
    /// The node that is checked.
    pub rpc: RpcClient,
    /// Form of the result.
    pub format: OutputFormat,
    trusted: LightBlock,
    client: Client,
}

impl<'a> Session<'a> {
    /// Fetches the trusted header and checks that it is the one.
    pub fn begin(home: &Home, args: &'a TrustArgs) -> Result<Self> {
        let config = home.client_config()?;
        let format = match (args.output, config.output.as_str()) {
            (Some(format), _) => format,
            (None, "json") => OutputFormat::Json,
            (None, _) => OutputFormat::Text,
        };
        let hash = hash(&args.trust_hash)?;
        let options = TrustOptions {
            max_clock_drift: args.max_clock_drift,
            trust_level: args.trust_level,
            ..TrustOptions::new(args.trust_height, hash, args.trusting_period)
        };
        let rpc = client(args.rpc.as_deref().unwrap_or(&config.node))?;
        let primary = Primary::new(&rpc, ProgressBar::hidden());
        let trusted = primary
            .light_block(args.trust_height)
            .map_err(|source| Error::Provider { provider: primary.name(), source })?;
        // The hash covers the chain id, so the header's own is as good as the hash.
        let chain_id = match &args.chain_id {
            Some(id) => id.parse::<ChainId>().map_err(|_| anyhow!("{id:?} is not a chain id"))?,
            None => trusted.header().chain_id.clone(),
        };
        let client = Client::new(chain_id, options, trusted.clone())?;
        Ok(Self { args, rpc, format, trusted, client })
    }

    /// The newest height of the node.
    pub fn latest_height(&self) -> Result<u64> {
        let primary = Primary::new(&self.rpc, ProgressBar::hidden());
        let latest = primary.latest_height().map_err(|source| Error::Provider { provider: primary.name(), source })?;
        Ok(latest)
    }

    /// Verifies the header at `height` as the flags say.
    pub fn verify(&mut self, height: u64) -> Result<Verified> {
        let all = self.args.sequential || height < self.trusted.height();
        let bar = progress(all.then(|| height.abs_diff(self.trusted.height())));
        let primary = Primary::new(&self.rpc, bar.clone());
        let witnesses: Vec<_> = self.args.witness.iter().map(|url| Witness::new(url, height)).collect::<Result<_>>()?;
        let witnesses: Vec<&dyn Provider> = witnesses.iter().map(|witness| witness as &dyn Provider).collect();
        let mode = if self.args.sequential { Mode::Sequential } else { Mode::Skipping };
        let sources = Sources { primary: &primary, witnesses: &witnesses };
        let verified = self.client.verify(sources, height, mode, now()?);
        bar.finish_and_clear();
        Ok(verified?)
    }

    /// How a verified header was reached, for the result.
    pub fn account(&self, verified: &Verified) -> Value {
        let from = &self.trusted;
        let way = match (verified.block.height().cmp(&from.height()), self.args.sequential) {
            (std::cmp::Ordering::Less, _) => "backwards",
            (std::cmp::Ordering::Equal, _) => "trusted",
            (std::cmp::Ordering::Greater, true) => "sequential",
            (std::cmp::Ordering::Greater, false) => "skipping",
        };
        let witnesses: Vec<_> = verified
            .witnesses
            .iter()
            .map(|report| {
                let text = report.to_string();
                let says = text.strip_prefix(&format!("{} ", report.name)).unwrap_or(&text).to_owned();
                json!({ "node": report.name, "agrees": report.finding == Finding::Agrees, "says": says })
            })
            .collect();
        json!({
            "way": way,
            "headers_verified": verified.steps.to_string(),
            "headers_fetched": verified.fetched.to_string(),
            "from": {"height": from.height().to_string(), "hash": from.hash().to_string(), "time": from.time().to_string()},
            "witnesses": witnesses,
        })
    }
}

/// An error with its causes in one line, and what to do about it.
pub fn explain(error: &Error) -> anyhow::Error {
    let text = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    let advice = match error {
        Error::TrustedHash { .. } => {
            "Ask a second source for the hash of that height; if it is right, this node is on another chain: use another --rpc."
        }
        Error::TrustedBlock { source, .. } if matches!(**source, VerifyError::ChainId { .. }) => {
            "Leave --chain-id out, or use a node of that chain."
        }
        Error::Provider { source: ProviderError::NoBlock { .. }, .. } => {
            "The block may be newer than the node, or pruned: use another height, a newer trusted header, or a node that keeps more."
        }
        Error::Provider { source: ProviderError::Unavailable { .. }, .. } => {
            "Start a node with `plumed start`, or name another with --rpc."
        }
        Error::Provider { .. } => "Use a node of CometBFT 0.38 or of Plume's own engine.",
        Error::NoWitnessAgrees { .. } => "Name a witness that is up to date and has the block, or verify again.",
        Error::Refused { source, .. } => match **source {
            VerifyError::Expired { .. } => {
                "Take a newer --trust-height with its --trust-hash, or a longer --trusting-period if the validators can be held to account for longer."
            }
            VerifyError::FromFuture { .. } => "Set this machine's clock, or allow more with --max-clock-drift.",
            _ => "Do not trust this node; verify with another --rpc.",
        },
        _ => return anyhow!(text),
    };
    anyhow!("{text}.\n{advice}")
}

fn hash(text: &str) -> Result<Hash> {
    let digits = text.trim_start_matches("0x");
    let bytes = hex::decode(digits).with_context(|| format!("--trust-hash {text:?} is not hexadecimal"))?;
    match <[u8; 32]>::try_from(bytes) {
        Ok(bytes) => Ok(Hash::Sha256(bytes)),
        Err(bytes) => bail!("--trust-hash has {} bytes: a hash has 32, 64 hexadecimal digits", bytes.len()),
    }
}

fn now() -> Result<Time> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    let seconds = i64::try_from(elapsed.as_secs()).context("the clock stands after the year 9999")?;
    Time::from_unix_timestamp(seconds, elapsed.subsec_nanos())
        .map_err(|_| anyhow!("the clock stands after the year 9999"))
}

/// A bar where the number of headers is known, else a count; nothing where standard error is no terminal.
fn progress(headers: Option<u64>) -> ProgressBar {
    let (bar, template) = match headers {
        Some(headers) => (ProgressBar::new(headers), "{bar:40} {pos}/{len} headers, {per_sec}, {eta} left, at {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} headers, at {msg}"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the templates above are valid"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_hash_has_32_bytes() {
        let digits = "5c".repeat(32);
        assert_eq!(hash(&digits).unwrap(), Hash::Sha256([0x5c; 32]));
        assert_eq!(hash(&format!("0x{}", digits.to_uppercase())).unwrap(), Hash::Sha256([0x5c; 32]));
        assert!(hash("5c").unwrap_err().to_string().contains("has 1 bytes: a hash has 32"));
        assert!(hash("xyz").unwrap_err().to_string().contains("not hexadecimal"));
    }
}
