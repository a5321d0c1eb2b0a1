//! A module of test-only descriptors gets all of its commands.

use std::path::Path;

use anyhow::{Result, bail};
use clap::{ArgMatches, Command};
use prost_reflect::DescriptorPool;
use serde_json::{Value, json};

use super::arguments::json_of;
use super::catalog::Catalog;
use super::command::{self, Tree};
use super::options::AppOptions;

fn pool() -> DescriptorPool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = protox::Compiler::new([root.join("tests/data"), root.join("../../proto")]).unwrap();
    compiler.include_imports(true).open_file("toy/v1/toy.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

fn catalog(options: &str) -> Catalog {
    Catalog::new(&pool(), &AppOptions::read(options).unwrap())
}

fn program(catalog: &Catalog) -> Command {
    let tx = catalog.tx.iter().map(|(name, group)| command::group(name, group, Tree::Tx, "plumed tx"));
    let query = catalog.query.iter().map(|(name, group)| command::group(name, group, Tree::Query, "plumed query"));
    let program = Command::new("plumed")
        .subcommand(Command::new("tx").subcommands(tx))
        .subcommand(Command::new("query").subcommands(query));
    program.clone().debug_assert();
    program
}

fn address_of(text: &str) -> Result<String> {
    match text {
        "alice" => Ok("toy1alice".to_owned()),
        text if text.starts_with("toy1") => Ok(text.to_owned()),
        other => bail!("{other} is neither an address nor a key"),
    }
}

fn parse(catalog: &Catalog, words: &[&str]) -> Result<Value, String> {
    let matches =
        program(catalog).try_get_matches_from([&["plumed"], words].concat()).map_err(|error| error.to_string())?;
    let mut innermost: &ArgMatches = &matches;
    let mut names = Vec::new();
    while let Some((name, inner)) = innermost.subcommand() {
        names.push(name);
        innermost = inner;
    }
    let groups = if names[0] == "tx" { &catalog.tx } else { &catalog.query };
    let method = &groups[names[1]].methods[names[2]];
    json_of(&method.input(), innermost, &address_of).map(Value::Object).map_err(|error| format!("{error:#}"))
}

const PLAY: [&str; 3] = ["tx", "toy", "play-with-a-ball"];

#[test]
fn every_kind_of_field_has_a_flag() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("part.json");
    std::fs::write(&file, r#"{"name": "wheel", "sizes": [1, 2]}"#).unwrap();
    let flags = [
        "--is-loud",
        "--a=-3",
        "--b",
        "-4",
        "--c",
        "5",
        "--d",
        "18446744073709551615",
        "--e",
        "-7",
        "--f",
        "8",
        "--title",
        "a toy, for all",
        "--data",
        "AQI=",
        "--color",
        "deep-red",
        "--price",
        "10utoy",
        "--prices",
        "5utoy,1atoy",
        "--prices",
        "7btoy",
        "--rates",
        "0.5utoy",
        "--share",
        "0.25",
        "--amount",
        "12",
        "--friends",
        "alice,toy1bob",
        "--colors",
        "blue",
        "--colors",
        "TOY_COLOR_DEEP_RED,0",
        "--part",
        file.to_str().unwrap(),
        "--parts",
        r#"{"name":"a"}"#,
        "--parts",
        r#"[{"name":"b"},{"name":"c"}]"#,
        "--extra",
        r#"{"@type":"/toy.v1.Part","name":"d"}"#,
        "--lasts",
        "1h30m",
        "--begins",
        "2026-01-02T03:04:05Z",
        "--field-sequence",
        "9",
        "--garden",
        "rose",
        "--nickname",
        "ted",
        "--from",
        "alice",
        "--sequence",
        "3",
    ];
    let read = parse(&catalog("{\"module_options\":{}}"), &[&PLAY[..], &flags].concat()).unwrap();
    let expected = json!({
        "is_loud": true, "a": "-3", "b": "-4", "c": "5", "d": "18446744073709551615", "e": "-7", "f": "8",
        "title": "a toy, for all", "data": "AQI=", "color": "TOY_COLOR_DEEP_RED",
        "price": {"denom": "utoy", "amount": "10"},
        "prices": [
            {"denom": "atoy", "amount": "1"}, {"denom": "btoy", "amount": "7"}, {"denom": "utoy", "amount": "5"}
        ],
        "rates": [{"denom": "utoy", "amount": "0.500000000000000000"}],
        "share": "0.25", "amount": "12", "friends": ["toy1alice", "toy1bob"],
        "colors": ["TOY_COLOR_BLUE", "TOY_COLOR_DEEP_RED", "TOY_COLOR_UNSPECIFIED"],
        "part": {"name": "wheel", "sizes": [1, 2]},
        "parts": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
        "extra": {"@type": "/toy.v1.Part", "name": "d"},
        "lasts": "5400.000000000s", "begins": "2026-01-02T03:04:05Z", "sequence": "9",
        "garden": "rose", "nickname": "ted"
    });
    assert_eq!(read, expected);
}

#[test]
fn the_signer_is_no_flag_and_wrong_values_are_named() {
    let catalog = catalog("{\"module_options\":{}}");
    let refused = |words: &[&str]| parse(&catalog, &[&PLAY[..], words].concat()).unwrap_err();
    assert!(refused(&["--player", "toy1x"]).contains("unexpected argument '--player'"));
    assert!(refused(&["--street", "a", "--garden", "b"]).contains("cannot be used with"));
    assert!(refused(&["--tilte", "x"]).contains("'--title'"), "the nearest flag is named");
    for (words, said) in [
        (["--a", "three"], "argument a: \"three\" is not of the form wanted here: number"),
        (["--color", "green"], "unspecified, deep-red, blue"),
        (["--data", "!"], "base64"),
        (["--price", "1atoy,2btoy"], "one value is wanted, 2 are given"),
        (["--prices", "x"], "coins, for example"),
        (["--lasts", "1 day"], "duration"),
        (["--friends", "carol"], "carol is neither an address nor a key"),
        (["--part", "{"], "not valid JSON"),
        (["--part", "/no/such/file"], "neither JSON nor a file"),
    ] {
        let text = refused(&words);
        assert!(text.contains(said), "{words:?}: {text}");
    }
}

#[test]
fn queries_have_pages_options_places_and_names() {
    let options = r#"{"module_options": {"playroom": {"query": {"service": "toy.v1.Query", "rpc_command_options": [
        {"rpc_method": "Toys", "use": "list [owner] [kind ...]", "short": "All toys", "alias": ["ls"],
         "positional_args": [{"proto_field": "owner"}, {"proto_field": "kinds", "varargs": true}],
         "flag_options": {"height": {"name": "tallness", "usage": "How tall."}}}]}}}}"#;
    let catalog = catalog(options);
    let words =
        ["query", "playroom", "ls", "alice", "bear", "car", "--tallness", "7", "--height", "3", "--page-limit", "5"];
    let read = parse(&catalog, &words).unwrap();
    assert_eq!(read, json!({"owner": "toy1alice", "kinds": ["bear", "car"], "height": "7"}));
    // A stream is nothing that one answer has; another service has a name of its own.
    assert_eq!(catalog.query["playroom"].methods.keys().collect::<Vec<_>>(), ["list"]);
    assert_eq!(catalog.query["toy-factory"].methods["make"].path(), "/toy.v1.Factory/Make");

    let mut program = program(&catalog);
    let list = program.find_subcommand_mut("query").unwrap().find_subcommand_mut("playroom").unwrap();
    let help = list.find_subcommand_mut("list").unwrap().render_help().to_string();
    for part in
        ["All toys", "<OWNER> [KIND]...", "--tallness <HEIGHT>", "How tall.", "--page-limit", "/toy.v1.Query/Toys"]
    {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn modules_of_one_name_are_told_apart() {
    let derived = catalog("{\"module_options\":{}}");
    assert_eq!(derived.query.keys().collect::<Vec<_>>(), ["toy", "toy-factory"]);
    assert_eq!(derived.tx.keys().collect::<Vec<_>>(), ["toy"]);
}
