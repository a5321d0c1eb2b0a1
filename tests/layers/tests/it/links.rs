use plume_tests_layers::links::{dead_links, markdown_files};

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let root = crate::root();
    let files = markdown_files(&root).unwrap();
    assert!(files.contains(&root.join("README.md")), "{files:?}");

    let dead: Vec<_> = files.iter().flat_map(|file| dead_links(&root, file).unwrap()).collect();

    assert!(dead.is_empty(), "{dead:#?}");
}
