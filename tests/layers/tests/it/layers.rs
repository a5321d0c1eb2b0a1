use plume_tests_layers::layers::{Breach, Crate, LONGEST_CHAIN, breaches, longest_chain, read_workspace};

fn krate(folder: &str, uses: &[&str]) -> Crate {
    Crate { folder: folder.to_owned(), uses: uses.iter().map(|s| (*s).to_owned()).collect(), outside: vec![] }
}

fn edge(from: &str, to: &str) -> Vec<Breach> {
    vec![Breach::Edge(from.to_owned(), to.to_owned())]
}

#[test]
fn the_workspace_keeps_its_layers() {
    let crates = read_workspace(&crate::root()).unwrap();
    assert!(crates.iter().any(|krate| krate.folder == "framework/state" && !krate.uses.is_empty()), "{crates:?}");

    let found = breaches(&crates);

    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_crate_describes_itself() {
    let root = crate::root();
    let silent: Vec<_> = read_workspace(&root)
        .unwrap()
        .into_iter()
        .map(|krate| krate.folder)
        .filter(|folder| !root.join(folder).join("README.md").is_file())
        .collect();
    assert!(silent.is_empty(), "no README.md in {silent:?}");
}

#[test]
fn an_upward_edge_is_refused() {
    assert_eq!(breaches(&[krate("framework/state", &["framework/kit"])]), edge("framework/state", "framework/kit"));
    assert_eq!(breaches(&[krate("modules/bank", &["app/chain"])]), edge("modules/bank", "app/chain"));
    assert_eq!(breaches(&[krate("app/chain", &["app/plumed"])]), edge("app/chain", "app/plumed"));
}

#[test]
fn modules_never_depend_on_one_another() {
    assert_eq!(breaches(&[krate("modules/auth", &["modules/bank"])]), edge("modules/auth", "modules/bank"));
    assert_eq!(breaches(&[krate("ibc/transfer", &["modules/bank"])]), edge("ibc/transfer", "modules/bank"));
}

#[test]
fn engines_know_neither_the_chain_nor_its_modules() {
    assert_eq!(breaches(&[krate("consensus/raft", &["app/chain"])]), edge("consensus/raft", "app/chain"));
    assert_eq!(breaches(&[krate("consensus/raft", &["modules/auth"])]), edge("consensus/raft", "modules/auth"));
    assert_eq!(breaches(&[krate("app/chain", &["consensus/raft"])]), edge("app/chain", "consensus/raft"));
    assert_eq!(breaches(&[krate("consensus/raft", &["framework/engine"])]), []);
}

#[test]
fn nothing_depends_on_a_test_crate() {
    assert_eq!(breaches(&[krate("app/plumed", &["tests/layers"])]), edge("app/plumed", "tests/layers"));
}

#[test]
fn a_folder_without_a_layer_is_refused() {
    assert_eq!(breaches(&[krate("extras/x", &[])]), [Breach::Unplaced("extras/x".to_owned())]);
}

#[test]
fn a_state_machine_crate_names_no_random_source() {
    let mut bank = krate("modules/bank", &[]);
    bank.outside = vec!["bytes".to_owned(), "rand".to_owned()];
    let mut testkit = krate("framework/testkit", &[]);
    testkit.outside = vec!["rand".to_owned()];

    assert_eq!(breaches(&[bank, testkit]), [Breach::NotDeterministic("modules/bank".to_owned(), "rand".to_owned())]);
}

#[test]
fn a_chain_of_ten_crates_is_refused_and_one_of_nine_is_not() {
    let chain = |length: usize| -> Vec<Crate> {
        (0..length)
            .map(|i| {
                let below = i.checked_sub(1).map(|b| format!("consensus/c{b}"));
                Crate { folder: format!("consensus/c{i}"), uses: below.into_iter().collect(), outside: vec![] }
            })
            .collect()
    };
    assert_eq!(breaches(&chain(LONGEST_CHAIN)), []);
    let ten = chain(LONGEST_CHAIN + 1);
    assert_eq!(longest_chain(&ten).len(), 10);
    assert_eq!(breaches(&ten), [Breach::Chain(longest_chain(&ten))]);
}
