use std::collections::BTreeMap;

use plume_kit::{
    Abort, Ctx, Fatal, Module, MsgDecodeError, MsgSet, ReadCtx, Response, ValidatorKey, ValidatorUpdate,
    ValidatorUpdates,
};
use plume_state::Store;
use plume_state::collections::{Schema, SchemaError};
use serde_json::Value;

/// A test-only module that changes the validator set by a fixed schedule, so that joining and
/// leaving is exercised without staking. It has no state: the schedule is given at construction,
/// the same on each node.
#[derive(Debug, Clone, Default)]
pub struct ScheduledValidators {
    changes: BTreeMap<u64, Vec<([u8; 32], i64)>>,
}

impl ScheduledValidators {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// At `height`, sets the power of the ed25519 `key`; 0 removes it. Acts at `height + 2`.
    #[must_use]
    pub fn at(mut self, height: u64, key: [u8; 32], power: i64) -> Self {
        self.changes.entry(height).or_default().push((key, power));
        self
    }

    /// Reads a schedule: `[{"height": 5, "key": "<64 hex digits>", "power": 10}, ..]`.
    ///
    /// # Errors
    /// Names the entry that is malformed.
    pub fn from_json(json: &Value) -> Result<Self, Fatal> {
        let entries = json.as_array().ok_or_else(|| Fatal::new("a validator schedule is a JSON array"))?;
        entries.iter().try_fold(Self::new(), |schedule, entry| {
            let malformed = || Fatal::new(format!("malformed entry of a validator schedule: {entry}"));
            let height = entry.get("height").and_then(Value::as_u64).ok_or_else(malformed)?;
            let power = entry.get("power").and_then(Value::as_i64).filter(|p| *p >= 0).ok_or_else(malformed)?;
            let key = entry.get("key").and_then(Value::as_str).and_then(parse_key).ok_or_else(malformed)?;
            Ok(schedule.at(height, key, power))
        })
    }
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key).is_ok().then_some(key)
}

impl Module for ScheduledValidators {
    const NAME: &'static str = "scheduledvalidators";
    const VERSION: u32 = 1;
    type Msg = NoMsgs;

    fn stores(&self) -> Vec<Store> {
        Vec::new()
    }

    fn schema(&self) -> Result<Schema, SchemaError> {
        Ok(Schema::default())
    }

    fn execute(&self, _: &mut Ctx<'_>, msg: NoMsgs) -> Result<Response, Abort> {
        match msg {}
    }

    fn init_genesis(&self, _: &mut Ctx<'_>, _: Value) -> Result<ValidatorUpdates, Fatal> {
        Ok(ValidatorUpdates::new())
    }

    fn export_genesis(&self, _: &ReadCtx) -> Result<Value, Fatal> {
        Ok(Value::Null)
    }

    fn end_block(&self, ctx: &mut Ctx<'_>) -> Result<ValidatorUpdates, Fatal> {
        let due = self.changes.get(&ctx.block().height.get());
        let update =
            |(key, power): &([u8; 32], i64)| ValidatorUpdate { key: ValidatorKey::Ed25519(*key), power: *power };
        Ok(due.into_iter().flatten().map(update).collect())
    }
}

/// The message set of a module without messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMsgs {}

impl MsgSet for NoMsgs {
    const TYPE_URLS: &'static [&'static str] = &[];

    fn decode(type_url: &str, _: &[u8]) -> Result<Self, MsgDecodeError> {
        Err(MsgDecodeError::Unknown(type_url.to_owned()))
    }

    fn type_url(&self) -> &'static str {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_is_read_from_json_or_refused() {
        let key = "01".repeat(32);
        let schedule =
            ScheduledValidators::from_json(&serde_json::json!([{"height": 5, "key": key, "power": 10}])).unwrap();
        assert_eq!(schedule.changes, BTreeMap::from([(5, vec![([1; 32], 10)])]));
        for bad in [
            serde_json::json!({}),
            serde_json::json!([{"height": 5, "key": "01", "power": 1}]),
            serde_json::json!([{"height": 5, "key": key, "power": -1}]),
        ] {
            assert!(ScheduledValidators::from_json(&bad).is_err(), "{bad}");
        }
    }
}
