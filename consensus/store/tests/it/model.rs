//! What CometBFT 0.38.25 finds, computed the slow way: its algorithm over a list of all index keys, with sets.

use std::collections::{BTreeMap, BTreeSet};

use plume_events::{Condition, Number, Operator, Query};

/// One key of CometBFT's index.
#[derive(Debug, Clone)]
pub struct Key {
    pub tag: String,
    pub value: String,
    pub height: u64,
    pub index: u32,
    /// Number of the event; 0 for the key of a height.
    pub event: u32,
}

type Set = BTreeSet<(u64, u32, u32)>;

#[derive(Default, Clone)]
struct Range {
    lower: Option<(Option<Number>, ())>,
    upper: Option<(Option<Number>, ())>,
    include_lower: bool,
    include_upper: bool,
}

impl Range {
    fn set(&mut self, condition: &Condition) {
        let is_number = matches!(condition.argument().map(|it| it.kind()), Some(plume_events::ArgumentKind::Number));
        let bound = Some((condition.argument().and_then(|it| it.number().cloned()).filter(|_| is_number), ()));
        match condition.operator() {
            Operator::Greater => self.lower = bound,
            Operator::AtLeast => (self.lower, self.include_lower) = (bound, true),
            Operator::Less => self.upper = bound,
            Operator::AtMost => (self.upper, self.include_upper) = (bound, true),
            _ => panic!("not a range"),
        }
    }

    /// `CheckBounds`.
    fn holds(&self, value: &Number) -> bool {
        if let Some((lower, ())) = &self.lower {
            let Some(lower) = lower else { return false };
            if value < lower || (value == lower && !self.include_lower) {
                return false;
            }
        }
        if let Some((upper, ())) = &self.upper {
            let Some(upper) = upper else { return false };
            if value > upper || (value == upper && !self.include_upper) {
                return false;
            }
        }
        true
    }
}

/// `TxIndex.Search` and `BlockerIndexer.Search` after the look-up of a hash.
pub fn search(query: &Query, height_tag: &str, keys: &[Key]) -> BTreeSet<(u64, u32)> {
    let is_tx = height_tag == "tx.height";
    // dedupHeight
    let (mut conditions, mut height_conditions) = (Vec::new(), Vec::new());
    let (mut range_exists, mut found) = (false, false);
    let (mut only_equal, mut only_range) = (true, true);
    let mut height = 0_i64;
    let mut height_at = None;
    for condition in query.conditions() {
        if condition.tag() == height_tag {
            if condition.operator() == Operator::Equal {
                if range_exists || found {
                    continue;
                }
                if let Some(number) = condition.argument().and_then(|it| it.number()) {
                    height = number.truncated();
                    found = true;
                    height_conditions.push(condition.clone());
                }
            } else {
                only_equal = false;
                range_exists = true;
                conditions.push(condition.clone());
            }
        } else {
            only_range = false;
            only_equal = false;
            conditions.push(condition.clone());
        }
    }
    if !range_exists && !height_conditions.is_empty() {
        height_at = Some(conditions.len());
        only_range = false;
        conditions.extend(height_conditions);
    } else {
        height = 0;
        only_equal = false;
    }
    // LookForRangesWithHeight
    let mut ranges: BTreeMap<String, Range> = BTreeMap::new();
    let mut height_range: Option<Range> = None;
    let mut skip = BTreeSet::new();
    for (at, condition) in conditions.iter().enumerate() {
        if !condition.operator().is_range() {
            continue;
        }
        let is_height = ["tx.height", "block.height"].contains(&condition.tag());
        if !ranges.contains_key(condition.tag()) && is_height {
            height_range = Some(Range::default());
        }
        ranges.entry(condition.tag().to_owned()).or_default().set(condition);
        if is_height {
            height_range.as_mut().expect("made above").set(condition);
        }
        skip.insert(at);
    }
    let number = |height: u64| Number::whole(&height.to_string()).expect("a number");
    let within = |key: &Key| match &height_range {
        Some(range) => range.holds(&number(key.height)),
        None => height == 0 || i64::try_from(key.height) == Ok(height),
    };
    if !is_tx && only_equal {
        return keys
            .iter()
            .filter(|key| key.tag == height_tag && i64::try_from(key.height) == Ok(height))
            .map(|key| (key.height, key.index))
            .collect();
    }
    if let Some(at) = height_at.filter(|_| !is_tx || !only_equal) {
        skip.insert(at);
    }
    let mut result: Option<Set> = None;
    let mut meet = |set: Set| {
        result = Some(match result.take() {
            None => set,
            Some(before) => before.intersection(&set).copied().collect(),
        });
    };
    let place = |key: &Key| (key.height, key.index, key.event);
    let seen = |value: &str| if is_tx { value.trim().to_owned() } else { value.to_owned() };
    for (tag, range) in &ranges {
        if tag == height_tag && !only_range {
            continue;
        }
        meet(
            keys.iter()
                .filter(|key| key.tag == *tag && (tag == height_tag || within(key)))
                .filter(|key| Number::whole(&seen(&key.value)).is_some_and(|value| range.holds(&value)))
                .map(place)
                .collect(),
        );
    }
    for (at, condition) in conditions.iter().enumerate() {
        if skip.contains(&at) {
            continue;
        }
        let unreadable = !is_tx && condition.tag() == height_tag;
        meet(
            keys.iter()
                .filter(|key| !unreadable && key.tag == condition.tag() && within(key))
                .filter(|key| match condition.operator() {
                    Operator::Equal => key.value == condition.text() && (height <= 0 || key.height == height as u64),
                    Operator::Exists => true,
                    Operator::Contains => seen(&key.value).contains(condition.text()),
                    _ => panic!("a range"),
                })
                .map(place)
                .collect(),
        );
    }
    result.unwrap_or_default().into_iter().map(|(height, index, _)| (height, index)).collect()
}
