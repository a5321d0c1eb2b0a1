//! What real CometBFT answered: 60 blocks of four validators who leave one after the other and return
//! (`tests/devnet/tests/it/light.rs` records them).

use std::cell::RefCell;
use std::time::Duration;

use plume_light_client::rpc::{self, AnswerError, RpcProvider, Transport, TransportError};
use plume_light_client::{
    Client, Error, InvalidBlock, LightBlock, Mode, Provider, ProviderError, Sources, Time, TrustOptions, VerifyError,
    verify_block, verify_step,
};
use serde_json::{Value, json};

const CHAIN: &str = include_str!("../data/chain.jsonl");

/// Result of `commit` and of `validators` of one height.
#[derive(Clone)]
pub struct Answers {
    pub commit: Value,
    pub validators: Value,
}

impl Answers {
    fn block(&self) -> Result<LightBlock, ProviderError> {
        rpc::light_block(&self.commit, std::slice::from_ref(&self.validators))
    }
}

pub fn recorded() -> Vec<Answers> {
    let answers = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("recorded JSON");
        Answers { commit: line["commit"].take(), validators: line["validators"].take() }
    };
    CHAIN.lines().map(answers).collect()
}

/// A node that answers from the record, with pages of `per_page` validators.
struct Recorded {
    answers: Vec<Answers>,
    per_page: usize,
    calls: RefCell<Vec<String>>,
}

impl Recorded {
    fn new(per_page: usize) -> Self {
        Self { answers: recorded(), per_page, calls: RefCell::default() }
    }
}

impl Transport for &Recorded {
    fn call(&self, method: &str, params: &Value) -> Result<Value, TransportError> {
        self.calls.borrow_mut().push(method.to_owned());
        let number = |name: &str| params[name].as_str().and_then(|text| text.parse::<usize>().ok());
        let answers = number("height").and_then(|height| self.answers.get(height.checked_sub(1)?));
        match (method, answers) {
            ("status", _) => Ok(json!({ "sync_info": { "latest_block_height": self.answers.len().to_string() } })),
            ("commit", Some(answers)) => Ok(answers.commit.clone()),
            ("validators", Some(answers)) => {
                let mut page = answers.validators.clone();
                let all = page["validators"].as_array().expect("a list").clone();
                let from = (number("page").expect("a page") - 1) * self.per_page;
                page["validators"] = all.into_iter().skip(from).take(self.per_page).collect();
                Ok(page)
            }
            _ => Err(TransportError::Refused("height must be less than or equal to the current".to_owned())),
        }
    }
}

fn after(block: &LightBlock) -> Time {
    block.time().checked_add(Duration::from_secs(1)).expect("a time")
}

fn options(block: &LightBlock) -> TrustOptions {
    TrustOptions::new(block.height(), block.hash(), Duration::from_secs(3600))
}

fn client(trusted: &LightBlock) -> Client {
    Client::new(trusted.header().chain_id.clone(), options(trusted), trusted.clone()).expect("an honest block")
}

#[test]
fn the_whole_chain_verifies_in_sequence_by_skipping_and_backwards() {
    // Pages of two, so that sets take one and two of them.
    let record = Recorded::new(2);
    let node = RpcProvider::new("recorded", &record);
    let last = node.latest_height().unwrap();
    assert_eq!(last, 60);
    let (first, end) = (node.light_block(1).unwrap(), node.light_block(last).unwrap());
    let now = after(&end);
    let sequence = client(&first).verify_sequential(&node, last, now).unwrap();
    assert_eq!((sequence.steps, &sequence.block), (59, &end));
    // 25 is the fourth's alone, 45 the others': see who validates in the recording test.
    let mut skipping = client(&first);
    for (height, steps) in [(60, 1..2), (25, 2..12), (45, 2..12)] {
        let verified = skipping.verify_to_height(&node, height, now).unwrap();
        assert!(sequence.trace.contains(&(height, verified.block.hash())));
        assert!(steps.contains(&verified.steps), "{:?}", verified.trace);
    }
    let back = client(&end).verify_to_height(&node, 1, now).unwrap();
    assert_eq!((back.steps, back.block), (59, first));
    // Any pair of heights holds or asks for a block in between; nothing else.
    let blocks: Vec<_> = recorded().iter().map(|answers| answers.block().unwrap()).collect();
    let mut in_between = 0;
    for (index, trusted) in blocks.iter().enumerate() {
        assert_eq!(verify_block(trusted, &trusted.header().chain_id), Ok(()));
        for block in &blocks[index + 1..] {
            match verify_step(trusted, block, &options(trusted), now) {
                Ok(()) => {}
                Err(VerifyError::Trust { .. }) if block.height() > trusted.height() + 1 => in_between += 1,
                Err(error) => panic!("{} to {}: {error}", trusted.height(), block.height()),
            }
        }
    }
    assert!(in_between > 100, "{in_between}");
}

#[test]
fn a_node_agrees_with_itself_as_witness() {
    let (one, two) = (Recorded::new(100), Recorded::new(1));
    let (primary, witness) = (RpcProvider::new("one", &one), RpcProvider::new("two", &two));
    let first = primary.light_block(1).unwrap();
    let now = after(&primary.light_block(60).unwrap());
    let sources = Sources { primary: &primary, witnesses: &[&witness] };
    let verified = client(&first).verify(sources, 60, Mode::Skipping, now).unwrap();
    assert_eq!(verified.witnesses[0].to_string(), "two agrees");
    // One validator a page.
    assert_eq!(two.calls.borrow().iter().filter(|method| *method == "validators").count(), 4);
    let error = client(&first).verify_to_height(&primary, 61, now).unwrap_err();
    assert!(
        matches!(&error, Error::Provider { source: ProviderError::NoBlock { height: 61, reason }, .. } if reason.contains("less than or equal")),
        "{error:?}"
    );
}

/// Why answers are refused: a block that cannot be read, or one that does not follow.
#[derive(Debug, PartialEq)]
enum Refusal {
    Unreadable(ProviderError),
    Untrusted(VerifyError),
}

/// All leaves of `value` as JSON pointers.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found)),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// Another value of the same form.
fn changed(leaf: &Value) -> Value {
    match leaf {
        Value::Number(number) => json!(number.as_u64().expect("unsigned") + 1),
        Value::Bool(value) => json!(!value),
        Value::String(text) => {
            if let Ok(number) = text.parse::<i64>() {
                return json!((number + 1).to_string());
            }
            if let Some(key) = text.strip_prefix("tendermint/") {
                return json!(format!("tendermint/Other{key}"));
            }
            // Hashes, addresses, base64, times and ids: one digit or letter in the middle, so that the length stays.
            let mut bytes = text.clone().into_bytes();
            let place = bytes.len() / 2;
            let place = (place..bytes.len()).find(|place| bytes[*place].is_ascii_alphanumeric()).expect("a letter");
            bytes[place] = match bytes[place] {
                b'9' => b'8',
                digit @ b'0'..=b'8' => digit + 1,
                b'F' => b'E',
                b'Z' => b'Y',
                b'z' => b'y',
                letter => letter + 1,
            };
            json!(String::from_utf8(bytes).expect("ASCII"))
        }
        other => panic!("{other}"),
    }
}

/// The refusal of block `height` with one leaf changed; `None` if it is accepted.
fn refusal(trusted: &LightBlock, answers: &Answers, now: Time) -> Option<Refusal> {
    let block = match answers.block() {
        Ok(block) => block,
        Err(error) => return Some(Refusal::Unreadable(error)),
    };
    verify_step(trusted, &block, &options(trusted), now).err().map(Refusal::Untrusted)
}

/// What a change of the leaf at `path` must lead to.
fn is_right(path: &str, refusal: &Refusal) -> bool {
    use Refusal::{Unreadable, Untrusted};
    let tail = path.rsplit('/').next().expect("a name");
    match path {
        "/signed_header/header/version/block" => matches!(refusal, Untrusted(VerifyError::BlockVersion { .. })),
        "/signed_header/header/chain_id" => matches!(refusal, Untrusted(VerifyError::ChainId { .. })),
        "/signed_header/header/validators_hash" => matches!(refusal, Untrusted(VerifyError::Validators { .. })),
        "/signed_header/header/height" | "/signed_header/commit/height" => {
            matches!(refusal, Unreadable(ProviderError::Answer(AnswerError::Shape { method: "commit", .. })))
        }
        "/signed_header/commit/block_id/hash" => matches!(refusal, Untrusted(VerifyError::HeaderHash { .. })),
        "/block_height" | "/total" => {
            matches!(refusal, Unreadable(ProviderError::Answer(AnswerError::Page { height: 3, .. })))
        }
        _ if path.starts_with("/signed_header/header/") => matches!(refusal, Untrusted(VerifyError::HeaderHash { .. })),
        _ if path.starts_with("/signed_header/commit/signatures") && tail == "validator_address" => {
            matches!(refusal, Untrusted(VerifyError::UnknownSigner { .. }))
        }
        _ if path.starts_with("/signed_header/commit") => matches!(refusal, Untrusted(VerifyError::Signature { .. })),
        _ => match tail {
            "address" | "value" => {
                matches!(refusal, Unreadable(ProviderError::Block(InvalidBlock::Address { height: 3, .. })))
            }
            "type" => matches!(refusal, Unreadable(ProviderError::Answer(AnswerError::Key { .. }))),
            "voting_power" => matches!(refusal, Untrusted(VerifyError::Validators { .. })),
            _ => false,
        },
    }
}

/// Not part of what is verified, and not read: whether the commit is the canonical one, the proposers' turns, the page's length.
fn is_unread(path: &str) -> bool {
    path == "/canonical" || path == "/count" || path.ends_with("/proposer_priority")
}

#[test]
fn a_change_of_any_field_is_refused_by_its_name() {
    let record = recorded();
    let (answers, now) = (&record[2], after(&record[59].block().unwrap()));
    let block = answers.block().unwrap();
    let mut tried = 0;
    // From the block next door, and by skipping.
    for trusted in [record[1].block().unwrap(), record[0].block().unwrap()] {
        assert_eq!(refusal(&trusted, answers, now), None);
        for in_commit in [true, false] {
            let mut paths = Vec::new();
            leaves(if in_commit { &answers.commit } else { &answers.validators }, "", &mut paths);
            for path in paths {
                let mut tampered = answers.clone();
                let part = if in_commit { &mut tampered.commit } else { &mut tampered.validators };
                let leaf = part.pointer_mut(&path).expect("a leaf");
                *leaf = changed(leaf);
                let refused = refusal(&trusted, &tampered, now);
                if is_unread(&path) {
                    assert_eq!(tampered.block().unwrap(), block, "{path}");
                    continue;
                }
                let refused = refused.unwrap_or_else(|| panic!("{path} is not checked"));
                assert!(is_right(&path, &refused), "{path}: {refused:?}");
                tried += 1;
            }
        }
    }
    // 16 of the header, 5 of the commit, 4 of each signature, 4 of each validator, 2 of the page.
    assert_eq!(tried, 2 * (16 + 5 + 16 + 16 + 2));
}

#[test]
fn what_is_left_out_or_put_in_is_refused() {
    let record = recorded();
    let (trusted, now) = (record[1].block().unwrap(), after(&record[59].block().unwrap()));
    let tampered = |change: &dyn Fn(&mut Answers)| {
        let mut answers = record[2].clone();
        change(&mut answers);
        refusal(&trusted, &answers, now)
    };
    // CometBFT leaves the app's version out while it is 0.
    let version = tampered(&|answers| answers.commit["signed_header"]["header"]["version"]["app"] = json!("1"));
    assert!(matches!(version, Some(Refusal::Untrusted(VerifyError::HeaderHash { .. }))), "{version:?}");
    for field in ["last_block_id", "data_hash", "app_hash", "evidence_hash", "time", "proposer_address", "version"] {
        let missing = tampered(&|answers| {
            answers.commit["signed_header"]["header"].as_object_mut().unwrap().remove(field);
        });
        assert!(missing.is_some(), "{field}");
    }
    let signature = tampered(&|answers| {
        answers.commit["signed_header"]["commit"]["signatures"].as_array_mut().unwrap().pop();
    });
    assert_eq!(signature, Some(Refusal::Untrusted(VerifyError::SignatureCount { signatures: 3, validators: 4 })));
    let validator = tampered(&|answers| {
        answers.validators["validators"].as_array_mut().unwrap().pop();
        answers.validators["total"] = json!("3");
    });
    assert!(matches!(validator, Some(Refusal::Untrusted(VerifyError::Validators { .. }))), "{validator:?}");
    // Block 4 has a vote that is absent: it cannot be given a signature.
    let mut answers = record[3].clone();
    let absent = &mut answers.commit["signed_header"]["commit"]["signatures"][1];
    assert_eq!(absent["block_id_flag"], 1);
    *absent = record[3].commit["signed_header"]["commit"]["signatures"][0].clone();
    let doubled = refusal(&record[2].block().unwrap(), &answers, now);
    assert!(matches!(doubled, Some(Refusal::Untrusted(VerifyError::DoubleSignature { .. }))), "{doubled:?}");
}

#[test]
fn answers_of_another_shape_are_named() {
    let refused = |text: &str| rpc::result(text.as_bytes()).unwrap_err();
    assert!(matches!(refused("<html>"), AnswerError::NotJson { .. }));
    assert!(matches!(refused("{}"), AnswerError::Shape { method: "JSON-RPC", .. }));
    assert_eq!(
        refused(r#"{"error":{"code":-32603,"message":"Internal error","data":"no"}}"#),
        AnswerError::Refused { code: -32603, message: "Internal error".to_owned(), data: "no".to_owned() }
    );
    let large = vec![b' '; rpc::MAX_ANSWER_BYTES + 1];
    assert_eq!(rpc::result(&large), Err(AnswerError::TooLarge { size: large.len() }));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(matches!(refused(&deep), AnswerError::NotJson { .. }));
    assert_eq!(rpc::result(br#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#), Ok(json!({"a": 1})));
    assert!(matches!(rpc::signed_header(&json!({})), Err(AnswerError::Shape { method: "commit", .. })));
    assert!(matches!(rpc::validators(&json!({})), Err(AnswerError::Shape { method: "validators", .. })));
    assert!(matches!(rpc::latest_height(&json!({"sync_info": {}})), Err(AnswerError::Shape { method: "status", .. })));
    assert!(matches!(rpc::query(&json!({"response": 1})), Err(AnswerError::Shape { method: "abci_query", .. })));

    let mut many = recorded()[2].commit.clone();
    let signature = many["signed_header"]["commit"]["signatures"][0].clone();
    many["signed_header"]["commit"]["signatures"] = vec![signature; 10_001].into();
    let error = rpc::signed_header(&many).unwrap_err();
    assert!(error.to_string().contains("10001 signatures: at most 10000"), "{error}");
}

#[test]
fn a_node_cannot_make_the_pages_endless() {
    let mut record = Recorded::new(2);
    record.answers[2].validators["total"] = json!("5");
    let error = RpcProvider::new("node", &record).light_block(3).unwrap_err();
    assert_eq!(error.to_string(), "its answer cannot be read");
    assert!(
        matches!(&error, ProviderError::Answer(AnswerError::Page { height: 3, page: 3, reason }) if reason == "it is empty, 4 of 5 are known"),
        "{error:?}"
    );
    record.answers[2].validators["total"] = json!("10001");
    let error = RpcProvider::new("node", &record).light_block(3).unwrap_err();
    assert_eq!(error, ProviderError::Block(InvalidBlock::ValidatorCount { height: 3, count: 10_001 }));
    record.answers[2].validators["total"] = json!("3");
    let error = RpcProvider::new("node", &record).light_block(3).unwrap_err();
    assert!(error.to_string() == "its answer cannot be read", "{error:?}");
}

#[test]
fn keys_of_both_kinds_are_read_and_others_refused() {
    let page = |kind: &str, value: &str, address: &str| {
        rpc::validators(&json!({
            "block_height": "1", "count": "1", "total": "1",
            "validators": [{"address": address, "pub_key": {"type": kind, "value": value}, "voting_power": "1", "proposer_priority": "0"}],
        }))
    };
    // secp256k1's generator, and its address by RIPEMD-160 of SHA-256.
    let generator = "Anm+Zn753LusVaBilc6HCwcCm/zbLc4o2VnygVsW+BeY";
    let address = "751E76E8199196D454941C45D1B3A323F1433BD6";
    let read = page("tendermint/PubKeySecp256k1", generator, address).unwrap();
    assert_eq!(plume_light_client::Address::from(read.validators[0].pub_key).to_string(), address);
    for (kind, value) in [
        ("tendermint/PubKeyEd25519", generator),
        ("tendermint/PubKeySecp256k1", "AAAA"),
        ("tendermint/PubKeyBn254", generator),
        ("tendermint/PubKeyEd25519", "not base64"),
    ] {
        assert_eq!(page(kind, value, address), Err(AnswerError::Key { kind: kind.to_owned() }));
    }
    assert!(matches!(
        page("tendermint/PubKeySecp256k1", generator, "75"),
        Err(AnswerError::Shape { method: "validators", .. })
    ));
}
