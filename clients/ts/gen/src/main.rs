//! Writes `clients/ts/src/gen` anew: `plume-ts-gen [FOLDER]`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use plume_proto::DESCRIPTOR_SET;
use plume_ts_gen::generate;
use prost_reflect::DescriptorPool;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("clients/ts/src/gen"), PathBuf::from);
    let files = generate(&DescriptorPool::decode(DESCRIPTOR_SET)?, "../codec")?;
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(&folder)? {
        std::fs::remove_file(entry?.path())?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}
