use std::fs;

use serde_json::{Value, json};

use crate::devnet::{Devnet, ports};
use crate::run::{plumed_in, plumed_with};

/// Fields of the SDK's `TxResponse`, in its order.
const TX_RESPONSE: [&str; 13] = [
    "height",
    "txhash",
    "codespace",
    "code",
    "data",
    "raw_log",
    "logs",
    "info",
    "gas_wanted",
    "gas_used",
    "tx",
    "timestamp",
    "events",
];

/// One chain, on which each case goes on where the one before stopped: starting a chain takes longer than all of them.
#[test]
fn every_command_that_needs_a_node_works() {
    let dir = tempfile::tempdir().unwrap();
    let (rpc, p2p) = ports();
    let devnet = Devnet::start(dir.path(), rpc, p2p);
    let chain = Chain { net: &devnet };
    let sent = a_transaction_is_found_by_everything_it_has(&chain);
    blocks_are_found_and_searched(&chain, &sent);
    lists_come_in_pages(&chain);
    gas_is_estimated_in_every_way(&chain);
    the_fee_is_paid_by_another(&chain);
    the_fee_of_an_auxiliary_signature_is_paid_by_another(&chain);
    batches_are_signed_checked_and_sent(&chain);
    a_multisig_account_pays(&chain);
    a_load_is_sent_and_measured(&chain);
    values_of_the_environment_are_used(&chain);
    an_upgrade_waits_for_the_node(&chain);
    the_hashes_of_all_stores_are_shown(devnet);
}

struct Chain<'a> {
    net: &'a Devnet,
}

impl Chain<'_> {
    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        self.net.run(&[args, &["--output", "json"]].concat()).json()
    }

    fn address(&self, name: &str) -> String {
        self.net.run(&["keys", "show", name, "-a"]).success()
    }

    /// Sends, waits by the command that does, and returns what the block says.
    #[track_caller]
    fn send(&self, args: &[&str]) -> Value {
        let sent = self.json(&[args, &["--yes"]].concat());
        assert_eq!(keys(&sent), TX_RESPONSE);
        self.json(&["query", "wait-tx", sent["txhash"].as_str().unwrap(), "--timeout", "60s"])
    }

    #[track_caller]
    fn unsigned(&self, name: &str, args: &[&str]) -> String {
        let path = self.net.home.join(name);
        fs::write(&path, self.net.run(&[args, &["--generate-only"]].concat()).success()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn a_transaction_is_found_by_everything_it_has(chain: &Chain<'_>) -> Value {
    let (alice, bob) = (chain.address("alice"), chain.address("bob"));
    let price = ["--gas", "auto", "--gas-adjustment", "1.3", "--gas-prices", "0.01uplume"];
    let send = [&["tx", "bank", "send", "alice", "bob", "5uplume"][..], &price, &["--note", "hello"]].concat();
    let sent = chain.send(&send);
    assert_eq!(keys(&sent), TX_RESPONSE);
    assert_eq!((&sent["code"], &sent["tx"]["body"]["memo"]), (&json!(0), &json!("hello")));
    assert_eq!(sent["tx"]["@type"], "/cosmos.tx.v1beta1.Tx");
    let fee: u64 = sent["tx"]["auth_info"]["fee"]["amount"][0]["amount"].as_str().unwrap().parse().unwrap();
    let wanted: u64 = sent["gas_wanted"].as_str().unwrap().parse().unwrap();
    assert_eq!(fee, wanted.div_ceil(100));
    assert!(sent["timestamp"].as_str().unwrap().ends_with('Z'));

    let (hash, signature) = (sent["txhash"].as_str().unwrap(), sent["tx"]["signatures"][0].as_str().unwrap());
    let by_hash = chain.json(&["query", "tx", hash]);
    assert_eq!(by_hash, sent);
    assert_eq!(chain.json(&["query", "tx", "--type", "acc_seq", &format!("{alice}/0")]), sent);
    assert_eq!(chain.json(&["query", "tx", "--type=signature", signature]), sent);
    let found = chain.json(&["query", "txs", "--query", &format!("transfer.recipient='{bob}'"), "--limit", "1"]);
    assert_eq!(found["txs"][0]["txhash"], hash);
    assert_eq!(keys(&found), ["total_count", "count", "page_number", "page_total", "limit", "txs"]);
    assert_eq!((&found["total_count"], &found["page_total"]), (&json!("1"), &json!("1")));

    let unknown = "00".repeat(32);
    let missing = chain.net.run(&["query", "tx", &unknown]).failure();
    assert!(missing.contains("no block has a transaction"), "{missing}");
    let late = chain.net.run(&["query", "wait-tx", &unknown, "--timeout", "200ms"]).failure();
    assert!(late.contains("within 200ms"), "{late}");
    let nobody = chain.net.run(&["query", "tx", "--type", "acc_seq", &format!("{alice}/99")]).failure();
    assert!(nobody.contains("no transaction matches"), "{nobody}");
    sent
}

fn blocks_are_found_and_searched(chain: &Chain<'_>, sent: &Value) {
    let height = sent["height"].as_str().unwrap();
    let block = chain.json(&["query", "block", height]);
    assert_eq!(keys(&block), ["header", "data", "evidence", "last_commit"]);
    assert_eq!(block["header"]["height"], height);
    let by_height = chain.json(&["query", "blocks", "--query", &format!("block.height = {height}")]);
    assert_eq!((&by_height["count"], &by_height["blocks"]), (&json!("1"), &json!([block])));
    let next = height.parse::<u64>().unwrap() + 1;
    chain.net.wait("the next block", |net| net.height().is_some_and(|latest| latest >= next));
    let hash = hex_of(&chain.json(&["query", "block", &next.to_string()])["last_commit"]["block_id"]["hash"]);
    assert_eq!(chain.json(&["query", "block", &hash]), block);
    assert_eq!(chain.json(&["query", "block", "--type", "hash", &hash]), block);
    let missing = chain.net.run(&["query", "block", &"00".repeat(32)]).failure();
    assert!(missing.contains("has no block"), "{missing}");
    let latest: u64 = chain.json(&["query", "block"])["header"]["height"].as_str().unwrap().parse().unwrap();
    assert!(latest >= height.parse::<u64>().unwrap());
    let results = chain.json(&["query", "block-results", height]);
    assert_eq!(results["txs_results"][0]["gas_used"], sent["gas_used"]);
    let set = chain.json(&["query", "comet-validator-set"]);
    let own = chain.net.run(&["comet", "show-address"]).success();
    assert_eq!((&set["validators"][0]["address"], &set["pagination"]["total"]), (&json!(own), &json!("1")));
    let key: Value = serde_json::from_str(&chain.net.run(&["comet", "show-validator"]).success()).unwrap();
    assert_eq!(set["validators"][0]["pub_key"], key);
    let status = chain.json(&["status"]);
    assert_eq!(status["sync_info"]["catching_up"], false);
    assert_eq!(status["node_info"]["moniker"], "named-by-environment");
}

fn hex_of(base64: &Value) -> String {
    use base64::Engine as _;
    hex::encode(base64::engine::general_purpose::STANDARD.decode(base64.as_str().unwrap()).unwrap())
}

fn lists_come_in_pages(chain: &Chain<'_>) {
    let first = ["query", "auth", "accounts", "--page-limit", "1", "--page-count-total"];
    let first = chain.json(&first);
    assert_eq!(first["accounts"].as_array().unwrap().len(), 1);
    let total: usize = first["pagination"]["total"].as_str().unwrap().parse().unwrap();
    assert!(total >= 3, "{first}");
    let key = first["pagination"]["next_key"].as_str().unwrap();
    let second = chain.json(&["query", "auth", "accounts", "--page-limit", "1", "--page-key", key]);
    for same in [["--page-offset", "1"], ["--page", "2"], ["--offset", "1"]] {
        let other = chain.json(&[&["query", "auth", "accounts", "--limit", "1"], &same[..]].concat());
        assert_eq!(other["accounts"], second["accounts"], "{same:?}");
    }
    let all = chain.json(&["query", "auth", "accounts"])["accounts"].as_array().unwrap().clone();
    let reverse = chain.json(&["query", "auth", "accounts", "--page-reverse"])["accounts"].as_array().unwrap().clone();
    assert_eq!(reverse.into_iter().rev().collect::<Vec<_>>(), all);

    // A key's name stands for its address, in queries, too; text shows what JSON shows.
    let bob = chain.address("bob");
    let balances = chain.json(&["query", "bank", "balances", "bob"]);
    assert_eq!(balances, chain.json(&["q", "bank", "balances", &bob]));
    assert_eq!(keys(&balances), ["balances", "pagination"]);
    let amount = balances["balances"][0]["amount"].as_str().unwrap();
    let text = chain.net.run(&["query", "bank", "balances", "bob"]).success();
    assert!(text.contains(&format!("- denom: uplume\n  amount: \"{amount}\"")), "{text}");
    let supply = chain.json(&["query", "bank", "total"]);
    assert_eq!(supply["supply"][0]["denom"], "uplume");
    let wrong = chain.net.run(&["query", "bank", "balances", "plume1xyz"]).failure();
    assert!(wrong.contains("code = InvalidArgument"), "{wrong}");
}

fn gas_is_estimated_in_every_way(chain: &Chain<'_>) {
    let (alice, bob) = (chain.address("alice"), chain.address("bob"));
    let dry = chain.net.run(&["tx", "bank", "send", "alice", &bob, "5uplume", "--dry-run"]);
    let estimate: u64 = dry.err.strip_prefix("gas estimate: ").unwrap().trim().parse().unwrap();
    assert!((40_000..100_000).contains(&estimate), "{estimate}");
    assert_eq!(dry.out, "");
    let path = chain.unsigned("send.json", &["tx", "bank", "send", &alice, &bob, "5uplume"]);
    let simulated = chain.json(&["tx", "simulate", &path, "--from", "alice"]);
    assert_eq!(simulated["gas_info"]["gas_used"], estimate.to_string());
    assert_eq!(simulated["gas_info"]["gas_wanted"], u64::MAX.to_string());
    assert_eq!(simulated["result"]["msg_responses"][0]["@type"], "/cosmos.bank.v1beta1.MsgSendResponse");
    let poor = chain.net.run(&["tx", "bank", "send", "alice", &bob, "5uother", "--dry-run"]).failure();
    assert!(poor.contains("insufficient funds"), "{poor}");
}

fn the_fee_is_paid_by_another(chain: &Chain<'_>) {
    let (carol, bob) = (chain.address("carol"), chain.address("bob"));
    let before = chain.net.balance(&carol, None);
    let payer = ["--fees", "77uplume", "--fee-payer", "carol", "--sign-mode", "amino-json"];
    let sent = chain.send(&[&["tx", "bank", "send", "alice", &bob, "5uplume"], &payer[..]].concat());
    assert_eq!((&sent["code"], &sent["tx"]["auth_info"]["fee"]["payer"]), (&json!(0), &json!(carol)));
    assert_eq!(sent["tx"]["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(chain.net.balance(&carol, None), before - 77);
}

fn the_fee_of_an_auxiliary_signature_is_paid_by_another(chain: &Chain<'_>) {
    let (alice, bob, carol) = (chain.address("alice"), chain.address("bob"), chain.address("carol"));
    let balances = || [&alice, &bob, &carol].map(|address| chain.net.balance(address, None));
    let before = balances();
    let send = ["tx", "bank", "send", "alice", &carol, "5uplume", "--note", "paid by bob"];
    let aux: Value = chain.net.run(&[&send[..], &["--aux"]].concat()).json();
    assert_eq!(keys(&aux), ["address", "sign_doc", "mode", "sig"]);
    assert_eq!((&aux["address"], &aux["mode"]), (&json!(alice), &json!("SIGN_MODE_DIRECT_AUX")));
    let file = chain.net.home.join("aux.json");
    fs::write(&file, aux.to_string()).unwrap();
    let file = file.to_str().unwrap();

    let pay = ["tx", "aux-to-fee", file, "--from", "bob", "--gas", "auto", "--gas-adjustment", "1.3"];
    let pay = [&pay[..], &["--gas-prices", "0.01uplume"]].concat();
    let unsigned = chain.net.run(&[&pay[..], &["--generate-only"]].concat()).json();
    assert_eq!(unsigned["auth_info"]["fee"]["payer"], bob);
    let sent = chain.send(&pay);
    assert_eq!((&sent["code"], &sent["tx"]["body"]["memo"]), (&json!(0), &json!("paid by bob")));
    let modes: Vec<&Value> = sent["tx"]["auth_info"]["signer_infos"].as_array().unwrap().iter().collect();
    let modes: Vec<&Value> = modes.iter().map(|info| &info["mode_info"]["single"]["mode"]).collect();
    assert_eq!(modes, ["SIGN_MODE_DIRECT_AUX", "SIGN_MODE_DIRECT"]);
    let fee: u128 = sent["tx"]["auth_info"]["fee"]["amount"][0]["amount"].as_str().unwrap().parse().unwrap();
    assert_eq!(balances(), [before[0] - 5, before[1] - fee, before[2] + 5]);

    // Its sequence is used; the chain says so, and the command passes it on.
    let again = chain.net.run(&[&pay[..3], &["--from", "bob", "--yes"]].concat()).failure();
    assert!(again.contains("account sequence mismatch"), "{again}");
    let amino = chain.net.run(&[&send[..], &["--aux", "--sign-mode", "amino-json"]].concat()).failure();
    assert!(amino.contains("--aux signs in direct-aux"), "{amino}");
    fs::write(file, aux.to_string().replace(&alice, &carol)).unwrap();
    let foreign = chain.net.run(&[&pay[..], &["--yes"]].concat()).failure();
    assert!(foreign.contains("its key belongs to another account"), "{foreign}");
    let no_aux = chain.net.run(&["tx", "aux-to-fee", "/dev/null", "--from", "bob"]).failure();
    assert!(no_aux.contains("was not written by --aux"), "{no_aux}");
}

fn batches_are_signed_checked_and_sent(chain: &Chain<'_>) {
    let bob = chain.address("bob");
    let line =
        |amount: &str| chain.net.run(&["tx", "bank", "send", "alice", &bob, amount, "--generate-only"]).success();
    let batch = chain.net.home.join("batch.jsonl");
    fs::write(&batch, format!("{}\n{}\n", line("1uplume"), line("2uplume"))).unwrap();
    let before = chain.net.balance(&bob, None);
    let signed = chain.net.run(&["tx", "sign-batch", batch.to_str().unwrap(), "--from", "alice"]).success();
    let lines: Vec<Value> = signed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequence =
        |tx: &Value| tx["auth_info"]["signer_infos"][0]["sequence"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(sequence(&lines[1]), sequence(&lines[0]) + 1);
    for tx in &lines {
        let home = &chain.net.home;
        let check = plumed_with(home, &["tx", "validate-signatures", "-"], &tx.to_string()).success();
        assert!(check.contains("[OK]"), "{check}");
        let mut other = tx.clone();
        other["body"]["memo"] = json!("changed");
        let done = plumed_with(home, &["tx", "validate-signatures", "-", "-o", "json"], &other.to_string());
        assert_eq!(done.code, 1);
        assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap()["valid"], false);
        let sent = plumed_with(home, &["tx", "broadcast", "-", "-o", "json"], &tx.to_string()).json();
        let hash = sent["txhash"].as_str().unwrap();
        assert_eq!(chain.json(&["query", "wait-tx", hash, "--timeout", "60s"])["code"], 0);
    }
    assert_eq!(chain.net.balance(&bob, None), before + 3);
    let joined = ["tx", "sign-batch", batch.to_str().unwrap(), "--from", "alice", "--append"];
    let joined: Value = serde_json::from_str(&chain.net.run(&joined).success()).unwrap();
    assert_eq!(joined["body"]["messages"].as_array().unwrap().len(), 2);
    assert_eq!(joined["auth_info"]["fee"]["gas_limit"], "400000");
}

fn a_multisig_account_pays(chain: &Chain<'_>) {
    let bob = chain.address("bob");
    let group = ["keys", "add", "board", "--multisig", "alice,bob,carol", "--multisig-threshold", "2"];
    chain.net.run(&group).success();
    let board = chain.address("board");
    assert_eq!(chain.send(&["tx", "bank", "send", "alice", &board, "1000uplume"])["code"], 0);
    let amounts = ["10uplume", "20uplume"];
    let lines =
        amounts.map(|amount| chain.net.run(&["tx", "bank", "send", &board, &bob, amount, "--generate-only"]).success());
    let batch = chain.net.home.join("board.jsonl");
    fs::write(&batch, lines.join("\n")).unwrap();
    let batch = batch.to_str().unwrap();
    let mut files = Vec::new();
    for name in ["alice", "carol"] {
        let path = chain.net.home.join(format!("{name}.jsonl"));
        let out = ["--output-document", path.to_str().unwrap()];
        chain
            .net
            .run(&[&["tx", "sign-batch", batch, "--from", name, "--multisig", "board"], &out[..]].concat())
            .success();
        files.push(path.to_str().unwrap().to_owned());
    }
    let combined = chain.net.run(&["tx", "multisign-batch", batch, "board", &files[0], &files[1]]).success();
    let before = chain.net.balance(&bob, None);
    for tx in combined.lines() {
        let check = plumed_with(&chain.net.home, &["tx", "validate-signatures", "-"], tx).success();
        assert!(check.contains(&board) && check.contains("[OK]"), "{check}");
        let sent = plumed_with(&chain.net.home, &["tx", "broadcast", "-", "-o", "json"], tx).json();
        let done = chain.json(&["query", "wait-tx", sent["txhash"].as_str().unwrap(), "--timeout", "60s"]);
        assert_eq!(done["code"], 0, "{done}");
    }
    assert_eq!(chain.net.balance(&bob, None), before + 30);
    assert_eq!(chain.json(&["query", "auth", "account-info", "board"])["info"]["sequence"], "2");
}

fn values_of_the_environment_are_used(chain: &Chain<'_>) {
    let run = |args: &[&str], variables: &[(&str, &str)]| plumed_in(&chain.net.home, args, "", variables);
    let params = run(&["query", "auth", "params"], &[("PLUMED_OUTPUT", "json")]).json();
    assert_eq!(params["params"]["max_memo_characters"], "256");
    let elsewhere = run(&["query", "auth", "params"], &[("PLUMED_NODE", "tcp://127.0.0.1:1")]).failure();
    assert!(elsewhere.contains("cannot reach a node"), "{elsewhere}");
    let fees = ["tx", "bank", "send", "alice", "bob", "1uplume", "--generate-only"];
    let tx = run(&fees, &[("PLUMED_FEES", "9uplume"), ("PLUMED_GAS", "123")]).json();
    assert_eq!(tx["auth_info"]["fee"]["amount"][0]["amount"], "9");
    assert_eq!(tx["auth_info"]["fee"]["gas_limit"], "123");
}

/// cosmovisor asks again, and the settings stay those of the node that still runs.
fn an_upgrade_waits_for_the_node(chain: &Chain<'_>) {
    let file = chain.net.home.join("config/app.toml");
    let settings = fs::read_to_string(&file).unwrap();
    for text in [settings.clone(), format!("was-once = 7\n{settings}")] {
        fs::write(&file, &text).unwrap();
        let busy = chain.net.run(&["pre-upgrade"]);
        assert!(busy.code == 31 && busy.err.contains("in use by another process"), "{} {}", busy.code, busy.err);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    fs::write(&file, settings).unwrap();
}

fn the_hashes_of_all_stores_are_shown(devnet: Devnet) {
    let home = devnet.stop();
    let info = crate::run::plumed(&home, &["module-hash-by-height", "--output", "json"]).json();
    let stores = info["store_infos"].as_array().unwrap();
    let names: Vec<&str> = stores.iter().map(|store| store["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"bank") && names.contains(&"acc") && names.is_sorted(), "{names:?}");
    assert!(stores.iter().all(|store| store["commit_id"]["hash"].as_str().unwrap().len() == 64));
    let future = crate::run::plumed(&home, &["module-hash-by-height", "999999"]).failure();
    assert!(future.contains("999999") || future.contains("height"), "{future}");

    // It stops before that block, and goes on from there under another setting.
    let last: u64 = info["version"].as_str().unwrap().parse().unwrap();
    for halt in [last + 2, last + 3] {
        let halted = crate::run::plumed(&home, &["start", "--halt-height", &halt.to_string()]).failure();
        assert!(halted.contains(&format!("halt per configuration height {halt} time 0")), "{halted}");
        let info = crate::run::plumed(&home, &["module-hash-by-height", "--output", "json"]).json();
        assert!(info["version"].as_str().unwrap().parse::<u64>().unwrap() < halt, "{info}");
    }
}

fn a_load_is_sent_and_measured(chain: &Chain<'_>) {
    let load = ["bench", "tx", "--from", "alice", "--accounts", "20", "--txs", "60", "--yes"];
    let open = chain.json(&[&load[..], &["--rate", "200", "--fee", "200"]].concat());
    assert_eq!((&open["committed"], &open["rate_per_s"]), (&json!(60), &json!(200.0)));
    // The last is due after 59 / 200 s.
    assert!(open["seconds"].as_f64().unwrap() > 0.29, "{open}");
    let [p50, max] = ["p50", "max"].map(|part| open["due_to_commit_ms"][part].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= max, "{open}");
    // Each pays another one of the twenty: nothing is lost but fees.
    let again = chain.json(&[&load[..], &["--fee", "200", "--seed", "1", "--connections", "2"]].concat());
    assert_eq!((&again["committed"], &again["rate_per_s"]), (&json!(60), &Value::Null));
    assert!(again["blocks"].as_u64().unwrap() >= 1 && again["load"]["connections"] == 2, "{again}");
}
