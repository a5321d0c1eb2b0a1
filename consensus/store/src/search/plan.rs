//! What a query asks of the index. Follows `state/txindex/kv/kv.go`, `state/indexer/block/kv/kv.go` and
//! `state/indexer/query_range.go` of CometBFT 0.38.25 where they surprise; the README lists how.

use plume_events::{ArgumentKind, BLOCK_HEIGHT_KEY, Condition, Number, Operator, TX_HASH_KEY, TX_HEIGHT_KEY};

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tx,
    Block,
}

impl Kind {
    fn height_key(self) -> &'static str {
        match self {
            Self::Tx => TX_HEIGHT_KEY,
            Self::Block => BLOCK_HEIGHT_KEY,
        }
    }
}

/// How a query is answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// By this transaction hash alone.
    Hash(String),
    /// By what all terms have in common, at heights that the rule allows. No terms: nothing.
    Terms { heights: HeightRule, terms: Vec<Term> },
}

/// One set of events.
#[derive(Debug, PartialEq)]
pub(crate) enum Term {
    /// Nothing.
    Nothing,
    /// Every transaction, or block, of the heights; not an event, so it never meets one.
    Heights { contains: Option<String> },
    /// Events with this value.
    Equal { tag: String, value: String },
    /// Events with a value that passes.
    Test { tag: String, test: Test },
}

/// What values pass.
#[derive(Debug, PartialEq)]
pub(crate) enum Test {
    Exists,
    Contains(String),
    Within(Bounds),
}

/// Heights at which events count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HeightRule {
    Any,
    Exactly(i64),
    Within(Bounds),
}

/// A range of numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bounds {
    lower: Option<Bound>,
    upper: Option<Bound>,
    /// Once a key has been compared with `>=` (`<=`), its lower (upper) bound is included, whatever comes later.
    include_lower: bool,
    include_upper: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Bound {
    Number(Number),
    /// Nothing is within a time: the indexer compares only numbers.
    Time,
}

impl Bounds {
    fn add(&mut self, condition: &Condition) {
        let Some(argument) = condition.argument() else { return };
        let bound = match (argument.kind(), argument.number()) {
            (ArgumentKind::Number, Some(number)) => Bound::Number(number.clone()),
            _ => Bound::Time,
        };
        match condition.operator() {
            Operator::Greater => self.lower = Some(bound),
            Operator::AtLeast => (self.lower, self.include_lower) = (Some(bound), true),
            Operator::Less => self.upper = Some(bound),
            Operator::AtMost => (self.upper, self.include_upper) = (Some(bound), true),
            Operator::Equal | Operator::Contains | Operator::Exists => {}
        }
    }

    pub(crate) fn allow(&self, number: &Number) -> bool {
        let lower = match &self.lower {
            None => true,
            Some(Bound::Number(bound)) => number > bound || (self.include_lower && number == bound),
            Some(Bound::Time) => false,
        };
        lower
            && match &self.upper {
                None => true,
                Some(Bound::Number(bound)) => number < bound || (self.include_upper && number == bound),
                Some(Bound::Time) => false,
            }
    }

    /// The lowest and highest height that can be within.
    fn heights(&self) -> (u64, u64) {
        let limit = |bound: &Option<Bound>, default: u64| match bound {
            Some(Bound::Number(number)) => u64::try_from(number.truncated()).unwrap_or(0),
            _ => default,
        };
        (limit(&self.lower, 0), limit(&self.upper, u64::MAX))
    }
}

impl HeightRule {
    pub(crate) fn allows(&self, height: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(only) => u64::try_from(*only) == Ok(height),
            Self::Within(bounds) => Number::whole(&height.to_string()).is_some_and(|height| bounds.allow(&height)),
        }
    }

    /// The lowest and highest height that it can allow; not each between them.
    pub(crate) fn limits(&self) -> (u64, u64) {
        match self {
            Self::Any => (0, u64::MAX),
            // A negative height is none.
            Self::Exactly(only) => u64::try_from(*only).map_or((u64::MAX, 0), |only| (only, only)),
            Self::Within(bounds) => bounds.heights(),
        }
    }
}

/// Reads the conditions as the indexer does.
pub(crate) fn plan(conditions: &[Condition], kind: Kind) -> Plan {
    if kind == Kind::Tx
        && let Some(condition) = conditions.iter().find(|condition| condition.tag() == TX_HASH_KEY)
    {
        return Plan::Hash(condition.text().to_owned());
    }
    let (conditions, height) = take_height(conditions, kind.height_key());
    let (ranges, height_range) = ranges(&conditions);
    let heights = match (height_range, height.number) {
        (Some(bounds), _) => HeightRule::Within(bounds),
        (None, 0) => HeightRule::Any,
        (None, only) => HeightRule::Exactly(only),
    };
    let mut terms = Vec::new();
    for (tag, bounds) in ranges {
        if tag != kind.height_key() {
            terms.push(Term::Test { tag, test: Test::Within(bounds) });
        } else if height.only_range {
            terms.push(Term::Heights { contains: None });
        }
    }
    for condition in conditions.iter().filter(|condition| !condition.operator().is_range()) {
        terms.push(term(condition, kind));
    }
    if height.only_equal {
        terms.push(match kind {
            // A block is looked up by the number, a transaction by the text.
            Kind::Tx if height.text.as_deref() != Some(height.number.to_string().as_str()) => Term::Nothing,
            _ if height.number <= 0 => Term::Nothing,
            _ => Term::Heights { contains: None },
        });
    }
    Plan::Terms { heights, terms }
}

fn term(condition: &Condition, kind: Kind) -> Term {
    let tag = condition.tag().to_owned();
    let is_height = tag == kind.height_key();
    match (condition.operator(), kind) {
        // The block index cannot read the key of a height as that of an event.
        (Operator::Exists | Operator::Contains, Kind::Block) if is_height => Term::Nothing,
        (Operator::Exists, Kind::Tx) if is_height => Term::Heights { contains: None },
        (Operator::Contains, Kind::Tx) if is_height => Term::Heights { contains: Some(condition.text().to_owned()) },
        (Operator::Exists, _) => Term::Test { tag, test: Test::Exists },
        (Operator::Contains, _) => Term::Test { tag, test: Test::Contains(condition.text().to_owned()) },
        _ => Term::Equal { tag, value: condition.text().to_owned() },
    }
}

/// What the query says of heights with `=`.
#[derive(Debug)]
struct HeightEqual {
    /// The height; 0 for any.
    number: i64,
    /// How it was written.
    text: Option<String>,
    /// Whether this is all that the query says.
    only_equal: bool,
    /// Whether a range of heights is all that the query says.
    only_range: bool,
}

/// Takes the conditions on the height with `=` out (`dedupHeight`): the first that is a number counts, unless another
/// operator is used on the height as well; then none does.
fn take_height(conditions: &[Condition], height_key: &str) -> (Vec<Condition>, HeightEqual) {
    let mut rest = Vec::new();
    let mut found: Option<&Condition> = None;
    let mut has_range = false;
    let mut has_others = false;
    for condition in conditions {
        if condition.tag() != height_key {
            has_others = true;
            rest.push(condition.clone());
        } else if condition.operator() != Operator::Equal {
            has_range = true;
            rest.push(condition.clone());
        } else if !has_range && found.is_none() && condition.argument().is_some_and(|it| it.number().is_some()) {
            found = Some(condition);
        }
    }
    let found = found.filter(|_| !has_range);
    let number = found.and_then(|condition| condition.argument()?.number()).map_or(0, Number::truncated);
    let height = HeightEqual {
        number,
        text: found.map(|condition| condition.text().to_owned()),
        only_equal: found.is_some() && !has_others,
        only_range: found.is_none() && !has_others,
    };
    (rest, height)
}

/// Ranges by key, and the one of heights (`LookForRangesWithHeight`), where both height keys count, the later one more.
fn ranges(conditions: &[Condition]) -> (Vec<(String, Bounds)>, Option<Bounds>) {
    let mut ranges: Vec<(String, Bounds)> = Vec::new();
    let mut heights: Option<Bounds> = None;
    for condition in conditions.iter().filter(|condition| condition.operator().is_range()) {
        let is_height = [TX_HEIGHT_KEY, BLOCK_HEIGHT_KEY].contains(&condition.tag());
        let at = ranges.iter().position(|(tag, _)| tag == condition.tag());
        if at.is_none() {
            if is_height {
                heights = Some(Bounds::default());
            }
            ranges.push((condition.tag().to_owned(), Bounds::default()));
        }
        let at = at.unwrap_or(ranges.len() - 1);
        if let Some((_, bounds)) = ranges.get_mut(at) {
            bounds.add(condition);
        }
        if let Some(heights) = heights.as_mut().filter(|_| is_height) {
            heights.add(condition);
        }
    }
    (ranges, heights)
}
