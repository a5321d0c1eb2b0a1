use std::net::TcpListener;

use crate::devnet::{Devnet, ended, ports};
use crate::run::plumed;

#[test]
fn coins_are_sent_read_back_proved_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let (rpc, p2p) = ports();
    let devnet = Devnet::start(dir.path(), rpc, p2p);
    let bob = devnet.run(&["keys", "show", "bob", "-a"]).success();
    let alice = devnet.run(&["keys", "show", "alice", "-a"]).success();
    let (alice_before, bob_before) = (devnet.balance(&alice, None), devnet.balance(&bob, None));

    let sent = devnet.send(&["tx", "bank", "send", "alice", &bob, "1234uplume", "--fees", "100uplume"]);
    assert_eq!((sent["code"].as_u64(), sent["raw_log"].as_str()), (Some(0), Some("")));
    assert_eq!(sent["events"].as_array().unwrap().len(), 12);
    assert_eq!(devnet.balance(&bob, None), bob_before + 1234);
    assert_eq!(devnet.balance(&alice, None), alice_before - 1334);

    // The state before the block of the transaction is still there.
    let height: u64 = sent["height"].as_str().unwrap().parse().unwrap();
    assert_eq!(devnet.balance(&bob, Some(&(height - 1).to_string())), bob_before);

    let to_itself = ["tx", "bank", "send", "bob", &bob, "1uplume", "--sign-mode", "textual"];
    let textual = devnet.send(&to_itself);
    assert_eq!((textual["code"].as_u64(), textual["raw_log"].as_str()), (Some(0), Some("")));
    assert_eq!(textual["tx"]["auth_info"]["signer_infos"][0]["mode_info"]["single"]["mode"], "SIGN_MODE_TEXTUAL");
    let aux = devnet.run(&[&to_itself[..7], &["direct-aux", "--yes"]].concat()).failure();
    assert!(aux.contains(&format!("fee payer {bob} cannot sign with direct-aux")), "{aux}");

    let amino = [
        "tx",
        "bank",
        "multi-send",
        "bob",
        &alice,
        &bob,
        "10uplume",
        "--sign-mode",
        "amino-json",
        "--gas",
        "auto",
        "--gas-adjustment",
        "1.2",
    ];
    let multi = devnet.send(&amino);
    assert_eq!(multi["code"], 0, "{multi}");
    assert_eq!(devnet.balance(&alice, None), alice_before - 1334 + 10);

    let refused =
        devnet.run(&["tx", "bank", "send", "alice", &bob, "1uplume", "--yes", "-a", "0", "-s", "99"]).failure();
    assert!(
        refused.contains("account sequence mismatch, expected 1, got 99: incorrect account sequence (sdk/32)"),
        "{refused}"
    );

    // Balances of bob: 0x02 | 20 | address | denomination; then of a denomination that he does not hold.
    let bytes = devnet.run(&["query", "auth", "address-string-to-bytes", &bob, "--output", "json"]).json();
    let key = {
        use base64::Engine as _;
        let address =
            base64::engine::general_purpose::STANDARD.decode(bytes["address_bytes"].as_str().unwrap()).unwrap();
        hex::encode([&[2, 20][..], &address].concat())
    };
    // A header proves the state before it, so wait for the one after the last transaction.
    let last: u64 = multi["height"].as_str().unwrap().parse().unwrap();
    devnet.wait("the next header", |devnet| devnet.height().is_some_and(|height| height > last));
    let held = devnet.run(&["query", "proof", "bank", &key, &hex::encode("uplume"), "--output", "json"]).json();
    assert_eq!(held["exists"], true);
    assert_eq!(held["value"], hex::encode(devnet.balance(&bob, None).to_string()));
    let absent = devnet.run(&["query", "proof", "bank", &key, &hex::encode("uother"), "--output", "json"]).json();
    assert_eq!((absent["exists"].as_bool(), absent["value"].is_null()), (Some(false), true));

    let unknown = devnet.run(&["query", "auth", "account", "plume1qyqszqgpqyqszqgpqyqszqgpqyqszqgp6h76ca"]).failure();
    assert!(unknown.contains("code = NotFound"), "{unknown}");

    let bob_now = devnet.balance(&bob, None);
    let home = devnet.stop();
    let export = plumed(&home, &["export"]).json();
    assert!(export["initial_height"].as_str().unwrap().parse::<u64>().unwrap() > last);
    assert_eq!(export["validators"][0]["pub_key"]["type"], "tendermint/PubKeyEd25519");
    assert_eq!(export["validators"][0]["power"], "10");
    assert_eq!(export["consensus_params"]["block"]["max_bytes"], "4194304");
    let balances = export["app_state"]["bank"]["balances"].as_array().unwrap();
    let exported = balances.iter().find(|balance| balance["address"] == bob.as_str()).unwrap();
    assert_eq!(exported["coins"][0]["amount"], bob_now.to_string());
    let fresh = dir.path().join("imported.json");
    std::fs::write(&fresh, export.to_string()).unwrap();
    plumed(&home, &["genesis", "validate", fresh.to_str().unwrap()]).success();
}

#[test]
fn nodes_do_not_outlive_a_killed_devnet() {
    let dir = tempfile::tempdir().unwrap();
    let (rpc, p2p) = ports();
    let mut devnet = Devnet::start(dir.path(), rpc, p2p);
    devnet.child.kill().unwrap();
    ended(&mut devnet.child).unwrap();
    devnet.wait("the node's end", |_| TcpListener::bind(("127.0.0.1", rpc)).is_ok());
}
