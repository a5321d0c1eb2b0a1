use core::time::Duration;

use super::*;
use crate::config::Config;

/// What `cometbft init` of 0.38.25 writes, without its comments.
const COMETBFT: &str = include_str!("cometbft-0.38.25.toml");
const ID: &str = "00112233445566778899aabbccddeeff00112233";

/// As if read from a file of these lines alone.
fn read(text: &str) -> Result<Settings, SettingsError> {
    Settings::from_toml(text).map(|(settings, warnings)| {
        assert_eq!(warnings, []);
        settings
    })
}

#[test]
fn the_file_of_cometbft_init_is_known_to_the_last_key_and_says_our_defaults() {
    let mut settings = read(COMETBFT).expect("CometBFT's own file");
    assert_eq!(settings.base.moniker, "vm");
    settings.base.moniker.clear();
    assert_eq!(settings, Settings::default());
    assert_eq!(read("").expect("an empty file"), Settings::default());
}

/// Each key of the file, changed to another value of its kind, changes the settings: none is read into the void or
/// into another's place.
#[test]
fn every_key_of_cometbft_reaches_a_place_of_its_own() {
    let mut seen = Vec::new();
    let mut section = "";
    for line in COMETBFT.lines() {
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let (key, value) = line.split_once(" = ").expect("a key and its value");
        let changed = match (key, value) {
            ("log_format", _) => r#""json""#.to_owned(),
            ("type", _) => r#""""#.to_owned(),
            ("trust_hash", _) => format!("{:?}", "ab".repeat(32)),
            ("seeds" | "persistent_peers", _) => format!("\"{ID}@h:1\""),
            ("unconditional_peer_ids" | "private_peer_ids", _) => format!("{ID:?}"),
            ("indexer", _) => r#""null""#.to_owned(),
            ("chunk_fetchers", _) => r#""77""#.to_owned(),
            // Both have a smallest value.
            ("experimental_subscription_buffer_size", _) => "177".to_owned(),
            ("experimental_websocket_write_buffer_size", _) => "277".to_owned(),
            ("version", _) if section == "[blocksync]" => continue,
            (_, "true") => "false".to_owned(),
            (_, "false") => "true".to_owned(),
            (_, value) if value.starts_with('[') => r#"["x"]"#.to_owned(),
            (_, value) if value.starts_with('"') => {
                if crate::config::parse_duration(value.trim_matches('"')).is_some() { r#""77s""# } else { r#""x""# }
                    .to_owned()
            }
            (_, _) => "77".to_owned(),
        };
        let text = format!("{section}\n{key} = {changed}\n");
        let mut settings = Settings::default();
        let table: Table = text.parse().expect("TOML");
        let value = if section.is_empty() { &table[key] } else { &table[section.trim_matches(['[', ']'])][key] };
        let name = section.trim_matches(['[', ']']);
        let mut fields = if name.is_empty() { settings.base.fields() } else { settings.section(name).expect("known") };
        set(&mut fields, name, key, value, &mut Vec::new()).expect(&text);
        assert_ne!(settings, Settings::default(), "{section} {key}");
        assert!(!seen.contains(&settings), "{section} {key} goes where another key goes");
        seen.push(settings);
    }
    assert_eq!(seen.len(), 101 - 1, "all keys of the file but the one with a single value");
}

#[test]
fn what_our_writer_writes_is_read_back() {
    let config = Config {
        moniker: "a \"quoted\" name".to_owned(),
        proxy_app: "unix:///x".to_owned(),
        log_level: "consensus:debug,*:error".to_owned(),
        log_format: "json".to_owned(),
        rpc_laddr: "tcp://127.0.0.1:5".to_owned(),
        cors_allowed_origins: vec!["*".to_owned()],
        p2p_laddr: "tcp://127.0.0.1:6".to_owned(),
        external_address: "1.2.3.4:6".to_owned(),
        persistent_peers: vec![format!("{ID}@1.2.3.4:1"), format!("{ID}@[::1]:2")],
        seeds: vec![format!("{ID}@seed.example:3")],
        addr_book_strict: false,
        allow_duplicate_ip: true,
        prometheus_laddr: Some(":7".to_owned()),
        empty_block_interval_ms: 250,
    };
    let written = config.to_toml();
    let settings = read(&written).expect("our own file");
    let Settings { base, rpc, p2p, mempool, statesync, consensus, instrumentation, .. } = settings.clone();
    assert_eq!((base.moniker, base.proxy_app), (config.moniker, config.proxy_app));
    assert_eq!((base.log_level, base.log_format), (config.log_level, config.log_format));
    assert_eq!((rpc.laddr, rpc.cors_allowed_origins), (config.rpc_laddr, config.cors_allowed_origins));
    assert_eq!(rpc.max_body_bytes, 2_000_000);
    assert_eq!((p2p.laddr, p2p.external_address), (config.p2p_laddr, config.external_address));
    let texts = |peers: &[super::super::PeerAddress]| peers.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((texts(&p2p.persistent_peers), texts(&p2p.seeds)), (config.persistent_peers, config.seeds));
    assert_eq!((p2p.addr_book_strict, p2p.allow_duplicate_ip), (false, true));
    assert_eq!((p2p.send_rate, p2p.recv_rate), (20_480_000, 20_480_000));
    assert_eq!(p2p.flush_throttle_timeout, Duration::from_millis(1));
    assert_eq!((mempool.size, mempool.cache_size), (20_000, 40_000));
    assert_eq!((mempool.ttl_duration, mempool.ttl_num_blocks), (Duration::from_secs(600), 0));
    assert_eq!((statesync.chunk_fetchers, statesync.trust_period), (4, Duration::from_secs(604_800)));
    assert_eq!((consensus.timeout_propose, consensus.timeout_commit), (Duration::from_millis(500), Duration::ZERO));
    assert!(!consensus.create_empty_blocks);
    assert_eq!(consensus.create_empty_blocks_interval, Duration::from_millis(250));
    assert_eq!((instrumentation.prometheus, instrumentation.prometheus_listen_addr.as_str()), (true, ":7"));

    // The writer names every key that the reader knows.
    let mut settings = settings;
    let written: Table = written.parse().expect("TOML");
    let names = written.iter().flat_map(|(name, value)| match value {
        Value::Table(keys) => keys.keys().map(|key| format!("{name}.{key}")).collect(),
        _ => vec![name.clone()],
    });
    let mut known: Vec<String> = settings.base.fields().iter().map(|(key, _)| (*key).to_owned()).collect();
    for name in
        ["rpc", "p2p", "mempool", "statesync", "blocksync", "consensus", "storage", "tx_index", "instrumentation"]
    {
        known.extend(settings.section(name).expect("known").iter().map(|(key, _)| format!("{name}.{key}")));
    }
    let mut names: Vec<String> = names.collect();
    names.sort();
    known.sort();
    assert_eq!(names, known);
}

#[test]
fn unknown_sections_and_keys_are_reported_and_ignored() {
    let text = "colour = 1\n[rpc]\nlader = \"x\"\nunsafe = true\n[fastsync]\nversion = \"v0\"\n";
    let (settings, warnings) = Settings::from_toml(text).expect("tolerated");
    assert!(settings.rpc.unsafe_commands);
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "config.toml: colour is unknown and ignored",
            "config.toml: section [fastsync] is unknown and ignored",
            "config.toml: rpc.lader is unknown and ignored",
        ]
    );
}

#[test]
fn wrong_values_are_refused_by_name_with_what_is_allowed() {
    for (text, error) in [
        ("moniker = 5", "moniker: a text in quotes expected, got 5"),
        ("[rpc]\nunsafe = \"yes\"", "rpc.unsafe: true or false expected, got \"yes\""),
        ("[rpc]\nunsafe = 1", "rpc.unsafe: true or false expected, got 1"),
        ("[mempool]\nsize = -1", "mempool.size: a whole number from 0 to 2147483647 expected, got -1"),
        ("[mempool]\nsize = \"many\"", "mempool.size: a whole number from 0 to 2147483647 expected, got \"many\""),
        ("[mempool]\nsize = 2147483648", "mempool.size: a whole number from 0 to 2147483647 expected, got 2147483648"),
        ("[p2p]\nsend_rate = 1.5", "p2p.send_rate: a whole number from 0 to 9223372036854775807 expected, got 1.5"),
        (
            "[consensus]\ntimeout_commit = 5",
            r#"consensus.timeout_commit: a duration with its unit, such as "500ms" or "1m30s", not negative expected, got 5"#,
        ),
        (
            "[consensus]\ntimeout_commit = \"-5s\"",
            r#"consensus.timeout_commit: a duration with its unit, such as "500ms" or "1m30s", not negative expected, got "-5s""#,
        ),
        (
            "[p2p]\npersistent_peers = \"1.2.3.4:26656\"",
            r#"p2p.persistent_peers: id@host:port, comma separated (a peer is id@host:port) expected, got "1.2.3.4:26656""#,
        ),
        (
            "[p2p]\nprivate_peer_ids = \"abc\"",
            r#"p2p.private_peer_ids: node ids of 40 hexadecimal digits, comma separated expected, got "abc""#,
        ),
        (
            "[statesync]\ntrust_hash = \"abc\"",
            r#"statesync.trust_hash: 64 hexadecimal digits, or nothing expected, got "abc""#,
        ),
        ("[rpc]\ncors_allowed_origins = [1]", "rpc.cors_allowed_origins: a list of texts expected, got [1]"),
        ("rpc = 5", "rpc: a section [rpc] expected, got 5"),
        ("log_format = \"xml\"", "log_format: must be plain or json"),
        (
            "[rpc]\nexperimental_subscription_buffer_size = 99",
            "rpc.experimental_subscription_buffer_size: must be at least 100",
        ),
        (
            "[rpc]\nexperimental_subscription_buffer_size = 201",
            "rpc.experimental_websocket_write_buffer_size: must be at least rpc.experimental_subscription_buffer_size",
        ),
        ("[mempool]\ntype = \"fifo\"", "mempool.type: must be flood or nop"),
        ("[blocksync]\nversion = \"v1\"", "blocksync.version: must be v0"),
        ("[consensus]\nblock_time_tolerance = \"0s\"", "consensus.block_time_tolerance: must be positive"),
        ("[tx_index]\nindexer = \"sql\"", "tx_index.indexer: must be kv, null or psql"),
        (
            "[mempool]\ntype = \"nop\"\n[consensus]\ncreate_empty_blocks = false",
            "consensus.create_empty_blocks: must be true without a mempool (mempool.type is nop)",
        ),
        ("[statesync]\nenable = true", "statesync.trust_height: is needed for state sync"),
        ("[statesync]\nenable = true\ntrust_height = 5", "statesync.trust_hash: is needed for state sync"),
    ] {
        assert_eq!(Settings::from_toml(text).expect_err(text).to_string(), error);
    }
    assert!(matches!(Settings::from_toml("[rpc"), Err(SettingsError::Toml(_))));
    let state_sync = format!("[statesync]\nenable = true\ntrust_height = 5\ntrust_hash = {:?}\n", "aB".repeat(32));
    assert_eq!(read(&state_sync).expect("complete").statesync.trust_hash, Some([0xab; 32]));
    for (line, key) in [
        ("discovery_time = \"4s\"", "statesync.discovery_time"),
        ("trust_period = \"0s\"", "statesync.trust_period"),
        ("chunk_request_timeout = \"4s\"", "statesync.chunk_request_timeout"),
        ("chunk_fetchers = 0", "statesync.chunk_fetchers"),
        ("max_snapshot_chunks = 0", "statesync.max_snapshot_chunks"),
    ] {
        let error = read(&format!("{state_sync}{line}\n")).expect_err(line);
        assert!(matches!(error, SettingsError::Rule { key: found, .. } if found == key), "{error}");
        assert!(read(&format!("[statesync]\n{line}\n")).is_ok(), "no matter without state sync: {line}");
    }
}

#[test]
fn lists_may_be_arrays_or_texts_with_commas() {
    let text = format!("[p2p]\nseeds = \" {ID}@a:1 ,,{ID}@b:2,\"\n[statesync]\nrpc_servers = \"x, y\"\n");
    let settings = read(&text).expect("valid");
    assert_eq!(settings.p2p.seeds.len(), 2);
    assert_eq!(settings.p2p.seeds[1].authority(), "b:2");
    assert_eq!(settings.statesync.rpc_servers, ["x", "y"]);
    assert_eq!(read("[statesync]\nrpc_servers = [\"x\"]\n").expect("valid").statesync.rpc_servers, ["x"]);
    assert_eq!(read("[rpc]\ncors_allowed_origins = \"\"\n").expect("valid").rpc.cors_allowed_origins, [""; 0]);
}

#[test]
fn arguments_of_start_stand_above_the_file() {
    let text = "moniker = \"file\"\n[rpc]\nladdr = \"tcp://127.0.0.1:1\"\n[mempool]\ntype = \"nop\"\n";
    let arguments = [
        "--moniker=flag",
        "--rpc.laddr",
        "tcp://127.0.0.1:2",
        "--rpc.unsafe",
        "--p2p.external-address",
        "1.2.3.4:5",
        "--p2p.pex=false",
        "--mempool.keep_invalid_txs_in_cache",
        "--consensus.create_empty_blocks=false",
        "--consensus.create_empty_blocks_interval",
        "2s",
        "--consensus.double_sign_check_height",
        "7",
        "--mempool.type=flood",
        "--rpc.cors_allowed_origins=a,b",
        "--rpc.laddr=tcp://127.0.0.1:3",
    ];
    let (settings, _) = Settings::read(text, &arguments).expect("valid in the end");
    let mut expected = read(text).expect("valid");
    expected.base.moniker = "flag".to_owned();
    expected.rpc.laddr = "tcp://127.0.0.1:3".to_owned();
    expected.rpc.unsafe_commands = true;
    expected.rpc.cors_allowed_origins = vec!["a".to_owned(), "b".to_owned()];
    expected.p2p.external_address = "1.2.3.4:5".to_owned();
    expected.p2p.pex = false;
    expected.mempool.keep_invalid_txs_in_cache = true;
    expected.mempool.kind = "flood".to_owned();
    expected.consensus.create_empty_blocks = false;
    expected.consensus.create_empty_blocks_interval = Duration::from_secs(2);
    expected.consensus.double_sign_check_height = 7;
    assert_eq!(settings, expected);
    for (arguments, error) in [
        (vec!["--nothing", "1"], "unknown setting --nothing"),
        (vec!["--rpc.nothing=1"], "unknown setting --rpc.nothing"),
        (vec!["--nothing.laddr=1"], "unknown setting --nothing.laddr"),
        (vec!["stray"], "unknown setting stray"),
        (vec!["--rpc.laddr"], "--rpc.laddr needs a value"),
        (vec!["--rpc.unsafe=maybe"], "rpc.unsafe: true or false expected, got \"maybe\""),
        (
            vec!["--p2p.handshake-timeout=1"],
            r#"p2p.handshake_timeout: a duration with its unit, such as "500ms" or "1m30s", not negative expected, got "1""#,
        ),
    ] {
        assert_eq!(Settings::read("", &arguments).expect_err(error).to_string(), error);
    }
}
