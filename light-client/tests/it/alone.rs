//! Whoever takes this folder needs nothing else of the workspace.

use cargo_metadata::{CargoOpt, MetadataCommand};

#[test]
fn it_depends_on_no_crate_of_the_workspace() {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("cargo metadata");
    let members: Vec<_> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let package = metadata.packages.iter().find(|package| package.name == "plume-light-client").expect("this crate");
    assert!(members.len() > 1, "{members:?}");
    // Development dependencies too: its tests must run where it is taken to.
    for dependency in &package.dependencies {
        assert!(dependency.path.is_none(), "{} is a path", dependency.name);
        assert!(!members.contains(&dependency.name.as_str()), "{} is a crate of the workspace", dependency.name);
    }
    assert!(package.dependencies.iter().any(|dependency| dependency.name == "tendermint-light-client-verifier"));
}
