//! The descriptor pool, and what the other modules need from it, compiled once into flat tables: reading options from
//! descriptors at each use would cost more than the work itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use plume_proto::DESCRIPTOR_SET;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::wire::{Reader, WireType};
use crate::{CodecError, MAX_DEPTH};

/// All messages and services that this chain knows, with their options.
pub fn pool() -> &'static DescriptorPool {
    &schema().pool
}

/// Whether `type_url` names a message that a transaction may carry: the request of a `Msg` service.
///
/// False for what is known but no message (a public key, an account): the SDK refuses those with code 2 and the text
/// `no concrete type registered for type URL X against interface *types.Msg`.
pub fn is_transaction_message(type_url: &str) -> bool {
    schema().resolve(type_url).is_ok_and(|plan| plan.is_transaction_message)
}

pub(crate) fn schema() -> &'static Schema {
    &SCHEMA
}

/// Adds the files of an encoded `FileDescriptorSet` to [`pool`], for compositions with modules whose interfaces are not
/// part of `plume-proto`. Only before anything of this crate was used, since the tables are compiled once. A file that
/// `plume-proto` has too is taken from `set`.
///
/// # Errors
/// [`AddDescriptorsError`]; then nothing was added.
pub fn add_descriptors(set: &[u8]) -> Result<(), AddDescriptorsError> {
    let mut added = ADDED.lock().unwrap_or_else(PoisonError::into_inner);
    let sets = added.as_mut().ok_or(AddDescriptorsError::InUse)?;
    // A set is a list of files, so one behind the other is both.
    let extended = [sets.as_slice(), set].concat();
    pool_of(&extended)?;
    *sets = extended;
    Ok(())
}

/// Why descriptors cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddDescriptorsError {
    /// The pool has been used already.
    #[error("descriptors can only be added before the pool is used")]
    InUse,
    /// The bytes are no set of files, or these refer to what does not exist.
    #[error("{0}")]
    Malformed(String),
}

/// The sets that were added, until the schema takes them: then `None`.
static ADDED: Mutex<Option<Vec<u8>>> = Mutex::new(Some(Vec::new()));

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let added = ADDED.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    Schema::compile(pool_of(&added).expect("tests decode the chain's set, and each other one was decoded when added"))
});

/// A pool of the files in `added` and of those of the chain that it does not hold, each after those that it imports.
fn pool_of(added: &[u8]) -> Result<DescriptorPool, AddDescriptorsError> {
    let mut waiting: Vec<File> = Vec::new();
    for file in files(added)?.into_iter().chain(files(DESCRIPTOR_SET)?) {
        // Another version of a file would be refused, not skipped.
        if !waiting.iter().any(|other| other.name == file.name) {
            waiting.push(file);
        }
    }
    let mut pool = DescriptorPool::new();
    while !waiting.is_empty() {
        let is_known = |name: &String| pool.get_file_by_name(name).is_some();
        // Without any whose imports are there, the first one says what is missing.
        let next = waiting.iter().position(|file| file.imports.iter().all(is_known)).unwrap_or(0);
        let file = waiting.remove(next);
        pool.decode_file_descriptor_set(file.alone.as_slice()).map_err(malformed)?;
    }
    Ok(pool)
}

/// A file of a descriptor set.
struct File {
    name: String,
    imports: Vec<String>,
    /// Encoded as a set of its own: decoding a set as a whole would lose the options.
    alone: Vec<u8>,
}

fn files(set: &[u8]) -> Result<Vec<File>, AddDescriptorsError> {
    let mut files = Vec::new();
    let mut reader = Reader::new(set);
    while !reader.is_empty() {
        let tag = reader.tag().map_err(malformed)?;
        let content = reader.value(tag).map_err(malformed)?;
        let file = FileDescriptorProto::decode(content).map_err(malformed)?;
        let mut alone = Vec::new();
        prost_reflect::prost::encoding::bytes::encode(1, &content.to_vec(), &mut alone);
        files.push(File { name: file.name().to_owned(), imports: file.dependency, alone });
    }
    Ok(files)
}

fn malformed(error: impl core::fmt::Display) -> AddDescriptorsError {
    AddDescriptorsError::Malformed(error.to_string())
}

/// Public keys travel inside an `Any` without saying so by an option.
const PUBLIC_KEYS: [&str; 3] =
    ["cosmos.crypto.ed25519.PubKey", "cosmos.crypto.multisig.LegacyAminoPubKey", "cosmos.crypto.secp256k1.PubKey"];

pub(crate) struct Schema {
    pool: DescriptorPool,
    by_name: BTreeMap<String, usize>,
    messages: Vec<MessagePlan>,
}

pub(crate) struct MessagePlan {
    /// Full name, without a slash.
    pub(crate) name: String,
    /// The name that the SDK prints in errors about the wire format.
    pub(crate) go_name: String,
    pub(crate) descriptor: MessageDescriptor,
    /// In ascending order of numbers.
    pub(crate) fields: Vec<FieldPlan>,
    /// Indexes into `fields` in the order of the source, which JSON follows.
    pub(crate) declared: Vec<usize>,
    /// Indexes into `fields` in the order of amino JSON: by name, a field of a `oneof` by the name of that.
    pub(crate) by_amino_name: Vec<usize>,
    pub(crate) amino_name: Option<String>,
    pub(crate) amino_encoding: AminoMessage,
    pub(crate) well_known: WellKnown,
    /// One path for each value of the option `cosmos.msg.v1.signer`, `None` where a path is broken.
    pub(crate) signers: Vec<Option<SignerPath>>,
    /// May stand inside an `Any` of a transaction.
    pub(crate) is_registered: bool,
    pub(crate) is_transaction_message: bool,
}

pub(crate) struct FieldPlan {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) json_name: String,
    pub(crate) kind: FieldKind,
    pub(crate) is_list: bool,
    pub(crate) is_map: bool,
    /// Name of the `oneof` that the field belongs to, if it is a real one.
    pub(crate) oneof: Option<String>,
    /// `gogoproto.nullable`: whether JSON shows an unset message as null.
    pub(crate) nullable: bool,
    /// `cosmos_proto.field_added_in`: newer than the SDK version that is served, so JSON shows it only when set.
    pub(crate) is_newer: bool,
    pub(crate) number_text: NumberText,
    /// What `cosmos_proto.scalar` alone says: screens go by that, whatever the custom type.
    pub(crate) scalar: NumberText,
    /// What `gogoproto.customtype` alone says: legacy amino goes by Go's types.
    pub(crate) custom_type: CustomType,
    /// `gogoproto.castrepeated`: Go's `Coins`, which JSON never shows as null.
    pub(crate) is_coins: bool,
    pub(crate) amino: AminoField,
}

/// What `amino.*` options say about a field.
pub(crate) struct AminoField {
    pub(crate) name: String,
    pub(crate) dont_omitempty: bool,
    pub(crate) encoding: AminoEncoding,
    /// `Sum` and `PublicKey/Ed25519` of a field inside `oneof sum`; an inner `None` if it has no name.
    pub(crate) oneof: Option<(String, Option<String>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AminoEncoding {
    Default,
    LegacyCoins,
    InlineJson,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AminoMessage {
    Default,
    KeyField,
    ModuleAccount,
    ThresholdString,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WellKnown {
    No,
    Any,
    Timestamp,
    Duration,
}

/// Text or bytes that hold a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberText {
    No,
    Int,
    Dec,
}

/// The Go type that holds a text or bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CustomType {
    /// The usual one.
    No,
    Int,
    Dec,
    /// One that this crate does not know.
    Other,
}

#[derive(Clone)]
pub(crate) enum FieldKind {
    /// Varints and numbers of fixed size.
    Number(WireType),
    Float(WireType),
    String,
    Bytes,
    Enum(EnumDescriptor),
    /// Index of the plan.
    Message(usize),
}

/// Where in a message a signer's address stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignerPath {
    /// Fields that lead inward; the last one is text.
    pub(crate) steps: Vec<SignerStep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignerStep {
    pub(crate) number: u32,
    pub(crate) is_list: bool,
}

impl Schema {
    fn compile(pool: DescriptorPool) -> Self {
        let descriptors: Vec<_> = pool.all_messages().collect();
        let by_name: BTreeMap<_, _> =
            descriptors.iter().enumerate().map(|(index, message)| (message.full_name().to_owned(), index)).collect();
        let options = Options { pool: &pool };
        let (requests, responses) = options.transaction_messages();
        let messages = descriptors
            .iter()
            .map(|message| {
                let mut plan = options.message(message, &by_name);
                plan.is_transaction_message = requests.contains(&plan.name);
                plan.is_registered |= plan.is_transaction_message || responses.contains(&plan.name);
                plan
            })
            .collect();
        Self { pool, by_name, messages }
    }

    /// All messages, by index.
    pub(crate) fn plans(&self) -> &[MessagePlan] {
        &self.messages
    }

    pub(crate) fn plan(&self, index: usize) -> &MessagePlan {
        // Indexes come from `by_name` alone, which numbers all messages.
        &self.messages[index]
    }

    /// The message of that full name, with or without a leading slash.
    pub(crate) fn named(&self, name: &str) -> Result<&MessagePlan, CodecError> {
        self.index_of(name).map(|index| self.plan(index))
    }

    pub(crate) fn index_of(&self, name: &str) -> Result<usize, CodecError> {
        let full_name = name.strip_prefix('/').unwrap_or(name);
        self.by_name.get(full_name).copied().ok_or_else(|| CodecError::UnknownType(name.to_owned()))
    }

    /// The message behind the type URL of an `Any` in a transaction: exactly `/` and the full name, and only messages
    /// that may stand there.
    pub(crate) fn resolve(&self, type_url: &str) -> Result<&MessagePlan, CodecError> {
        match type_url.strip_prefix('/').and_then(|name| self.by_name.get(name)) {
            Some(index) if self.plan(*index).is_registered => Ok(self.plan(*index)),
            _ => Err(CodecError::UnknownType(type_url.to_owned())),
        }
    }
}

impl MessagePlan {
    pub(crate) fn field(&self, number: u32) -> Option<&FieldPlan> {
        match self.fields.binary_search_by_key(&number, |field| field.number) {
            Ok(index) => self.fields.get(index),
            Err(_) => None,
        }
    }

    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<DynamicMessage, CodecError> {
        DynamicMessage::decode(self.descriptor.clone(), bytes)
            .map_err(|error| CodecError::Malformed { message: self.name.clone(), reason: error.to_string() })
    }
}

impl FieldPlan {
    /// The wire type of one value.
    pub(crate) fn wire_type(&self) -> WireType {
        match self.kind {
            FieldKind::Number(wire_type) | FieldKind::Float(wire_type) => wire_type,
            FieldKind::Enum(_) => WireType::Varint,
            FieldKind::String | FieldKind::Bytes | FieldKind::Message(_) => WireType::Bytes,
        }
    }
}

/// Reads options by their full names.
struct Options<'a> {
    pool: &'a DescriptorPool,
}

impl Options<'_> {
    fn get(&self, options: &DynamicMessage, name: &str) -> Option<Value> {
        let extension = self.pool.get_extension_by_name(name)?;
        options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
    }

    fn text(&self, options: &DynamicMessage, name: &str) -> Option<String> {
        self.get(options, name)?.as_str().map(str::to_owned)
    }

    fn flag(&self, options: &DynamicMessage, name: &str) -> Option<bool> {
        self.get(options, name)?.as_bool()
    }

    fn texts(&self, options: &DynamicMessage, name: &str) -> Vec<String> {
        let value = self.get(options, name);
        let list = value.as_ref().and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Full names of the requests and of the responses of all `Msg` services.
    fn transaction_messages(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        self.pool
            .services()
            .filter(|service| self.flag(&service.options(), "cosmos.msg.v1.service") == Some(true))
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(|method| (method.input().full_name().to_owned(), method.output().full_name().to_owned()))
            .unzip()
    }

    fn message(&self, message: &MessageDescriptor, by_name: &BTreeMap<String, usize>) -> MessagePlan {
        let options = message.options();
        let mut fields: Vec<_> = message.fields().map(|field| self.field(&field, by_name)).collect();
        fields.sort_by_key(|field| field.number);
        let position = |name: &str| fields.iter().position(|field| field.name == name);
        let declared = message.descriptor_proto().field.iter().filter_map(|field| position(field.name())).collect();
        let mut by_amino_name: Vec<_> = (0..fields.len()).collect();
        by_amino_name.sort_by_key(|index| match &fields[*index].amino {
            AminoField { oneof: Some((oneof, _)), .. } => oneof.clone(),
            AminoField { name, .. } => name.clone(),
        });
        let name = message.full_name().to_owned();
        let signers = self.texts(&options, "cosmos.msg.v1.signer");
        MessagePlan {
            go_name: go_name(message),
            descriptor: message.clone(),
            declared,
            by_amino_name,
            fields,
            amino_name: self.text(&options, "amino.name"),
            amino_encoding: match self.text(&options, "amino.message_encoding").as_deref() {
                Some("key_field") => AminoMessage::KeyField,
                Some("module_account") => AminoMessage::ModuleAccount,
                Some("threshold_string") => AminoMessage::ThresholdString,
                _ => AminoMessage::Default,
            },
            well_known: match name.as_str() {
                "google.protobuf.Any" => WellKnown::Any,
                "google.protobuf.Timestamp" => WellKnown::Timestamp,
                "google.protobuf.Duration" => WellKnown::Duration,
                _ => WellKnown::No,
            },
            signers: signers.iter().map(|field| self.signer_path(message, field, vec![])).collect(),
            is_registered: PUBLIC_KEYS.contains(&name.as_str())
                || !self.texts(&options, "cosmos_proto.implements_interface").is_empty(),
            is_transaction_message: false,
            name,
        }
    }

    fn field(&self, field: &FieldDescriptor, by_name: &BTreeMap<String, usize>) -> FieldPlan {
        let options = field.options();
        let scalar = self.text(&options, "cosmos_proto.scalar").unwrap_or_default();
        let custom_type = self.text(&options, "gogoproto.customtype").unwrap_or_default();
        let oneof = field
            .containing_oneof()
            .filter(|_| !field.field_descriptor_proto().proto3_optional())
            .map(|oneof| oneof.name().to_owned());
        FieldPlan {
            number: field.number(),
            name: field.name().to_owned(),
            full_name: field.full_name().to_owned(),
            json_name: field.json_name().to_owned(),
            kind: match field.kind() {
                Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Sint32 | Kind::Sint64 | Kind::Bool => {
                    FieldKind::Number(WireType::Varint)
                }
                Kind::Fixed32 | Kind::Sfixed32 => FieldKind::Number(WireType::Fixed32),
                Kind::Fixed64 | Kind::Sfixed64 => FieldKind::Number(WireType::Fixed64),
                Kind::Float => FieldKind::Float(WireType::Fixed32),
                Kind::Double => FieldKind::Float(WireType::Fixed64),
                Kind::String => FieldKind::String,
                Kind::Bytes => FieldKind::Bytes,
                Kind::Enum(values) => FieldKind::Enum(values),
                Kind::Message(message) => FieldKind::Message(by_name[message.full_name()]),
            },
            is_list: field.is_list(),
            is_map: field.is_map(),
            nullable: self.flag(&options, "gogoproto.nullable").unwrap_or(true),
            is_newer: self.get(&options, "cosmos_proto.field_added_in").is_some(),
            // A decimal that is declared by its scalar alone already travels as text with a point.
            number_text: match (scalar.as_str(), custom_type.as_str()) {
                (_, "cosmossdk.io/math.LegacyDec") => NumberText::Dec,
                ("cosmos.Int", _) | (_, "cosmossdk.io/math.Int") => NumberText::Int,
                _ => NumberText::No,
            },
            scalar: match scalar.as_str() {
                "cosmos.Dec" => NumberText::Dec,
                "cosmos.Int" => NumberText::Int,
                _ => NumberText::No,
            },
            custom_type: match custom_type.as_str() {
                "" => CustomType::No,
                "cosmossdk.io/math.Int" => CustomType::Int,
                "cosmossdk.io/math.LegacyDec" => CustomType::Dec,
                _ => CustomType::Other,
            },
            is_coins: self.text(&options, "gogoproto.castrepeated").is_some_and(|cast| cast.ends_with("/types.Coins")),
            amino: AminoField {
                name: self.text(&options, "amino.field_name").unwrap_or_else(|| field.name().to_owned()),
                dont_omitempty: self.flag(&options, "amino.dont_omitempty").unwrap_or(false),
                encoding: match self.text(&options, "amino.encoding").as_deref() {
                    Some("legacy_coins") => AminoEncoding::LegacyCoins,
                    Some("inline_json") => AminoEncoding::InlineJson,
                    _ => AminoEncoding::Default,
                },
                oneof: oneof.as_deref().map(|oneof| (camel(oneof), self.text(&options, "amino.oneof_name"))),
            },
            oneof,
        }
    }

    /// Follows a signer option to the text field that it leads to: a nested message names its own signer in turn.
    fn signer_path(&self, message: &MessageDescriptor, field: &str, mut steps: Vec<SignerStep>) -> Option<SignerPath> {
        let field = message.get_field_by_name(field)?;
        if field.is_map() || field.field_descriptor_proto().proto3_optional() || steps.len() >= MAX_DEPTH {
            return None;
        }
        steps.push(SignerStep { number: field.number(), is_list: field.is_list() });
        match field.kind() {
            Kind::String => Some(SignerPath { steps }),
            Kind::Message(inner) => match self.texts(&inner.options(), "cosmos.msg.v1.signer").as_slice() {
                [signer] => self.signer_path(&inner, signer, steps),
                _ => None,
            },
            _ => None,
        }
    }
}

/// `public_key` becomes `PublicKey`.
pub(crate) fn camel(name: &str) -> String {
    let mut words = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        words.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        words.push_str(letters.as_str());
    }
    words
}

/// The SDK prints the Go type in errors: `*tx.ModeInfo_Single`. Plume's own messages have none.
fn go_name(message: &MessageDescriptor) -> String {
    let package = message.package_name();
    let name = message.full_name().strip_prefix(package).unwrap_or_default().trim_start_matches('.').replace('.', "_");
    let last = |package: &str| package.rsplit('.').next().unwrap_or_default().to_owned();
    let go_package = match package {
        "cosmos.tx.v1beta1" => "tx".to_owned(),
        "cosmos.tx.signing.v1beta1" => "signing".to_owned(),
        "cosmos.base.query.v1beta1" => "query".to_owned(),
        "cosmos.crypto.ed25519" | "cosmos.crypto.multisig" | "cosmos.crypto.secp256k1" => last(package),
        "google.protobuf" => "types".to_owned(),
        _ if package.starts_with("cosmos.") => "types".to_owned(),
        _ if package.starts_with("tendermint.") => last(package),
        _ => return message.full_name().to_owned(),
    };
    format!("*{go_package}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_checked_in_set_is_understood() {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).expect("the checked-in set decodes");
        let options = Options { pool: &pool };
        for message in pool.all_messages() {
            let encoding = options.text(&message.options(), "amino.message_encoding");
            let known = ["key_field", "module_account", "threshold_string"];
            assert!(encoding.is_none_or(|encoding| known.contains(&encoding.as_str())), "{}", message.full_name());
            for field in message.fields() {
                let encoding = options.text(&field.options(), "amino.encoding");
                let known = ["legacy_coins", "inline_json"];
                assert!(encoding.is_none_or(|encoding| known.contains(&encoding.as_str())), "{}", field.full_name());
            }
        }
    }

    #[test]
    fn every_message_of_a_msg_service_has_signers_and_an_amino_name() {
        let messages: Vec<_> = schema().messages.iter().filter(|plan| plan.is_transaction_message).collect();
        assert!(messages.iter().any(|plan| plan.name == "cosmos.bank.v1beta1.MsgSend"));
        for plan in messages {
            assert!(!plan.signers.is_empty() && plan.signers.iter().all(Option::is_some), "{}", plan.name);
            assert!(plan.amino_name.is_some(), "{}", plan.name);
        }
    }

    #[test]
    fn signer_paths_follow_nested_messages() {
        let plan = schema().named("cosmos.bank.v1beta1.MsgMultiSend").expect("known");
        let steps = vec![SignerStep { number: 1, is_list: true }, SignerStep { number: 1, is_list: false }];
        assert_eq!(plan.signers, [Some(SignerPath { steps })]);
    }

    #[test]
    fn only_what_may_stand_in_an_any_resolves() {
        let resolves = |type_url: &str| schema().resolve(type_url).is_ok();
        assert!(resolves("/cosmos.bank.v1beta1.MsgSend"));
        assert!(resolves("/cosmos.bank.v1beta1.MsgSendResponse"));
        assert!(resolves("/cosmos.crypto.secp256k1.PubKey"));
        assert!(resolves("/cosmos.auth.v1beta1.BaseAccount"));
        for wrong in ["", "/", "cosmos.bank.v1beta1.MsgSend", "//cosmos.bank.v1beta1.MsgSend", "/cosmos.tx.v1beta1.Tx"]
        {
            assert!(!resolves(wrong), "{wrong}");
        }
        assert!(is_transaction_message("/cosmos.bank.v1beta1.MsgSend"));
        assert!(!is_transaction_message("/cosmos.bank.v1beta1.MsgSendResponse"));
        assert!(!is_transaction_message("/cosmos.crypto.secp256k1.PubKey"));
    }

    #[test]
    fn names_of_go_types() {
        for (name, expected) in [
            ("cosmos.tx.v1beta1.ModeInfo.Single", "*tx.ModeInfo_Single"),
            ("cosmos.bank.v1beta1.MsgSend", "*types.MsgSend"),
            ("cosmos.crypto.secp256k1.PubKey", "*secp256k1.PubKey"),
            ("google.protobuf.Any", "*types.Any"),
            ("plume.params.v1.Params", "plume.params.v1.Params"),
        ] {
            assert_eq!(schema().named(name).expect("known").go_name, expected);
        }
        assert_eq!(camel("public_key"), "PublicKey");
    }
}
