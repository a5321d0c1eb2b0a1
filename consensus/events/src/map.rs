//! What a query is matched against.

use std::{collections::BTreeMap, ops::Bound};

use plume_engine::Event;

/// Values by composite key `type.attribute`, in the order in which they occurred.
///
/// Keys come in the order of their bytes, which is how Go writes maps as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventMap(BTreeMap<String, Vec<String>>);

impl EventMap {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every attribute of these events, whether it is to be indexed or not; events without a type and attributes without a
    /// key are left out. Source: `validateAndStringifyEvents` of `types/event_bus.go`.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut map = Self::new();
        for event in events.iter().filter(|event| !event.kind.is_empty()) {
            for attribute in event.attributes.iter().filter(|attribute| !attribute.key.is_empty()) {
                map.push(format!("{}.{}", event.kind, attribute.key), attribute.value.clone());
            }
        }
        map
    }

    /// Adds a value behind those that the key has.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.entry(key.into()).or_default().push(value.into());
    }

    /// Values under a key, in order.
    #[must_use]
    pub fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether there is an event of this type: a key that is the type, a point and a name without points.
    #[must_use]
    pub fn has_type(&self, kind: &str) -> bool {
        let start = format!("{kind}.");
        self.0
            .range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded))
            .map_while(|(key, _)| key.strip_prefix(start.as_str()))
            .any(|name| !name.contains('.'))
    }

    /// Keys and their values in the order of the keys' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for EventMap {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.push(key, value);
        }
        map
    }
}
