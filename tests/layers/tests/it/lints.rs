use std::fs;

/// Clippy reads only the file nearest to a crate, so the same text must stand in three places.
#[test]
fn the_determinism_lints_are_one_text() {
    let root = crate::root();
    let read = |folder: &str| fs::read_to_string(root.join(folder).join("clippy.toml")).unwrap();
    let framework = read("framework");

    for banned in ["HashMap", "HashSet", "SystemTime", "Instant", "f64", "env::var", "thread::spawn", "Result::ok"] {
        assert!(framework.contains(banned), "framework/clippy.toml no longer bans {banned}");
    }
    assert_eq!(read("modules"), framework);
    assert_eq!(read("app/chain"), framework);
}
