//! The Rust types hold every field of their descriptors. Most of them come from other crates, which could lag behind.

use std::collections::BTreeSet;

use plume_proto::{DESCRIPTOR_SET, Message};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// A message with every field set, of each `oneof` the member at place `member` (modulo their number).
fn full(message: &MessageDescriptor, member: usize, depth: usize) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let members = field.containing_oneof().map(|oneof| oneof.fields().collect::<Vec<_>>());
        let is_chosen = members.is_none_or(|members| members[member % members.len()] == field);
        if is_chosen && let Some(value) = value(&field, member, depth) {
            let value = if field.is_list() { Value::List(vec![value.clone(), value]) } else { value };
            let value = match value {
                // Where messages nest too deep to go on, the map stays empty.
                Value::Message(entry) if field.is_map() && !entry.has_field_by_name("value") => continue,
                Value::Message(entry) if field.is_map() => {
                    let (key, value) = (entry.get_field_by_name("key"), entry.get_field_by_name("value"));
                    let key = key.and_then(|key| key.into_owned().into_map_key()).expect("a map has keys");
                    Value::Map([(key, value.expect("a map has values").into_owned())].into())
                }
                value => value,
            };
            filled.set_field(&field, value);
        }
    }
    filled
}

/// `None` where messages nest too deep to go on.
fn value(field: &FieldDescriptor, member: usize, depth: usize) -> Option<Value> {
    Some(match field.kind() {
        Kind::Bool => Value::Bool(true),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(-7),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(i64::MIN),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(u32::MAX),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(u64::MAX),
        Kind::String => Value::String(field.full_name().to_owned()),
        Kind::Bytes => Value::Bytes(field.full_name().to_owned().into()),
        Kind::Enum(values) => Value::EnumNumber(values.values().last().expect("has values").number()),
        Kind::Message(message) if depth > 0 => Value::Message(full(&message, member, depth - 1)),
        Kind::Message(_) => return None,
        Kind::Float | Kind::Double => panic!("{} is a floating point number", field.full_name()),
    })
}

fn require_lossless<T: Message + Default>(pool: &DescriptorPool, name: &str) {
    let message = pool.get_message_by_name(name).unwrap_or_else(|| panic!("{name} has no descriptor"));
    for member in 0..5 {
        let wire = full(&message, member, 6).encode_to_vec();
        let typed = T::decode(&*wire).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(typed.encode_to_vec() == wire, "the Rust type of {name} lacks a field of {typed:?}");
    }
}

/// Checks each type and returns the full names of all of them.
macro_rules! check_all {
    (@name $type:ident) => { stringify!($type) };
    (@name $type:ident $name:literal) => { $name };
    ($pool:expr; $($package:literal $($module:ident)::+ { $($type:ident $(= $name:literal)?,)* })*) => {{
        let mut names = BTreeSet::new();
        $({
            use plume_proto::$($module)::+ as types;
            $(
                let name = format!("{}.{}", $package, check_all!(@name $type $($name)?));
                require_lossless::<types::$type>($pool, &name);
                names.insert(name);
            )*
        })*
        names
    }};
}

#[test]
fn every_message_has_a_rust_type_with_all_its_fields() {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).expect("the checked-in set decodes");
    let checked = check_all! { &pool;
        "cosmos.auth.v1beta1" cosmos::auth::v1beta1 {
            BaseAccount, ModuleAccount, ModuleCredential, Params, GenesisState, QueryAccountsRequest,
            QueryAccountsResponse, QueryAccountRequest, QueryAccountResponse, QueryParamsRequest,
            QueryParamsResponse, QueryModuleAccountsRequest, QueryModuleAccountsResponse,
            QueryModuleAccountByNameRequest, QueryModuleAccountByNameResponse, Bech32PrefixRequest,
            Bech32PrefixResponse, AddressBytesToStringRequest, AddressBytesToStringResponse,
            AddressStringToBytesRequest, AddressStringToBytesResponse,
            QueryAccountAddressByIdRequest = "QueryAccountAddressByIDRequest",
            QueryAccountAddressByIdResponse = "QueryAccountAddressByIDResponse", QueryAccountInfoRequest,
            QueryAccountInfoResponse, MsgUpdateParams, MsgUpdateParamsResponse,
        }
        "cosmos.autocli.v1" cosmos::autocli::v1 {
            ModuleOptions, ServiceCommandDescriptor, RpcCommandOptions, FlagOptions, PositionalArgDescriptor,
            AppOptionsRequest, AppOptionsResponse,
        }
        "cosmos.bank.v1beta1" cosmos::bank::v1beta1 {
            SendAuthorization, Params, SendEnabled, Input, Output, Supply, DenomUnit, Metadata, GenesisState,
            Balance, QueryBalanceRequest, QueryBalanceResponse, QueryAllBalancesRequest, QueryAllBalancesResponse,
            QuerySpendableBalancesRequest, QuerySpendableBalancesResponse, QuerySpendableBalanceByDenomRequest,
            QuerySpendableBalanceByDenomResponse, QueryTotalSupplyRequest, QueryTotalSupplyResponse,
            QuerySupplyOfRequest, QuerySupplyOfResponse, QueryParamsRequest, QueryParamsResponse,
            QueryDenomsMetadataRequest, QueryDenomsMetadataResponse, QueryDenomMetadataRequest,
            QueryDenomMetadataResponse, QueryDenomMetadataByQueryStringRequest,
            QueryDenomMetadataByQueryStringResponse, QueryDenomOwnersRequest, DenomOwner, QueryDenomOwnersResponse,
            QueryDenomOwnersByQueryRequest, QueryDenomOwnersByQueryResponse, QuerySendEnabledRequest,
            QuerySendEnabledResponse, MsgSend, MsgSendResponse, MsgMultiSend, MsgMultiSendResponse, MsgUpdateParams,
            MsgUpdateParamsResponse, MsgSetSendEnabled, MsgSetSendEnabledResponse,
        }
        "cosmos.base.abci.v1beta1" cosmos::base::abci::v1beta1 {
            TxResponse, AbciMessageLog = "ABCIMessageLog", StringEvent, Attribute, GasInfo, Result,
            SimulationResponse, MsgData, TxMsgData, SearchTxsResult, SearchBlocksResult,
        }
        "cosmos.base.node.v1beta1" cosmos::base::node::v1beta1 {
            ConfigRequest, ConfigResponse, StatusRequest, StatusResponse,
        }
        "cosmos.base.query.v1beta1" cosmos::base::query::v1beta1 {
            PageRequest, PageResponse,
        }
        "cosmos.base.reflection.v1beta1" cosmos::base::reflection::v1beta1 {
            ListAllInterfacesRequest, ListAllInterfacesResponse, ListImplementationsRequest,
            ListImplementationsResponse,
        }
        "cosmos.base.reflection.v2alpha1" cosmos::base::reflection::v2alpha1 {
            AppDescriptor, TxDescriptor, AuthnDescriptor, SigningModeDescriptor, ChainDescriptor, CodecDescriptor,
            InterfaceDescriptor, InterfaceImplementerDescriptor, InterfaceAcceptingMessageDescriptor,
            ConfigurationDescriptor, MsgDescriptor, GetAuthnDescriptorRequest, GetAuthnDescriptorResponse,
            GetChainDescriptorRequest, GetChainDescriptorResponse, GetCodecDescriptorRequest,
            GetCodecDescriptorResponse, GetConfigurationDescriptorRequest, GetConfigurationDescriptorResponse,
            GetQueryServicesDescriptorRequest, GetQueryServicesDescriptorResponse, GetTxDescriptorRequest,
            GetTxDescriptorResponse, QueryServicesDescriptor, QueryServiceDescriptor, QueryMethodDescriptor,
        }
        "cosmos.base.tendermint.v1beta1" cosmos::base::tendermint::v1beta1 {
            Block, Header, GetValidatorSetByHeightRequest, GetValidatorSetByHeightResponse,
            GetLatestValidatorSetRequest, GetLatestValidatorSetResponse, Validator, GetBlockByHeightRequest,
            GetBlockByHeightResponse, GetLatestBlockRequest, GetLatestBlockResponse, GetSyncingRequest,
            GetSyncingResponse, GetNodeInfoRequest, GetNodeInfoResponse, VersionInfo, Module,
            AbciQueryRequest = "ABCIQueryRequest", AbciQueryResponse = "ABCIQueryResponse", ProofOp, ProofOps,
        }
        "cosmos.base.v1beta1" cosmos::base::v1beta1 {
            Coin, DecCoin, IntProto, DecProto,
        }
        "cosmos.consensus.v1" cosmos::consensus::v1 {
            QueryParamsRequest, QueryParamsResponse, MsgUpdateParams, MsgUpdateParamsResponse,
        }
        "cosmos.crypto.ed25519" cosmos::crypto::ed25519 {
            PubKey, PrivKey,
        }
        "cosmos.crypto.multisig" cosmos::crypto::multisig {
            LegacyAminoPubKey,
        }
        "cosmos.crypto.multisig.v1beta1" cosmos::crypto::multisig::v1beta1 {
            MultiSignature, CompactBitArray,
        }
        "cosmos.crypto.secp256k1" cosmos::crypto::secp256k1 {
            PubKey, PrivKey,
        }
        "cosmos.tx.signing.v1beta1" cosmos::tx::signing::v1beta1 {
            SignatureDescriptors, SignatureDescriptor,
        }
        "cosmos.tx.v1beta1" cosmos::tx::v1beta1 {
            Tx, TxRaw, SignDoc, SignDocDirectAux, TxBody, AuthInfo, SignerInfo, ModeInfo, Fee, Tip, AuxSignerData,
            GetTxsEventRequest, GetTxsEventResponse, BroadcastTxRequest, BroadcastTxResponse, SimulateRequest,
            SimulateResponse, GetTxRequest, GetTxResponse, GetBlockWithTxsRequest, GetBlockWithTxsResponse,
            TxDecodeRequest, TxDecodeResponse, TxEncodeRequest, TxEncodeResponse, TxEncodeAminoRequest,
            TxEncodeAminoResponse, TxDecodeAminoRequest, TxDecodeAminoResponse,
        }
        "cosmos.upgrade.v1beta1" cosmos::upgrade::v1beta1 {
            ModuleVersion,
        }
        "grpc.health.v1" grpc::health::v1 {
            HealthCheckRequest, HealthCheckResponse,
        }
        "grpc.reflection.v1" grpc::reflection::v1 {
            ServerReflectionRequest, ExtensionRequest, ServerReflectionResponse, FileDescriptorResponse,
            ExtensionNumberResponse, ListServiceResponse, ServiceResponse, ErrorResponse,
        }
        "grpc.reflection.v1alpha" grpc::reflection::v1alpha {
            ServerReflectionRequest, ExtensionRequest, ServerReflectionResponse, FileDescriptorResponse,
            ExtensionNumberResponse, ListServiceResponse, ServiceResponse, ErrorResponse,
        }
        "plume.params.v1" plume::params::v1 {
            Params, Policies, GenesisState,
        }
        "tendermint.abci" tendermint::abci {
            Event, EventAttribute,
        }
        "tendermint.crypto" tendermint::crypto {
            Proof, ValueOp, DominoOp, ProofOp, ProofOps, PublicKey,
        }
        "tendermint.p2p" tendermint::p2p {
            ProtocolVersion, DefaultNodeInfo, DefaultNodeInfoOther,
        }
        "tendermint.types" tendermint::types {
            ValidatorSet, Validator, SimpleValidator, PartSetHeader, Part, BlockId = "BlockID", Header, Data, Vote,
            Commit, CommitSig, ExtendedCommit, ExtendedCommitSig, Proposal, SignedHeader, LightBlock, BlockMeta,
            TxProof, Evidence, DuplicateVoteEvidence, LightClientAttackEvidence, EvidenceList, Block,
            ConsensusParams, BlockParams, EvidenceParams, ValidatorParams, VersionParams, HashedParams,
            AbciParams = "ABCIParams",
        }
        "tendermint.version" tendermint::version {
            App, Consensus,
        }
    };

    // Options, and `cosmos.reflection.v1`, which has no Rust types.
    let options = ["amino", "cosmos.reflection.v1", "cosmos_proto", "gogoproto", "google.api", "google.protobuf"];
    let described: BTreeSet<_> = pool
        .all_messages()
        .filter(|message| message.parent_message().is_none() && !options.contains(&message.package_name()))
        .map(|message| message.full_name().to_owned())
        .collect();
    assert_eq!(checked, described);
}
