use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plume_client::{combine_multisig, descriptors_from_json};

use super::file;
use super::flow::Place;
use crate::cli::TxArgs;
use crate::commands::keys;
use crate::home::Home;

/// Combines the signatures of a multisig key's members.
pub fn run(
    home: &Home,
    path: &Path,
    name: &str,
    signatures: &[PathBuf],
    out: Option<&Path>,
    args: &TxArgs,
) -> Result<()> {
    let mut tx = file::read(path)?;
    let keyring = keys::open(home, &args.keyring)?;
    let group = keyring.get(name)?;
    let mut descriptors = Vec::new();
    for path in signatures {
        let read = descriptors_from_json(&file::text(path)?)
            .with_context(|| format!("{} holds no signature", path.display()))?;
        descriptors.extend(read);
    }
    let place = Place::of(home, args, &keyring.prefix().account(&group.address()))?;
    combine_multisig(&mut tx, &group.public_key, &descriptors, &place.signer(), keyring.prefix())?;
    file::write(&tx, out)
}
