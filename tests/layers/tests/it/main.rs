//! The repository against its own rules, and the rules against made-up workspaces.

mod layers;
mod links;
mod lints;

use std::path::{Path, PathBuf};

/// The workspace root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies in tests/layers").to_owned()
}
