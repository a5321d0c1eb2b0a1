//! The files of a home as a real CometBFT reads and writes them. Needs its binary: `PLUMED_COMETBFT`, else the
//! project's own tools, else the `PATH`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use plume_home::config::{Config, Settings};
use plume_home::home::Home;
use plume_home::sign_state::{Position, SignState, Step};
use plume_wal::RealDisk;
use prost::Message as _;
use tendermint_proto::v0_38::types::CanonicalVote;

const PATIENCE: Duration = Duration::from_secs(60);

fn cometbft(home: &Path) -> Command {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/cometbft");
    let binary = match std::env::var_os("PLUMED_COMETBFT") {
        Some(path) => PathBuf::from(path),
        None if tools.is_file() => tools,
        None => PathBuf::from("cometbft"),
    };
    let mut command = Command::new(binary);
    command.arg("--home").arg(home);
    command
}

/// A running validator with CometBFT's own example application; killed when dropped.
struct Node {
    process: Child,
    lines: Receiver<String>,
}

impl Node {
    fn start(home: &Path) -> Self {
        let mut process = cometbft(home)
            .args(["start", "--proxy_app", "kvstore"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("CometBFT starts");
        let (sender, lines) = channel();
        let output = BufReader::new(process.stdout.take().expect("piped"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, lines }
    }

    /// The next line of its log that holds this text.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| panic!("no {text:?} in the log: {error}"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process.kill().expect("killable");
        self.process.wait().expect("ends");
    }
}

/// A new home by CometBFT itself, with our fast settings and any free ports.
fn new_home(folder: &Path) -> Home {
    let status = cometbft(folder).arg("init").stdout(Stdio::null()).status().expect("CometBFT runs");
    assert!(status.success());
    let home = Home::new(folder);
    let (settings, warnings) = home.settings::<&str>(&[]).expect("CometBFT's own file");
    assert_eq!(warnings, []);
    let mut expected = Settings::default();
    expected.base.moniker.clone_from(&settings.base.moniker);
    assert_eq!(settings, expected);
    let config = Config {
        rpc_laddr: "tcp://127.0.0.1:0".to_owned(),
        p2p_laddr: "tcp://127.0.0.1:0".to_owned(),
        empty_block_interval_ms: 50,
        ..Config::default()
    };
    fs::write(home.config_file(), config.to_toml()).expect("writable");
    home
}

#[test]
fn cometbft_and_the_guard_go_on_from_each_others_record() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let home = new_home(folder.path());
    let key = home.validator_key_pair().expect("CometBFT's key");
    let open = || SignState::open(Arc::new(RealDisk), home.validator_state_file()).expect("opens");
    assert_eq!(open().last(), Position { height: 0, round: 0, step: Step::None });

    let node = Node::start(folder.path());
    node.wait_for("committed state");
    node.wait_for("committed state");
    node.wait_for("committed state");
    drop(node);

    // CometBFT may have been killed at any step: a proposal or a prevote is not ours to repeat, but ours to follow.
    let mut state = open();
    let last = state.last();
    assert!(last.height >= 3, "{last:?}");
    let (signature, sign_bytes) = state.last_signature().expect("signed");
    assert!(key.verify(sign_bytes, &signature) && key.sign(sign_bytes) == signature);
    let chain_id = home.read_genesis().expect("CometBFT's genesis").chain_id;
    let precommit = |height: i64| CanonicalVote {
        r#type: 2,
        height,
        timestamp: Some(Default::default()),
        chain_id: chain_id.clone(),
        ..Default::default()
    };
    let behind = precommit(last.height - 1).encode_length_delimited_to_vec();
    let refusal = state.sign_precommit(&key, &behind).expect_err("CometBFT signed more").to_string();
    assert_eq!(refusal, format!("height regression. Got {}, last height {}", last.height - 1, last.height));
    let ahead = last.height + 1000;
    state.sign_precommit(&key, &precommit(ahead).encode_length_delimited_to_vec()).expect("later");
    drop(state);
    let ours = fs::read(home.validator_state_file()).expect("readable");

    let node = Node::start(folder.path());
    let line = node.wait_for("height regression");
    assert!(line.contains(&format!("last height {ahead}")), "{line}");
    drop(node);
    assert_eq!(fs::read(home.validator_state_file()).expect("readable"), ours, "CometBFT signed nothing");
}
