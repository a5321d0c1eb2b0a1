//! The generated files are current, and what they must agree with comes from the chain's own codec.
//!
//! `PLUME_REGENERATE=1 cargo test -p plume-ts-gen` writes them anew.

mod samples;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use plume_codec::{add_descriptors, amino_json, from_json, pool};
use plume_proto::DESCRIPTOR_SET;
use plume_ts_gen::generate;
use prost_reflect::DescriptorPool;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares with what is checked in, or replaces it.
fn require_current(path: &Path, text: &str) {
    if std::env::var_os("PLUME_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "{} is not current: see clients/ts/gen/README.md", path.display());
}

fn require_current_folder(folder: &Path, pool: &DescriptorPool, runtime: &str) {
    let files = generate(pool, runtime).expect("generated");
    for (name, text) in &files {
        require_current(&folder.join(name), text);
    }
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    found.sort();
    assert_eq!(found, files.into_keys().collect::<Vec<_>>(), "nothing stale");
}

/// The toy's descriptors.
fn toy(with_imports: bool) -> Vec<u8> {
    let proto = folder().join("../../proto");
    let mut compiler = protox::Compiler::new([folder().join("test/proto"), proto]).expect("folders");
    compiler.include_imports(with_imports).open_files(["plume/toy/v1/toy.proto"]).expect("compiles");
    compiler.encode_file_descriptor_set()
}

/// Installs them beside the chain's.
static TOY: LazyLock<()> = LazyLock::new(|| add_descriptors(&toy(true)).expect("installed"));

#[test]
fn the_toys_descriptors_for_other_languages_are_current() {
    require_current(&folder().join("test/toy-descriptors.hex"), &format!("{}\n", hex::encode(toy(false))));
}

#[test]
fn the_chains_messages_are_current() {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).expect("descriptors");
    require_current_folder(&folder().join("src/gen"), &pool, "../codec");
}

#[test]
fn the_toys_messages_are_current() {
    LazyLock::force(&TOY);
    require_current_folder(&folder().join("test/gen"), pool(), "../../src/codec");
}

#[test]
fn the_toys_samples_are_current() {
    LazyLock::force(&TOY);
    let samples: Vec<Value> = samples::all(pool())
        .into_iter()
        .map(|json| {
            let wire = from_json("plume.toy.v1.MsgPlay", &json).unwrap_or_else(|error| panic!("{json}: {error}"));
            let amino = amino_json("/plume.toy.v1.MsgPlay", &wire).unwrap_or_else(|error| panic!("{json}: {error}"));
            json!({"wire": hex::encode(wire), "amino": String::from_utf8(amino).expect("UTF-8")})
        })
        .collect();
    assert!(samples.len() >= 25);
    let lines: Vec<_> = samples.iter().map(Value::to_string).collect();
    require_current(&folder().join("test/toy.json"), &format!("[\n{}\n]\n", lines.join(",\n")));
}

#[test]
fn what_is_never_signed_is_refused() {
    let refused = |field: &str| {
        let source = format!("syntax = \"proto3\"; package plume.bad.v1; message Bad {{ {field} }}");
        let file = protox::compile([Source::write(&source).path()], [std::env::temp_dir()]).expect("compiles");
        let pool = DescriptorPool::from_file_descriptor_set(file).expect("a pool");
        format!("{:#}", generate(&pool, "../codec").expect_err("refused"))
    };
    assert_eq!(refused("double d = 1;"), "plume.bad.v1.Bad: d: floating point numbers are not supported");
    assert_eq!(refused("map<string, string> m = 1;"), "plume.bad.v1.Bad.m: maps are not supported");
    assert_eq!(refused("oneof o { string s = 1; }"), "plume.bad.v1.Bad: s: no amino.oneof_name");
}

/// A file that is gone afterwards.
struct Source(PathBuf);

impl Source {
    fn write(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plume-ts-gen-{}-{}.proto", std::process::id(), text.len()));
        std::fs::write(&path, text).expect("written");
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
