//! Descriptors beside those of the chain.

use std::path::Path;
use std::sync::Once;

use plume_codec::{AddDescriptorsError, add_descriptors, pool};

/// Installs them, in whatever order the tests run.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = crate_dir.join("../../proto");
        let compiled = protox::Compiler::new([crate_dir.join("tests/proto"), own])
            .and_then(|mut compiler| {
                compiler.include_imports(true).open_files(["textual.proto", "stake_authorization.proto"])?;
                Ok(compiler.encode_file_descriptor_set())
            })
            .expect("the sources compile");
        let standard = crate_dir.join("../../tests/interop/vectors/standard-descriptors.bin");
        let mut set = std::fs::read(standard).expect("standard-descriptors.bin");
        let toy = std::fs::read_to_string(crate_dir.join("../../clients/ts/test/toy-descriptors.hex")).expect("a file");
        // Sets are lists, so one behind the other is all.
        set.extend(compiled);
        set.extend(hex::decode(toy.trim()).expect("hex"));
        // What is no set changes nothing.
        assert!(matches!(add_descriptors(&[0xff]), Err(AddDescriptorsError::Malformed(_))));
        add_descriptors(&set).expect("they fit together");
    });
}

#[test]
fn further_messages_are_known_beside_the_chains() {
    install();
    for name in ["cosmos.staking.v1beta1.MsgDelegate", "Qux", "cosmos.bank.v1beta1.MsgSend", "plume.params.v1.Params"] {
        assert!(pool().get_message_by_name(name).is_some(), "{name}");
    }
    assert!(plume_codec::is_transaction_message("/cosmos.gov.v1beta1.MsgVote"));
}

#[test]
fn descriptors_in_use_are_not_replaced() {
    install();
    assert!(pool().get_message_by_name("Qux").is_some());
    assert_eq!(add_descriptors(&[]), Err(AddDescriptorsError::InUse));
}
