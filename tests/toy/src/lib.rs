#![doc = include_str!("../README.md")]

use std::path::Path;
use std::sync::OnceLock;

use prost_reflect::prost::Message as _;
use prost_types::FileDescriptorSet;

/// Path of the query that answers with what it was asked with.
pub const ECHO: &str = "/toy.v1.Query/Echo";

/// Full name of the message with a field of every type.
pub const EVERYTHING: &str = "toy.v1.Everything";

/// Adds the toy module's files to the descriptor pool, once for the process; every test that uses the pool calls it
/// before anything else.
///
/// # Panics
/// If the sources do not compile, or the pool was used before.
pub fn register() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| plume_codec::add_descriptors(&descriptor_set()).expect("tests register it first"));
}

/// The encoded `FileDescriptorSet` of the toy module's own file.
///
/// # Panics
/// If the sources do not compile.
pub fn descriptor_set() -> Vec<u8> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler =
        protox::Compiler::new([here.join("proto"), here.join("../../proto")]).expect("the folders exist");
    compiler.include_imports(false);
    compiler.open_file(here.join("proto/toy/v1/toy.proto")).unwrap_or_else(|error| panic!("{error}"));
    // Encoded by the compiler itself, which keeps the options that are extensions.
    let encoded = compiler.encode_file_descriptor_set();
    let set = FileDescriptorSet::decode(&*encoded).expect("encoded just now");
    assert_eq!(set.file.len(), 1, "imports are in the pool already");
    encoded
}
