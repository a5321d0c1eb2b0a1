use std::path::{Path, PathBuf};

use plume_proto_gen::{RUST_DIR, generate};

#[test]
fn checked_in_files_equal_a_fresh_generation() {
    let proto_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = generate(proto_dir).expect("sources compile");

    for (path, contents) in &fresh {
        let checked_in = std::fs::read(proto_dir.join(path)).unwrap_or_default();
        assert!(checked_in == *contents, "{} is out of date: run scripts/proto", path.display());
    }
    for entry in std::fs::read_dir(proto_dir.join(RUST_DIR)).expect("generated folder exists") {
        let path = PathBuf::from(RUST_DIR).join(entry.expect("readable entry").file_name());
        assert!(fresh.contains_key(&path), "{} has no source: run scripts/proto", path.display());
    }
}
