//! What may differ: the file `differences.toml`.

use std::cell::Cell;

use serde::Deserialize;
use serde_json::Value;

use crate::Difference;

/// The file: values that two runs never share, and differences that are accepted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    varies: Vec<Varies>,
    #[serde(default)]
    accepted: Vec<Accepted>,
}

/// Values that are another in each run. Both sides must have one of the kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Varies {
    /// Patterns of paths: `*` is one step, `**` any number.
    paths: Vec<String>,
    kind: Kind,
    /// The node that shows them, if not every one does.
    only: Option<String>,
    /// Two nodes may well show the same value: the entry is needed where CometBFT has a value, not where two differ.
    #[serde(default)]
    by_chance: bool,
    reason: String,
    #[serde(skip)]
    used: Vec<Cell<bool>>,
}

/// A difference between CometBFT and ours that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    /// Pattern of the case's name: `*` stands for any text.
    case: String,
    path: String,
    /// The node that differs, if not every one does: `raft`.
    only: Option<String>,
    /// Pattern of CometBFT's text there, if the difference is one of texts.
    expected: Option<String>,
    /// Pattern of ours.
    got: Option<String>,
    reason: String,
    #[serde(skip)]
    used: Cell<bool>,
}

/// What a value that varies has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// RFC 3339 in UTC.
    Time,
    /// 64 upper-case hex digits.
    Hash,
    /// 64 bytes in base64.
    Signature,
    /// Digits in a string.
    Digits,
    /// A network address.
    Address,
    /// A vote as text.
    Vote,
}

impl Kind {
    /// Whether a value is of this kind.
    pub fn holds(self, value: &Value) -> bool {
        use base64::Engine as _;
        let Some(text) = value.as_str() else { return false };
        match self {
            Self::Time => text.ends_with('Z') && text.parse::<plume_primitives::Timestamp>().is_ok(),
            Self::Hash => text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')),
            Self::Signature => {
                base64::engine::general_purpose::STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 64)
            }
            Self::Digits => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Address => {
                text.rsplit_once(':').is_some_and(|(_, port)| port.trim_end_matches(')').parse::<u16>().is_ok())
            }
            Self::Vote => text.starts_with("Vote{") && text.ends_with("Z}"),
        }
    }
}

impl Rules {
    /// Reads the file, for the node of this name.
    ///
    /// # Panics
    /// When it is not what it should be.
    pub fn read(text: &str, node: &str) -> Self {
        let mut rules: Self = toml::from_str(text).unwrap_or_else(|error| panic!("differences.toml: {error}"));
        let concerns = |only: &Option<String>| only.as_deref().is_none_or(|only| only == node);
        rules.varies.retain(|rule| concerns(&rule.only));
        rules.accepted.retain(|rule| concerns(&rule.only));
        for rule in &mut rules.varies {
            assert!(!rule.reason.is_empty(), "{:?} has no reason", rule.paths);
            rule.used = rule.paths.iter().map(|_| Cell::new(false)).collect();
        }
        assert!(rules.accepted.iter().all(|rule| !rule.reason.is_empty()), "an accepted difference has no reason");
        rules
    }

    /// Whether a difference is covered by the file.
    pub fn allow(&self, case: &str, difference: &Difference) -> bool {
        for rule in &self.accepted {
            let texts = fits(rule.expected.as_deref(), difference.expected.as_ref())
                && fits(rule.got.as_deref(), difference.got.as_ref());
            if texts && glob(&rule.case, case) && path_matches(&rule.path, &difference.path) {
                rule.used.set(true);
                return true;
            }
        }
        let (Some(expected), Some(got)) = (&difference.expected, &difference.got) else { return false };
        for rule in &self.varies {
            for (pattern, used) in rule.paths.iter().zip(&rule.used) {
                if path_matches(pattern, &difference.path) && rule.kind.holds(expected) && rule.kind.holds(got) {
                    used.set(true);
                    return true;
                }
            }
        }
        false
    }

    /// Notes the values of an answer that may be the same by chance.
    pub fn meet(&self, path: &str, answer: &Value) {
        let join = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
        match answer {
            Value::Object(members) => members.iter().for_each(|(key, value)| self.meet(&join(key), value)),
            Value::Array(values) => {
                values.iter().enumerate().for_each(|(index, value)| self.meet(&join(&index.to_string()), value));
            }
            value => {
                for rule in self.varies.iter().filter(|rule| rule.by_chance && rule.kind.holds(value)) {
                    let met = rule.paths.iter().zip(&rule.used).filter(|(pattern, _)| path_matches(pattern, path));
                    met.for_each(|(_, used)| used.set(true));
                }
            }
        }
    }

    /// Entries of the file that nothing needed.
    pub fn unused(&self) -> Vec<String> {
        let varies = self.varies.iter().flat_map(|rule| rule.paths.iter().zip(&rule.used));
        let varies = varies.filter(|(_, used)| !used.get()).map(|(path, _)| format!("varies {path}"));
        let accepted = self.accepted.iter().filter(|rule| !rule.used.get());
        varies.chain(accepted.map(|rule| format!("accepted {} {}", rule.case, rule.path))).collect()
    }
}

/// Whether a value is the text that a rule wants; a rule without one takes everything.
fn fits(pattern: Option<&str>, value: Option<&Value>) -> bool {
    pattern.is_none_or(|pattern| value.and_then(Value::as_str).is_some_and(|text| glob(pattern, text)))
}

/// `*` is any text without regard to what it holds.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| glob(rest, &text[at..]))
        }),
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    fn steps(pattern: &[&str], path: &[&str]) -> bool {
        match pattern.split_first() {
            None => path.is_empty(),
            Some((&"**", rest)) => (0..=path.len()).any(|skipped| steps(rest, &path[skipped..])),
            Some((&step, rest)) => {
                path.split_first().is_some_and(|(&first, tail)| (step == "*" || step == first) && steps(rest, tail))
            }
        }
    }
    let pattern: Vec<_> = pattern.split('.').collect();
    let path: Vec<_> = path.split('.').collect();
    steps(&pattern, &path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = r#"
        [[varies]]
        paths = ["**.time", "body.hash"]
        kind = "time"
        reason = "the clock"

        [[varies]]
        paths = ["**.size"]
        kind = "digits"
        by_chance = true
        reason = "the length of a time"

        [[accepted]]
        case = "GET a*"
        path = "body.x.*"
        reason = "because"

        [[accepted]]
        case = "*"
        path = "body.text"
        expected = "want *"
        got = "wish *"
        reason = "our word"

        [[accepted]]
        case = "*"
        path = "body.elsewhere"
        only = "raft"
        reason = "another node"
    "#;

    fn difference(path: &str, expected: Value, got: Value) -> Difference {
        Difference { path: path.to_owned(), expected: Some(expected), got: Some(got) }
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let rules = Rules::read(FILE, "ours");
        let (a, b) = (json!("2024-01-01T00:00:00Z"), json!("2025-01-01T00:00:00.5Z"));
        assert!(rules.allow("any", &difference("body.result.time", a.clone(), b)));
        assert!(!rules.allow("any", &difference("body.result.time", a.clone(), json!(5))));
        assert!(!rules.allow("any", &difference("body.result.other", a, json!(5))));
        assert!(rules.allow("GET abc", &difference("body.x.0", json!(1), json!(2))));
        assert!(!rules.allow("GET abc", &difference("body.x.0.y", json!(1), json!(2))));
        assert!(!rules.allow("POST abc", &difference("body.x.0", json!(1), json!(2))));
        assert!(rules.allow("any", &difference("body.text", json!("want 6"), json!("wish 7"))));
        assert!(!rules.allow("any", &difference("body.text", json!("want 6"), json!("want 7"))));
        assert!(!rules.allow("any", &difference("body.elsewhere", json!(1), json!(2))));
        assert_eq!(rules.unused(), ["varies body.hash", "varies **.size"]);
        rules.meet("", &json!({"body": {"hash": "x", "size": 7}}));
        assert_eq!(rules.unused(), ["varies body.hash", "varies **.size"]);
        rules.meet("", &json!({"body": [{"size": "7"}]}));
        assert_eq!(rules.unused(), ["varies body.hash"]);
        let rules = Rules::read(FILE, "raft");
        assert!(rules.allow("any", &difference("body.elsewhere", json!(1), json!(2))));
    }
}
