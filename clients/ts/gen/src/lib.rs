//! Writes the TypeScript of `clients/ts` from descriptors: an interface and a table of fields for each message.
//!
//! `README.md` says what the tables mean and when to generate them again.

mod collect;
mod options;
mod write;

use std::collections::BTreeMap;

use anyhow::Result;
use prost_reflect::DescriptorPool;

/// Packages whose messages the client package offers; those of other packages come along where these use them.
pub const OWN_PACKAGES: &str = "plume.";

/// Returns the generated files by their names. `runtime` is the module path of the codec, as the files import it.
///
/// # Errors
/// A message with a map, a floating point number, a member of a oneof without amino name, or a shape in amino JSON that
/// the client does not know: none of them may be in what is signed.
pub fn generate(pool: &DescriptorPool, runtime: &str) -> Result<BTreeMap<String, String>> {
    let packages = collect::reachable(pool)?;
    let mut files = BTreeMap::new();
    for package in &packages {
        files.insert(format!("{}.ts", package.name), write::package(pool, package, runtime)?);
    }
    files.insert("index.ts".to_owned(), write::index(pool, &packages, runtime));
    Ok(files)
}
