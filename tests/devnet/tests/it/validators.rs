//! The validator set changes by schedule on real CometBFT: one leaves, another's power changes, the first returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use plume_chain::{Chain, ChainConfig, plume_modules};
use plume_home::home::Home;
use plume_home::keys::consensus_address;
use plume_cometbft::{Stop, SupervisorOptions};
use plume_engine::ValidatorKey;
use plume_state::MemoryBackend;
use plume_testkit::ScheduledValidators;
use plume_tests_devnet::{Load, Network, Node, cometbft, until};
use serde_json::json;

/// Updates of a block act two blocks later.
const DELAY: u64 = 2;

/// The validator that leaves at the first height and returns at the last.
const LEAVER: usize = 3;
const LEAVES: u64 = 6;
const GROWS: u64 = 12;
const RETURNS: u64 = 18;

/// Stops all nodes also when the test fails; their threads could not end otherwise.
pub(crate) struct StopAtEnd(pub(crate) Vec<Stop>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.iter().for_each(Stop::request);
    }
}

#[test]
fn validators_leave_change_and_return_by_schedule() {
    let network = Network::create(4, 2);
    let keys: Vec<[u8; 32]> = network.nodes().iter().map(key).collect();
    let schedule =
        ScheduledValidators::new().at(LEAVES, keys[LEAVER], 0).at(GROWS, keys[1], 25).at(RETURNS, keys[LEAVER], 10);
    let options: Vec<_> = network.nodes().iter().map(options).collect();
    std::thread::scope(|scope| {
        let _guard = StopAtEnd(options.iter().map(|options| options.stop.clone()).collect());
        let running: Vec<_> = options
            .iter()
            .map(|options| {
                let catalogue = plume_modules().with(schedule.clone());
                let backend = Arc::new(MemoryBackend::new());
                let chain = Chain::open_with(ChainConfig::default(), backend, catalogue).expect("an empty chain");
                scope.spawn(move || plume_cometbft::run(chain, options))
            })
            .collect();
        let load = Load::start(&network, 2);

        let leaver = hex::encode_upper(consensus_address(&ValidatorKey::Ed25519(keys[LEAVER])));
        // It follows the chain while it is away, and proposes blocks again once it is back.
        let again = until("a block of the validator that returned", || {
            let height = network.nodes()[LEAVER].rpc().status().ok()?.latest_height;
            (RETURNS + DELAY..=height).find(|height| proposer(&network.nodes()[0], *height).as_ref() == Some(&leaver))
        });
        let away: Vec<_> =
            (LEAVES + DELAY..RETURNS + DELAY).map(|height| proposer(&network.nodes()[0], height)).collect();
        assert!(away.iter().all(|proposer| proposer.is_some() && proposer.as_ref() != Some(&leaver)), "{away:?}");

        let set = |leaver: Option<i64>, grower| {
            let staying = [(0, 10), (1, grower), (2, 10)];
            let all = staying.into_iter().chain(leaver.map(|power| (LEAVER, power)));
            all.map(|(index, power)| (keys[index].to_vec(), power)).collect::<BTreeMap<_, _>>()
        };
        let (in_set, out) = (Some(10), None);
        for (height, expected) in [
            (1, set(in_set, 10)),
            (LEAVES + DELAY - 1, set(in_set, 10)),
            (LEAVES + DELAY, set(out, 10)),
            (GROWS + DELAY - 1, set(out, 10)),
            (GROWS + DELAY, set(out, 25)),
            (RETURNS + DELAY - 1, set(out, 25)),
            (RETURNS + DELAY, set(in_set, 25)),
            (again, set(in_set, 25)),
        ] {
            for node in network.nodes() {
                assert_eq!(validators(node, height), expected, "height {height}");
            }
        }

        let sent = load.finish();
        network.require_agreement(&sent);
        options.iter().for_each(|options| options.stop.request());
        for node in running {
            assert_eq!(node.join().expect("no panic").expect("clean"), 0);
        }
    });
}

pub(crate) fn options(node: &Node) -> SupervisorOptions {
    SupervisorOptions {
        binary: Some(cometbft()),
        flags: ["--log_level", "none"].map(str::to_owned).to_vec(),
        ..SupervisorOptions::new(node.home())
    }
}

pub(crate) fn key(node: &Node) -> [u8; 32] {
    match Home::new(node.home()).validator_key().expect("written by devnet") {
        ValidatorKey::Ed25519(key) => key,
        ValidatorKey::Secp256k1(_) => panic!("devnet makes ed25519 keys"),
    }
}

fn proposer(node: &Node, height: u64) -> Option<String> {
    let block = node.rpc().call("block", &json!({ "height": height.to_string() })).ok()?;
    block["block"]["header"]["proposer_address"].as_str().map(str::to_owned)
}

fn validators(node: &Node, height: u64) -> BTreeMap<Vec<u8>, i64> {
    let page = until("validators", || node.rpc().validators(Some(height), 1, 100).ok());
    page.validators.iter().map(|validator| (validator.public_key.clone(), validator.voting_power)).collect()
}
