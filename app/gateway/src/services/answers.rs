//! What each method answers over the fakes, whichever way it is called.

use std::sync::Arc;

use bytes::Bytes;
use plume_engine::{GrpcCode, QueryError, Reader};
use plume_primitives::{Address, Bech32Prefix, Height};
use plume_proto::Message;
use plume_proto::cosmos::autocli::v1::{AppOptionsRequest, AppOptionsResponse, ModuleOptions};
use plume_proto::cosmos::base::node::v1beta1::{ConfigRequest, ConfigResponse, StatusRequest, StatusResponse};
use plume_proto::cosmos::base::query::v1beta1::PageRequest;
use plume_proto::cosmos::base::reflection::{v1beta1, v2alpha1};
use plume_proto::cosmos::base::tendermint::v1beta1 as comet;
use plume_proto::cosmos::crypto::ed25519;
use plume_proto::cosmos::tx::v1beta1 as tx;
use sha2::{Digest, Sha256};

use super::*;
use crate::fake::{FakeEngine, FakeReader, TIP};
use crate::{Backend, Call, Code, Methods};

/// An encoded transaction without messages.
fn some_tx() -> Bytes {
    let body = tx::TxBody { memo: "m".to_owned(), ..tx::TxBody::default() }.encode_to_vec();
    let auth_info = tx::AuthInfo { fee: Some(tx::Fee::default()), ..tx::AuthInfo::default() }.encode_to_vec();
    Bytes::from(tx::TxRaw { body_bytes: body, auth_info_bytes: auth_info, signatures: vec![vec![1]] }.encode_to_vec())
}

fn node() -> Methods<FakeReader> {
    let descriptors = Arc::new(Descriptors::decode(plume_proto::DESCRIPTOR_SET).unwrap());
    let reader = FakeReader::default();
    let mut settings = NodeSettings {
        minimum_gas_prices: "0.1uplume".to_owned(),
        version: "9.9".to_owned(),
        sign_modes: vec![("SIGN_MODE_DIRECT".to_owned(), 1)],
        ..NodeSettings::default()
    };
    settings.commands.module_options.insert("mine".to_owned(), ModuleOptions::default());
    let engine = Arc::new(FakeEngine { tx: some_tx() });
    let services = Services::new(reader.clone(), engine, descriptors, settings);
    Methods::new(reader, services, 2)
}

async fn ask<Resp: Message + Default>(path: &str, request: &impl Message) -> Result<Resp, crate::Status> {
    let call = Call { path: path.to_owned(), request: Bytes::from(request.encode_to_vec()), height: None };
    let answer = node().call(call).await?;
    assert_eq!(answer.height, TIP);
    Ok(Resp::decode(answer.response).unwrap())
}

async fn refused(path: &str, request: &impl Message) -> (Code, String) {
    let e = ask::<()>(path, request).await.unwrap_err();
    (e.code, e.message)
}

#[tokio::test]
async fn node_says_what_it_is_and_what_it_is_compatible_with() {
    let info: comet::GetNodeInfoResponse =
        ask("/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo", &comet::GetNodeInfoRequest {}).await.unwrap();
    let node = info.default_node_info.unwrap();
    assert_eq!((node.network.as_str(), node.version.as_str(), node.moniker.as_str()), ("fake-1", "0.38.25", "fake"));
    assert_eq!((node.channels, node.other.unwrap().tx_index.as_str()), (vec![1, 2], "on"));
    let version = info.application_version.unwrap();
    assert_eq!((version.version.as_str(), version.cosmos_sdk_version.as_str()), ("9.9", "v0.50.15"));
    let deps: Vec<_> = version.build_deps.iter().map(|dep| (dep.path.as_str(), dep.version.as_str())).collect();
    assert_eq!(
        deps,
        [
            ("github.com/cometbft/cometbft", "v0.38.25"),
            ("github.com/cosmos/cosmos-sdk", "v0.50.15"),
            ("github.com/cosmos/ibc-go/v8", "v8.8.0")
        ]
    );
    let syncing: comet::GetSyncingResponse =
        ask("/cosmos.base.tendermint.v1beta1.Service/GetSyncing", &comet::GetSyncingRequest {}).await.unwrap();
    assert!(!syncing.syncing);
    let config: ConfigResponse = ask("/cosmos.base.node.v1beta1.Service/Config", &ConfigRequest {}).await.unwrap();
    assert_eq!(config.minimum_gas_price, "0.1uplume");
    let status: StatusResponse = ask("/cosmos.base.node.v1beta1.Service/Status", &StatusRequest {}).await.unwrap();
    assert_eq!((status.height, status.app_hash, status.validator_hash), (7, vec![1; 32], vec![2; 32]));
}

#[tokio::test]
async fn blocks_are_found_by_height() {
    const BY_HEIGHT: &str = "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight";
    let latest: comet::GetLatestBlockResponse =
        ask("/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock", &comet::GetLatestBlockRequest {}).await.unwrap();
    let by_height: comet::GetBlockByHeightResponse =
        ask(BY_HEIGHT, &comet::GetBlockByHeightRequest { height: 7 }).await.unwrap();
    assert_eq!((&latest.block_id, &latest.block), (&by_height.block_id, &by_height.block));
    assert_eq!(latest.sdk_block, by_height.sdk_block);
    let id = latest.block_id.unwrap();
    assert_eq!((id.hash, id.part_set_header.unwrap().hash), (vec![4; 32], vec![5; 32]));
    let header = latest.sdk_block.unwrap().header.unwrap();
    let proposer = Bech32Prefix::new("plume").unwrap().consensus(&Address::new(&[3; 20]).unwrap());
    assert_eq!((header.height, header.proposer_address), (7, proposer));

    let at = |height| async move { refused(BY_HEIGHT, &comet::GetBlockByHeightRequest { height }).await };
    let above = "requested block height is bigger then the chain length".to_owned();
    assert_eq!(at(8).await, (Code::InvalidArgument, above));
    assert_eq!(at(0).await, (Code::Unknown, "height must be greater than 0, but got 0".to_owned()));
    assert_eq!(at(-1).await, (Code::Unknown, "height must be greater than 0, but got -1".to_owned()));
    assert_eq!(at(2).await, (Code::Unknown, "height 2 is not available".to_owned()));
}

#[tokio::test]
async fn validators_come_in_pages() {
    const LATEST: &str = "/cosmos.base.tendermint.v1beta1.Service/GetLatestValidatorSet";
    let all: comet::GetLatestValidatorSetResponse =
        ask(LATEST, &comet::GetLatestValidatorSetRequest::default()).await.unwrap();
    assert_eq!((all.block_height, all.validators.len(), all.pagination.unwrap().total), (8, 3, 3));
    let first = &all.validators[0];
    assert!(first.address.starts_with("plumevalcons1"), "{}", first.address);
    assert_eq!((first.voting_power, first.proposer_priority), (9, -1));
    let key = first.pub_key.as_ref().unwrap();
    assert_eq!(key.type_url, "/cosmos.crypto.ed25519.PubKey");
    assert_eq!(ed25519::PubKey::decode(key.value.as_slice()).unwrap().key, [1; 32]);

    let page = |offset| Some(PageRequest { offset, limit: 2, ..PageRequest::default() });
    let request = comet::GetValidatorSetByHeightRequest { height: 5, pagination: page(2) };
    let second: comet::GetValidatorSetByHeightResponse =
        ask("/cosmos.base.tendermint.v1beta1.Service/GetValidatorSetByHeight", &request).await.unwrap();
    assert_eq!((second.block_height, second.validators.len()), (5, 1));
    assert_eq!(second.validators[0].voting_power, 7);
    let beyond = refused(LATEST, &comet::GetLatestValidatorSetRequest { pagination: page(4) }).await;
    assert_eq!(beyond, (Code::Unknown, "page should be within [1, 2] range, given 3".to_owned()));
}

#[tokio::test]
async fn abci_queries_keep_to_their_own_paths() {
    const PATH: &str = "/cosmos.base.tendermint.v1beta1.Service/ABCIQuery";
    let request = |path: &str, height| comet::AbciQueryRequest { path: path.to_owned(), height, ..Default::default() };
    let version: comet::AbciQueryResponse = ask(PATH, &request("/app/version", 0)).await.unwrap();
    assert_eq!((version.code, version.value, version.height), (0, b"1.2.3".to_vec(), 7));
    let unknown: comet::AbciQueryResponse = ask(PATH, &request("/store/x/key", 0)).await.unwrap();
    assert_eq!((unknown.code, unknown.codespace.as_str(), unknown.height), (6, "sdk", 7));
    let negative: comet::AbciQueryResponse = ask(PATH, &request("/app/version", -1)).await.unwrap();
    assert_eq!(negative.code, 18);
    assert_eq!(negative.log, "cannot query with height < 0; please provide a valid height: invalid request");
    assert_eq!(refused(PATH, &request("", 0)).await, (Code::InvalidArgument, "empty query path".to_owned()));
    let text = "unsupported ABCI query path: /cosmos.bank.v1beta1.Query/Balance".to_owned();
    assert_eq!(refused(PATH, &request("/cosmos.bank.v1beta1.Query/Balance", 0)).await, (Code::InvalidArgument, text));
}

#[tokio::test]
async fn transactions_are_sent_and_the_mempool_is_heard() {
    let send = |bytes: &'static [u8], mode: tx::BroadcastMode| async move {
        let request = tx::BroadcastTxRequest { tx_bytes: bytes.to_vec(), mode: mode.into() };
        let answer: Result<tx::BroadcastTxResponse, _> = ask(BROADCAST_TX, &request).await;
        answer.map(|answer| answer.tx_response.unwrap())
    };
    let sync = tx::BroadcastMode::Sync;
    let good = send(b"good", sync).await.unwrap();
    assert_eq!((good.code, good.txhash), (0, hex::encode_upper(Sha256::digest(b"good"))));
    let bad = send(b"bad", sync).await.unwrap();
    assert_eq!((bad.code, bad.codespace.as_str(), bad.raw_log.as_str()), (13, "sdk", "poor"));
    assert_eq!(send(b"bad", tx::BroadcastMode::Async).await.unwrap().code, 0);
    let known = send(b"known", sync).await.unwrap();
    assert_eq!((known.code, known.codespace.as_str()), (19, "sdk"));
    assert_eq!(send(b"", sync).await.unwrap_err().code, Code::InvalidArgument);
    let unspecified = send(b"good", tx::BroadcastMode::Unspecified).await.unwrap_err();
    assert_eq!(unspecified.message, "unsupported return type unspecified; supported types: sync, async");
    // ABCI would wait for itself.
    let node = node();
    let over_abci: Result<_, QueryError> =
        node.services.answer(BROADCAST_TX, &[], Height(7)).expect("the method is in the table");
    let e = over_abci.unwrap_err();
    assert_eq!((e.code, e.log.as_str()), (18, "can't route a broadcast tx message: invalid request"));
}

#[tokio::test]
#[expect(deprecated, reason = "old clients search in the former form")]
async fn transactions_are_found_by_hash_and_by_event() {
    let hash = hex::encode_upper(Sha256::digest(some_tx()));
    let get = |hash: &str| tx::GetTxRequest { hash: hash.to_owned() };
    let found: tx::GetTxResponse = ask("/cosmos.tx.v1beta1.Service/GetTx", &get(&hash)).await.unwrap();
    let response = found.tx_response.unwrap();
    assert_eq!((response.height, response.txhash.as_str(), response.code), (7, hash.as_str(), 5));
    assert_eq!(response.timestamp, "2023-11-14T22:13:21Z");
    assert_eq!(found.tx.unwrap().encode_to_vec(), some_tx());
    let missing = "AB".repeat(32);
    let not_found = refused("/cosmos.tx.v1beta1.Service/GetTx", &get(&missing)).await;
    assert_eq!(not_found, (Code::NotFound, format!("tx not found: {missing}")));
    assert_eq!(refused("/cosmos.tx.v1beta1.Service/GetTx", &get("")).await.0, Code::InvalidArgument);

    const SEARCH: &str = "/cosmos.tx.v1beta1.Service/GetTxsEvent";
    let request = tx::GetTxsEventRequest { query: "tx.height=7".to_owned(), ..Default::default() };
    let found: tx::GetTxsEventResponse = ask(SEARCH, &request).await.unwrap();
    assert_eq!((found.total, found.txs.len(), found.tx_responses[0].txhash.as_str()), (1, 1, hash.as_str()));
    let former = tx::GetTxsEventRequest {
        events: vec!["a.b='c'".to_owned(), "d.e='f'".to_owned()],
        pagination: Some(PageRequest { offset: 5, limit: 5, ..PageRequest::default() }),
        order_by: tx::OrderBy::Desc.into(),
        ..Default::default()
    };
    let found: tx::GetTxsEventResponse = ask(SEARCH, &former).await.unwrap();
    assert_eq!(found.total, 6);
    let nothing = refused(SEARCH, &tx::GetTxsEventRequest::default()).await;
    assert_eq!(nothing, (Code::Internal, "query cannot be empty".to_owned()));
    let other = tx::GetTxsEventRequest { query: "x".to_owned(), ..Default::default() };
    assert_eq!(
        refused(SEARCH, &other).await,
        (Code::Internal, "failed to search for txs: got something else".to_owned())
    );
}

#[tokio::test]
async fn blocks_come_with_their_transactions() {
    const PATH: &str = "/cosmos.tx.v1beta1.Service/GetBlockWithTxs";
    let request = |height, pagination| tx::GetBlockWithTxsRequest { height, pagination };
    let found: tx::GetBlockWithTxsResponse = ask(PATH, &request(7, None)).await.unwrap();
    // Of the block's two transactions one does not decode.
    assert_eq!((found.txs.len(), found.pagination.unwrap().total), (1, 2));
    assert_eq!(found.txs[0].encode_to_vec(), some_tx());
    assert_eq!(found.block.unwrap().data.unwrap().txs.len(), 2);
    let page = |offset, reverse| Some(PageRequest { offset, limit: 1, reverse, ..PageRequest::default() });
    let last: tx::GetBlockWithTxsResponse = ask(PATH, &request(7, page(0, true))).await.unwrap();
    assert!(last.txs.is_empty(), "the last one does not decode");
    let last: tx::GetBlockWithTxsResponse = ask(PATH, &request(7, page(1, true))).await.unwrap();
    assert_eq!(last.txs.len(), 1);
    let beyond = refused(PATH, &request(7, page(2, false))).await;
    let text = "out of range: cannot paginate 2 txs with offset 2 and limit 1: invalid request".to_owned();
    assert_eq!(beyond, (Code::Unknown, text));
    let future = refused(PATH, &request(8, None)).await;
    let text =
        "requested height 8 but height must not be less than 1 or greater than the current height 7: invalid height";
    assert_eq!(future, (Code::Unknown, text.to_owned()));
}

#[tokio::test]
async fn transactions_are_decoded_and_encoded() {
    let request = tx::TxDecodeRequest { tx_bytes: some_tx().to_vec() };
    let decoded: tx::TxDecodeResponse = ask("/cosmos.tx.v1beta1.Service/TxDecode", &request).await.unwrap();
    let request = tx::TxEncodeRequest { tx: decoded.tx };
    let encoded: tx::TxEncodeResponse = ask("/cosmos.tx.v1beta1.Service/TxEncode", &request).await.unwrap();
    assert_eq!(encoded.tx_bytes, some_tx());
    let broken = tx::TxDecodeRequest { tx_bytes: vec![9, 9, 9] };
    let (code, text) = refused("/cosmos.tx.v1beta1.Service/TxDecode", &broken).await;
    assert_eq!(code, Code::Unknown);
    assert!(text.ends_with(": tx parse error"), "{text}");
    let (code, _) = refused("/cosmos.tx.v1beta1.Service/TxEncode", &tx::TxEncodeRequest::default()).await;
    assert_eq!(code, Code::InvalidArgument);
}

#[tokio::test]
async fn legacy_amino_transactions_are_encoded_and_decoded() {
    const ENCODE: &str = "/cosmos.tx.v1beta1.Service/TxEncodeAmino";
    const DECODE: &str = "/cosmos.tx.v1beta1.Service/TxDecodeAmino";
    let json = r#"{"type":"cosmos-sdk/StdTx","value":{"msg":[{"type":"cosmos-sdk/MsgSend","value":{"from_address":"a","to_address":"b","amount":[{"denom":"x","amount":"5"}]}}],"fee":{"amount":[],"gas":"7"},"signatures":null,"memo":"m","timeout_height":"0"}}"#;
    let request = tx::TxEncodeAminoRequest { amino_json: json.to_owned() };
    let encoded: tx::TxEncodeAminoResponse = ask(ENCODE, &request).await.unwrap();
    let parts = ["282816a9", "0a12a8a3619a", "0a0161", "120162", "1a060a0178120135", "12021007", "22016d"];
    assert_eq!(hex::encode(&encoded.amino_binary), parts.concat());
    let request = tx::TxDecodeAminoRequest { amino_binary: encoded.amino_binary };
    let decoded: tx::TxDecodeAminoResponse = ask(DECODE, &request).await.unwrap();
    assert_eq!(decoded.amino_json, json);

    let encode = |json: &str| tx::TxEncodeAminoRequest { amino_json: json.to_owned() };
    let empty = (Code::InvalidArgument, "invalid empty tx json".to_owned());
    assert_eq!(refused(ENCODE, &encode("")).await, empty);
    let other = "UnmarshalJSON wants to decode a cosmos-sdk/StdTx but found a x/Y".to_owned();
    assert_eq!(refused(ENCODE, &encode(r#"{"type":"x/Y","value":{}}"#)).await, (Code::Unknown, other));
    let decode = |bytes: &[u8]| tx::TxDecodeAminoRequest { amino_binary: bytes.to_vec() };
    assert_eq!(refused(DECODE, &decode(&[])).await, (Code::InvalidArgument, "invalid empty tx bytes".to_owned()));
    let other =
        "UnmarshalBinaryBare expected to read prefix bytes 282816A9 (since it is registered concrete) but got 01";
    assert_eq!(refused(DECODE, &decode(&[1])).await, (Code::Unknown, other.to_owned()));
}

#[tokio::test]
async fn chain_describes_itself() {
    const OLD: &str = "/cosmos.base.reflection.v1beta1.ReflectionService";
    let interfaces: v1beta1::ListAllInterfacesResponse =
        ask(&format!("{OLD}/ListAllInterfaces"), &v1beta1::ListAllInterfacesRequest {}).await.unwrap();
    assert!(interfaces.interface_names.contains(&"cosmos.base.v1beta1.Msg".to_owned()));
    let of = |name: &str| v1beta1::ListImplementationsRequest { interface_name: name.to_owned() };
    let path = format!("{OLD}/ListImplementations");
    let messages: v1beta1::ListImplementationsResponse = ask(&path, &of("cosmos.base.v1beta1.Msg")).await.unwrap();
    assert!(messages.implementation_message_names.contains(&"/cosmos.bank.v1beta1.MsgSend".to_owned()));
    let nothing: v1beta1::ListImplementationsResponse = ask(&path, &of("x.Y")).await.unwrap();
    assert!(nothing.implementation_message_names.is_empty());
    assert_eq!(refused(&path, &of("")).await.0, Code::InvalidArgument);

    const NEW: &str = "/cosmos.base.reflection.v2alpha1.ReflectionService";
    let chain: v2alpha1::GetChainDescriptorResponse = ask(&format!("{NEW}/GetChainDescriptor"), &()).await.unwrap();
    assert_eq!(chain.chain.unwrap().id, "fake-1");
    let config: v2alpha1::GetConfigurationDescriptorResponse =
        ask(&format!("{NEW}/GetConfigurationDescriptor"), &()).await.unwrap();
    assert_eq!(config.config.unwrap().bech32_account_address_prefix, "plume");
    let authn: v2alpha1::GetAuthnDescriptorResponse = ask(&format!("{NEW}/GetAuthnDescriptor"), &()).await.unwrap();
    assert_eq!(authn.authn.unwrap().sign_modes[0].name, "SIGN_MODE_DIRECT");
    let queries: v2alpha1::GetQueryServicesDescriptorResponse =
        ask(&format!("{NEW}/GetQueryServicesDescriptor"), &()).await.unwrap();
    let services = queries.queries.unwrap().query_services;
    let bank = services.iter().find(|service| service.fullname == "cosmos.bank.v1beta1.Query").unwrap();
    assert!(bank.methods.iter().any(|method| method.full_query_path == "/cosmos.bank.v1beta1.Query/Balance"));
    let sent: v2alpha1::GetTxDescriptorResponse = ask(&format!("{NEW}/GetTxDescriptor"), &()).await.unwrap();
    let sent = sent.tx.unwrap();
    assert_eq!(sent.fullname, "cosmos.tx.v1beta1.Tx");
    assert!(sent.msgs.iter().any(|msg| msg.msg_type_url == "/cosmos.bank.v1beta1.MsgMultiSend"));
    let codec: v2alpha1::GetCodecDescriptorResponse = ask(&format!("{NEW}/GetCodecDescriptor"), &()).await.unwrap();
    assert_eq!(codec.codec.unwrap().interfaces.len(), interfaces.interface_names.len());

    let call = Call {
        path: "/cosmos.reflection.v1.ReflectionService/FileDescriptors".to_owned(),
        request: Bytes::new(),
        height: None,
    };
    assert_eq!(node().call(call).await.unwrap().response, plume_proto::DESCRIPTOR_SET);

    let commands: AppOptionsResponse = ask("/cosmos.autocli.v1.Query/AppOptions", &AppOptionsRequest {}).await.unwrap();
    let bank = &commands.module_options["bank"];
    assert_eq!(bank.query.as_ref().unwrap().service, "cosmos.bank.v1beta1.Query");
    assert_eq!(bank.tx.as_ref().unwrap().service, "cosmos.bank.v1beta1.Msg");
    assert!(commands.module_options.contains_key("mine"), "settings add to what the descriptors give");
}

#[tokio::test]
async fn method_that_is_not_there_is_unimplemented() {
    let call = Call { path: "/x.Y/Z".to_owned(), request: Bytes::new(), height: None };
    let e = node().call(call).await.unwrap_err();
    assert_eq!((e.code, e.message.as_str()), (GrpcCode::Unimplemented, "unknown query path /x.Y/Z"));
    assert!(node().has("/cosmos.tx.v1beta1.Service/GetTx") && !node().has("/x.Y/Z"));
    assert!(FakeReader::default().query_paths().len() < 10, "without services the reader has its own methods only");
}
