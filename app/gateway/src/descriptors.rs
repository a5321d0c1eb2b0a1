//! The compiled `.proto` sources: what reflection hands out, and the interfaces that messages implement.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage, Value};

/// Every transaction message implements it.
const MSG: &str = "cosmos.base.v1beta1.Msg";

/// Every response of a transaction message implements it.
const MSG_RESPONSE: &str = "cosmos.tx.v1beta1.MsgResponse";

/// Public keys implement it; no option says so.
const PUBLIC_KEY: &str = "cosmos.crypto.PubKey";

/// The files of a chain, each also as the bytes in which it came: Rust types would drop the options.
#[derive(Debug)]
pub struct Descriptors {
    encoded: Bytes,
    pool: DescriptorPool,
    /// Each file's bytes, by its name.
    files: BTreeMap<String, Bytes>,
    /// Full names of the messages that implement an interface, by its name.
    interfaces: BTreeMap<String, BTreeSet<String>>,
}

impl Descriptors {
    /// Reads an encoded `google.protobuf.FileDescriptorSet` with all imports.
    ///
    /// # Errors
    /// A set that does not decode, or lacks an import.
    pub fn decode(encoded: impl Into<Bytes>) -> Result<Self, DescriptorError> {
        let encoded = encoded.into();
        let pool = DescriptorPool::decode(encoded.as_ref())?;
        let names: Vec<String> = pool.files().map(|file| file.name().to_owned()).collect();
        let files = raw_files(&encoded).collect::<Vec<_>>();
        // The pool numbers files in the order of the set; a file twice is an error above.
        let files = names.into_iter().zip(files).collect();
        let interfaces = interfaces(&pool);
        Ok(Self { encoded, pool, files, interfaces })
    }

    /// The set as it came.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// The descriptors.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// The bytes of the file with this name.
    pub fn file(&self, name: &str) -> Option<&Bytes> {
        self.files.get(name)
    }

    /// Name of the file that declares a message, enumeration, field, value, service, method or extension.
    pub fn file_of(&self, symbol: &str) -> Option<String> {
        let pool = &self.pool;
        let file = pool
            .get_message_by_name(symbol)
            .map(|message| message.parent_file())
            .or_else(|| pool.get_enum_by_name(symbol).map(|values| values.parent_file()))
            .or_else(|| pool.get_service_by_name(symbol).map(|service| service.parent_file()))
            .or_else(|| pool.get_extension_by_name(symbol).map(|extension| extension.parent_file()))
            .or_else(|| {
                let (parent, name) = symbol.rsplit_once('.')?;
                let message = pool.get_message_by_name(parent);
                let field = message.filter(|message| {
                    message.get_field_by_name(name).is_some() || message.oneofs().any(|oneof| oneof.name() == name)
                });
                let method = pool.get_service_by_name(parent);
                let method = method.filter(|service| service.methods().any(|method| method.name() == name));
                // Values of an enumeration stand beside it, not in it.
                let values = || {
                    let declared = pool.all_enums().find(|values| {
                        values.full_name().rsplit_once('.').map_or("", |(parent, _)| parent) == parent
                            && values.get_value_by_name(name).is_some()
                    });
                    declared.map(|values| values.parent_file())
                };
                field
                    .map(|message| message.parent_file())
                    .or_else(|| method.map(|service| service.parent_file()))
                    .or_else(values)
            })?;
        Some(file.name().to_owned())
    }

    /// All interfaces, with the full names of the messages that implement them.
    pub fn interfaces(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.interfaces
    }

    /// Full names of the messages that transactions may carry, in order.
    pub fn transaction_messages(&self) -> impl Iterator<Item = &str> + '_ {
        self.interfaces.get(MSG).into_iter().flatten().map(String::as_str)
    }
}

/// The fields of number 1 of a `FileDescriptorSet`, which has decoded already.
fn raw_files(set: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut rest = set.clone();
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let (number, wire_type) = prost::encoding::decode_key(&mut rest).ok()?;
            if (number, wire_type) != (1, prost::encoding::WireType::LengthDelimited) {
                let context = prost::encoding::DecodeContext::default();
                prost::encoding::skip_field(wire_type, number, &mut rest, context).ok()?;
                continue;
            }
            let length = usize::try_from(prost::encoding::decode_varint(&mut rest).ok()?).ok()?;
            return (length <= rest.len()).then(|| rest.split_to(length));
        }
        None
    })
}

fn interfaces(pool: &DescriptorPool) -> BTreeMap<String, BTreeSet<String>> {
    let texts = |options: DynamicMessage, name: &str| -> Vec<String> {
        let Some(extension) = pool.get_extension_by_name(name) else { return Vec::new() };
        match options.get_extension(&extension).as_ref() {
            Value::String(text) if !text.is_empty() => vec![text.clone()],
            Value::List(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let mut interfaces: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in pool.all_messages() {
        let name = message.full_name();
        for interface in texts(message.options(), "cosmos_proto.implements_interface") {
            interfaces.entry(interface).or_default().insert(name.to_owned());
        }
        for field in message.fields() {
            for interface in texts(field.options(), "cosmos_proto.accepts_interface") {
                interfaces.entry(interface).or_default();
            }
        }
        if name.starts_with("cosmos.crypto.") && name.ends_with("PubKey") {
            interfaces.entry(PUBLIC_KEY.to_owned()).or_default().insert(name.to_owned());
        }
    }
    let is_msg = pool.get_extension_by_name("cosmos.msg.v1.service");
    for service in pool.services() {
        let marked =
            is_msg.as_ref().is_some_and(|option| service.options().get_extension(option).as_bool() == Some(true));
        for method in service.methods().filter(|_| marked) {
            interfaces.entry(MSG.to_owned()).or_default().insert(method.input().full_name().to_owned());
            interfaces.entry(MSG_RESPONSE.to_owned()).or_default().insert(method.output().full_name().to_owned());
        }
    }
    interfaces
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_file_has_the_bytes_that_describe_it() {
        let descriptors = Descriptors::decode(plume_proto::DESCRIPTOR_SET).unwrap();
        assert!(descriptors.files.len() > 40);
        for (name, bytes) in &descriptors.files {
            let file = prost_reflect::prost_types::FileDescriptorProto::decode(bytes.as_ref()).unwrap();
            assert_eq!(file.name(), name);
        }
        assert_eq!(descriptors.files.values().map(Bytes::len).sum::<usize>().div_ceil(1024), {
            let frames: usize =
                descriptors.files.values().map(|file| 1 + prost::length_delimiter_len(file.len())).sum();
            (descriptors.encoded.len() - frames).div_ceil(1024)
        });
    }

    #[test]
    fn symbols_of_every_kind_are_found() {
        let descriptors = Descriptors::decode(plume_proto::DESCRIPTOR_SET).unwrap();
        let bank = Some("cosmos/bank/v1beta1/query.proto");
        for (symbol, file) in [
            ("cosmos.bank.v1beta1.Query", bank),
            ("cosmos.bank.v1beta1.Query.Balance", bank),
            ("cosmos.bank.v1beta1.QueryBalanceRequest", bank),
            ("cosmos.bank.v1beta1.QueryBalanceRequest.denom", bank),
            ("cosmos.tx.v1beta1.BroadcastMode", Some("cosmos/tx/v1beta1/service.proto")),
            ("cosmos.tx.v1beta1.BROADCAST_MODE_SYNC", Some("cosmos/tx/v1beta1/service.proto")),
            ("grpc.health.v1.HealthCheckResponse.SERVING", Some("grpc/health/v1/health.proto")),
            ("cosmos.msg.v1.signer", Some("cosmos/msg/v1/msg.proto")),
            ("cosmos.bank.v1beta1.Query.Nothing", None),
            ("cosmos.bank", None),
            ("", None),
        ] {
            assert_eq!(descriptors.file_of(symbol).as_deref(), file, "{symbol}");
        }
    }

    #[test]
    fn interfaces_come_from_options() {
        let descriptors = Descriptors::decode(plume_proto::DESCRIPTOR_SET).unwrap();
        let of = |name: &str| descriptors.interfaces()[name].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("cosmos.auth.v1beta1.ModuleAccountI"), ["cosmos.auth.v1beta1.ModuleAccount"]);
        assert!(of(MSG).contains(&"cosmos.bank.v1beta1.MsgSend"));
        assert!(of(MSG_RESPONSE).contains(&"cosmos.bank.v1beta1.MsgSendResponse"));
        assert_eq!(
            of(PUBLIC_KEY),
            [
                "cosmos.crypto.ed25519.PubKey",
                "cosmos.crypto.multisig.LegacyAminoPubKey",
                "cosmos.crypto.secp256k1.PubKey"
            ]
        );
        assert!(descriptors.transaction_messages().all(|name| name.contains(".Msg")));
    }
}
