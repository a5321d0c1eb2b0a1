//! `export`: the state as a genesis document.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use plume_engine::Executor;
use plume_home::genesis::{GenesisDoc, GenesisValidator};
use plume_primitives::Height;
use serde_json::Value;

use crate::home::Home;
use crate::{node, progress};

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumed export --home ./node > genesis.json\n  plumed export --for-zero-height --output-document genesis.json\n  plumed export --modules-to-export auth,bank"
)]
pub struct ExportArgs {
    /// Height to export; the latest by default.
    #[arg(long, allow_negative_numbers = true)]
    pub height: Option<i64>,
    /// Let the new chain begin at height 1 instead of after the exported height.
    #[arg(long)]
    pub for_zero_height: bool,
    /// Export only the state of these modules; all by default.
    #[arg(long, value_delimiter = ',', value_name = "MODULES")]
    pub modules_to_export: Vec<String>,
    /// Where to write the document; standard output by default.
    #[arg(long)]
    pub output_document: Option<PathBuf>,
}

/// Writes the state as a genesis document.
pub fn run(home: &Home, args: &ExportArgs) -> Result<()> {
    // The SDK's default is -1.
    let height = match args.height {
        None | Some(-1) => None,
        Some(height) => Some(Height(u64::try_from(height).with_context(|| format!("--height {height}"))?)),
    };
    let mut doc = exported(home, height)?;
    keep_modules(&mut doc.app_state, &args.modules_to_export)?;
    if args.for_zero_height {
        doc.initial_height = Height(1);
    }
    let text = doc.to_json();
    match &args.output_document {
        Some(path) => std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display())),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}

/// The document of a chain that goes on with the state of a height (the latest: `None`) at the next one.
pub fn exported(home: &Home, height: Option<Height>) -> Result<GenesisDoc> {
    let chain = node::open(home, &node::Overrides::default())?;
    let spinner = progress::spinner("exporting the state");
    let genesis = chain.reader().export(height)?;
    spinner.finish_and_clear();
    Ok(GenesisDoc {
        time: genesis.time,
        chain_id: genesis.chain_id,
        initial_height: genesis.initial_height,
        consensus_params: genesis.consensus_params,
        validators: genesis
            .validators
            .into_iter()
            .map(|validator| GenesisValidator { key: validator.key, power: validator.power, name: String::new() })
            .collect(),
        app_hash: bytes::Bytes::new(),
        app_state: serde_json::from_slice(&genesis.app_state).context("exported app_state")?,
    })
}

/// Drops what is not asked for.
fn keep_modules(app_state: &mut Value, wanted: &[String]) -> Result<()> {
    let Value::Object(modules) = app_state else { bail!("the exported app_state is no object") };
    if let Some(unknown) = wanted.iter().find(|name| !modules.contains_key(*name)) {
        let known: Vec<&str> = modules.keys().map(String::as_str).collect();
        bail!("--modules-to-export {unknown}: the modules with a state are {}", known.join(", "));
    }
    if !wanted.is_empty() {
        modules.retain(|name, _| wanted.contains(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_modules_asked_for_stay() {
        let state = || serde_json::json!({ "auth": 1, "bank": 2, "params": 3 });
        let kept = |wanted: &[&str]| {
            let mut state = state();
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            keep_modules(&mut state, &wanted).map(|()| state)
        };
        assert_eq!(kept(&[]).unwrap(), state());
        assert_eq!(kept(&["params", "auth"]).unwrap(), serde_json::json!({ "auth": 1, "params": 3 }));
        let error = kept(&["bank", "gov"]).unwrap_err().to_string();
        assert_eq!(error, "--modules-to-export gov: the modules with a state are auth, bank, params");
    }
}
