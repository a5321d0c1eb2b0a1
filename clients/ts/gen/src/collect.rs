//! What must be written: the own messages, and all that they lead to.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use prost_reflect::{DescriptorPool, EnumDescriptor, Kind, MessageDescriptor};

use crate::OWN_PACKAGES;

/// What an `Any` carries without any field saying so.
const PUBLIC_KEYS: [&str; 3] =
    ["cosmos.crypto.ed25519.PubKey", "cosmos.crypto.multisig.LegacyAminoPubKey", "cosmos.crypto.secp256k1.PubKey"];

/// The part of a package that is written.
#[derive(Default)]
pub struct Package {
    pub name: String,
    pub messages: BTreeMap<String, MessageDescriptor>,
    pub enums: BTreeMap<String, EnumDescriptor>,
}

impl Package {
    pub fn is_own(&self) -> bool {
        self.name.starts_with(OWN_PACKAGES)
    }
}

/// Packages by name, each with what is reachable from the own messages.
///
/// # Errors
/// A map, which is never signed.
pub fn reachable(pool: &DescriptorPool) -> Result<Vec<Package>> {
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    let mut open: Vec<_> =
        pool.all_messages().filter(|message| message.package_name().starts_with(OWN_PACKAGES)).collect();
    while let Some(message) = open.pop() {
        let package = of(&mut packages, message.package_name());
        if package.messages.insert(message.full_name().to_owned(), message.clone()).is_some() {
            continue;
        }
        if message.full_name() == "google.protobuf.Any" {
            open.extend(PUBLIC_KEYS.iter().filter_map(|name| pool.get_message_by_name(name)));
        }
        for field in message.fields() {
            ensure!(!field.is_map(), "{}: maps are not supported", field.full_name());
            match field.kind() {
                Kind::Message(inner) => open.push(inner),
                Kind::Enum(values) => {
                    of(&mut packages, values.package_name()).enums.insert(values.full_name().to_owned(), values);
                }
                _ => {}
            }
        }
    }
    Ok(packages.into_values().collect())
}

fn of<'a>(packages: &'a mut BTreeMap<String, Package>, name: &str) -> &'a mut Package {
    packages.entry(name.to_owned()).or_insert_with(|| Package { name: name.to_owned(), ..Package::default() })
}
