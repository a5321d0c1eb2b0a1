//! Regenerates the checked-in files of `plume-proto`: `plume-proto-gen [PROTO_DIR]`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plume_proto_gen::{RUST_DIR, generate};

fn main() -> Result<()> {
    let proto_dir = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("proto"), PathBuf::from);
    let files = generate(&proto_dir)?;
    remove_stale(&proto_dir.join(RUST_DIR))?;
    for (path, contents) in &files {
        let path = proto_dir.join(path);
        std::fs::write(&path, contents).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

/// A package that was removed from the sources must not leave its Rust behind.
fn remove_stale(rust_dir: &Path) -> Result<()> {
    std::fs::create_dir_all(rust_dir)?;
    for entry in std::fs::read_dir(rust_dir)? {
        std::fs::remove_file(entry?.path())?;
    }
    Ok(())
}
