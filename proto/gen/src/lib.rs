//! Compiles the `.proto` sources of `plume-proto` without `protoc`.
//!
//! [`generate`] works in memory: the command of this crate writes its result, and a test of `plume-proto`
//! compares its result with what is checked in.

mod comments;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use prost_build::{Config, Module};
use prost_types::FileDescriptorProto;
use protox::Compiler;

/// Path, inside the `plume-proto` crate, of the binary descriptor set.
pub const DESCRIPTOR_SET: &str = "src/descriptors.bin";

/// Path, inside the `plume-proto` crate, of the comments. They stand beside the descriptor set, not in it: that one travels
/// to clients, and comments would make it several times as large.
pub const COMMENTS: &str = "src/comments.tsv";

/// Folder, inside the `plume-proto` crate, of the generated Rust.
pub const RUST_DIR: &str = "src/gen";

/// Packages whose Rust types come from another crate, and the module they come from.
///
/// A type exists once in the whole graph this way, so values pass between Plume, `cosmrs` and `tendermint`
/// without conversion.
const FOREIGN: &[(&str, &str)] = &[
    (".google.protobuf", "::tendermint_proto::google::protobuf"),
    (".tendermint", "::tendermint_proto::v0_38"),
    (".cosmos.auth.v1beta1", "::cosmos_sdk_proto::cosmos::auth::v1beta1"),
    (".cosmos.bank.v1beta1", "::cosmos_sdk_proto::cosmos::bank::v1beta1"),
    (".cosmos.base", "::cosmos_sdk_proto::cosmos::base"),
    (".cosmos.crypto", "::cosmos_sdk_proto::cosmos::crypto"),
    (".cosmos.tx.signing", "::cosmos_sdk_proto::cosmos::tx::signing"),
    (".cosmos.upgrade", "::cosmos_sdk_proto::cosmos::upgrade"),
];

/// Packages that matter in descriptors and have no Rust types; all but one only declare options.
///
/// `cosmos.reflection.v1` answers with descriptors, whose options Rust types would drop: the gateway sends their bytes.
const DESCRIPTORS_ONLY: &[&str] =
    &["amino", "cosmos.msg.v1", "cosmos.query.v1", "cosmos.reflection.v1", "cosmos_proto", "gogoproto", "google.api"];

/// Returns every generated file by its path inside the crate at `proto_dir`.
///
/// # Errors
/// A source does not compile; the message names file and line.
pub fn generate(proto_dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let sources = sources(proto_dir)?;
    let mut compiler = Compiler::new([proto_dir])?;
    compiler.include_imports(true).include_source_info(false).open_files(&sources)?;

    let mut files = BTreeMap::new();
    // The compiler's own encoding keeps custom options, which `prost_types` would drop.
    files.insert(PathBuf::from(DESCRIPTOR_SET), compiler.encode_file_descriptor_set());
    let described = compile_with_comments(proto_dir, &sources)?;
    let commented = described.iter().filter(|file| !is_foreign_to_clients(file.package()));
    files.insert(PathBuf::from(COMMENTS), comments::table(commented).into_bytes());
    for (package, rust) in rust(described)? {
        files.insert(Path::new(RUST_DIR).join(format!("{package}.rs")), rust.into_bytes());
    }
    Ok(files)
}

fn compile_with_comments(proto_dir: &Path, sources: &[PathBuf]) -> Result<Vec<FileDescriptorProto>> {
    let mut compiler = Compiler::new([proto_dir])?;
    // The generator wants the whole graph of types, also those whose Rust it leaves out.
    compiler.include_imports(true).include_source_info(true).open_files(sources)?;
    Ok(compiler.file_descriptor_set().file)
}

/// Whether nothing of a package shows in an answer: protobuf's own, and the declarations of options.
fn is_foreign_to_clients(package: &str) -> bool {
    package == "google.protobuf"
        || DESCRIPTORS_ONLY.iter().any(|only| *only == package && package != "cosmos.reflection.v1")
}

fn rust(described: Vec<FileDescriptorProto>) -> Result<BTreeMap<String, String>> {
    let mut config = Config::new();
    // Ordered maps: the same message has the same bytes on every node.
    config.compile_well_known_types().enable_type_names().btree_map(["."]);
    for (package, module) in FOREIGN {
        config.extern_path(*package, *module);
    }
    let requests =
        described.into_iter().map(|file| (Module::from_protobuf_package_name(file.package()), file)).collect();
    let generated = config.generate(requests)?;
    let named = generated.into_iter().map(|(module, rust)| (module.parts().collect::<Vec<_>>().join("."), rust));
    Ok(named.filter(|(package, _)| is_ours(package)).collect())
}

fn is_ours(package: &str) -> bool {
    let inside = |outer: &str| package == outer || package.starts_with(&format!("{outer}."));
    !DESCRIPTORS_ONLY.contains(&package) && !FOREIGN.iter().any(|(foreign, _)| inside(&foreign[1..]))
}

/// All `.proto` files below `proto_dir` in the order of their names, relative to it.
fn sources(proto_dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![proto_dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push(path.strip_prefix(proto_dir)?.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}
