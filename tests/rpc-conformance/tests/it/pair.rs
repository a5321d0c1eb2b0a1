//! Both nodes and what was found to differ.

use plume_rpc::RpcSettings;
use plume_tests_rpc_conformance::{Difference, Endpoint, Follower, Real, Rules, compare};
use serde_json::{Value, json};

const RULES: &str = include_str!("../../differences.toml");

pub struct Pair {
    pub real: Real,
    ours: Box<dyn Follower>,
    made: u64,
    rules: Rules,
    found: Vec<String>,
    pub cases: usize,
}

impl Pair {
    pub fn start(settings: &RpcSettings, ours: impl Follower + 'static) -> Self {
        let real = Real::start(settings);
        let rules = Rules::read(RULES, ours.name());
        Self { real, ours: Box::new(ours), made: 0, rules, found: Vec::new(), cases: 0 }
    }

    pub fn both(&self) -> [Endpoint; 2] {
        [self.real.endpoint(), self.ours.endpoint()]
    }

    pub fn publishes_steps(&self) -> bool {
        self.ours.publishes_steps()
    }

    /// Waits until CometBFT rests, and makes its blocks here.
    pub fn mirror(&mut self) {
        let height = self.real.rest(self.made);
        self.mirror_to(height);
    }

    /// Makes CometBFT's blocks here up to a height that it has.
    pub fn mirror_to(&mut self, height: u64) {
        self.real.wait(height);
        while self.made < height {
            let txs = self.real.txs(self.made + 1);
            self.ours.follow(self.made + 1, txs);
            self.made += 1;
        }
    }

    pub fn height(&self) -> u64 {
        self.made
    }

    /// Records every difference that the rules do not allow.
    pub fn same(&mut self, case: &str, real: &Value, ours: &Value) {
        self.cases += 1;
        self.rules.meet("", real);
        for difference in compare("", real, ours) {
            let difference = Difference { path: difference.path.trim_start_matches('.').to_owned(), ..difference };
            if !self.rules.allow(case, &difference) {
                let show = |value: &Option<Value>| {
                    value.as_ref().map_or("nothing".to_owned(), |value| {
                        let text = value.to_string();
                        text.chars().take(300).collect()
                    })
                };
                self.found.push(format!(
                    "{case}\n    {}\n    cometbft: {}\n    ours:     {}",
                    difference.path,
                    show(&difference.expected),
                    show(&difference.got)
                ));
            }
        }
    }

    /// One `GET`; `{hash:7}` stands for the hash of block 7 in hex.
    pub fn get(&mut self, path: &str) {
        let [real, ours] = self.both().map(|node| node.get(&fill(node, path)).to_value());
        self.same(&format!("GET {path}"), &real, &ours);
    }

    /// One call by `POST`.
    pub fn call(&mut self, method: &str, params: &Value) {
        let body = json!({"jsonrpc": "2.0", "id": "a<b", "method": method, "params": params}).to_string();
        self.post(&body);
    }

    /// One `POST` of a body as it stands.
    pub fn post(&mut self, body: &str) {
        let [real, ours] = self.both().map(|node| node.post(fill(node, body).as_bytes()).to_value());
        self.same(&format!("POST {body}"), &real, &ours);
    }

    /// Any request.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let [real, ours] = self.both().map(|node| node.send(method, path, headers, body).to_value());
        let name = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        self.same(&format!("{method} {path} {headers:?} {name}"), &real, &ours);
    }

    /// # Panics
    /// When there is a difference that is not listed, or an entry of the list that nothing needed.
    pub fn finish(self) {
        let unused = self.rules.unused();
        assert!(
            self.found.is_empty() && unused.is_empty(),
            "{} cases\n{} differences that are not listed:\n{}\n{} entries that nothing needed:\n{}",
            self.cases,
            self.found.len(),
            self.found.join("\n"),
            unused.len(),
            unused.join("\n")
        );
        println!("{} cases are the same", self.cases);
    }
}

/// Puts a node's own block hashes in: `{hash:7}` in hex, `{hash64:7}` in base64.
fn fill(node: Endpoint, text: &str) -> String {
    use base64::Engine as _;
    let mut out = text.to_owned();
    while let Some(start) = out.find("{hash") {
        let end = start + out[start..].find('}').expect("a closing brace");
        let (kind, height) = out[start + 1..end].split_once(':').expect("a height");
        let hash =
            node.call("block", &json!({"height": height}))["block_id"]["hash"].as_str().expect("a hash").to_owned();
        let hash = match kind {
            "hash64" => base64::engine::general_purpose::STANDARD.encode(hex::decode(hash).expect("hex")),
            _ => hash,
        };
        out.replace_range(start..=end, &hash);
    }
    out
}
