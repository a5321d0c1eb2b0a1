//! What the comments of the `.proto` sources say, which descriptors on the wire do not carry.

use std::collections::BTreeMap;

use prost_reflect::EnumDescriptor;

/// Comments by the full name of what they stand at.
pub(super) struct Comments {
    by_name: BTreeMap<&'static str, &'static str>,
}

impl Comments {
    /// Those of the interfaces in `plume-proto`. A module of another composition has none here, and its routes simply no
    /// descriptions.
    pub(super) fn of_sources() -> Self {
        Self { by_name: plume_proto::COMMENTS.lines().filter_map(|line| line.split_once('\t')).collect() }
    }

    /// The comment at a message, a field, a service or a method.
    pub(super) fn of(&self, name: &str) -> Option<String> {
        self.by_name.get(name).map(|text| text.replace("\\n", "\n\n"))
    }

    /// The comment at an enumeration, and those at its values as a list.
    pub(super) fn of_enumeration(&self, values: &EnumDescriptor) -> Option<String> {
        let name = values.full_name();
        let of_value = |value: &str| Some(format!("* `{value}`: {}", self.of(&format!("{name}.{value}"))?));
        let list: Vec<_> = values.values().filter_map(|value| of_value(value.name())).collect();
        let parts: Vec<_> = self.of(name).into_iter().chain((!list.is_empty()).then(|| list.join("\n"))).collect();
        (!parts.is_empty()).then(|| parts.join("\n\n"))
    }
}
