//! Each recorded query over REST: the same data as over ABCI, in the SDK's own JSON.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use plume_chain::ChainReader;
use plume_engine::{QueryError, Reader};
use plume_gateway::observe::{Metrics, Telemetry};
use plume_gateway::rest::{Rest, RestSettings, http_status, openapi_document};
use plume_gateway::{Answer, Backend, Call, Code, Status};
use plume_tests_recordings::recording::{bytes, list, load, text};
use plume_tests_recordings::replay::Replay;
use serde_json::{Value as Json, json};

/// The state machine's queries, without the node's own services.
struct Door(ChainReader);

#[async_trait]
impl Backend for Door {
    async fn call(&self, call: Call) -> Result<Answer, Status> {
        let refused = |e: QueryError| Status::new(Code::from_number(e.grpc_code), e.message);
        let answer = self.0.query(&call.path, &call.request, call.height, false).map_err(refused)?;
        Ok(Answer { response: answer.value, height: answer.height })
    }

    fn has(&self, path: &str) -> bool {
        path.starts_with("/cosmos.bank.v1beta1.Query/") || path.starts_with("/cosmos.auth.v1beta1.Query/")
    }
}

struct World {
    reader: ChainReader,
    rest: Rest,
    document: Json,
}

impl World {
    fn new() -> Self {
        let replay = Replay::new(&load("genesis.json"), "exported_app_state");
        let reader = replay.reader();
        let door = Arc::new(Door(reader.clone()));
        let metrics = Metrics::new(Telemetry::default());
        let rest = Rest::new(door, plume_codec::pool(), RestSettings::default(), metrics).expect("well-formed rules");
        let document = openapi_document(rest.routes(), "recording-1");
        Self { reader, rest, document }
    }

    /// Status, JSON and height.
    fn get(&self, target: &str) -> (u16, Json, Option<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let request = Request::get(target).body(Body::empty()).unwrap_or_else(|error| panic!("{target}: {error}"));
            let response = self.rest.handle(request, SocketAddr::from(([127, 0, 0, 1], 9))).await;
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("in memory");
            let json = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{target}: {error}: {body:?}"));
            let height = parts.headers.get("grpc-metadata-x-cosmos-block-height");
            (parts.status.as_u16(), json, height.map(|height| height.to_str().expect("digits").to_owned()))
        })
    }

    /// The target that asks for `request`, as the OpenAPI document has it; `None` if the method has no path of its own.
    fn target(&self, method: &str, request: &Json) -> Option<String> {
        let id = method.trim_start_matches('/').replace('/', "_");
        let paths = self.document["paths"].as_object().expect("paths");
        let (path, operation) = paths.iter().find(|(_, item)| item["get"]["operationId"] == id)?;
        let mut target = path.clone();
        let mut query = Vec::new();
        for parameter in operation["get"]["parameters"].as_array().expect("parameters") {
            let Some(name) = parameter["name"].as_str() else { continue };
            let value = name.split('.').fold(request, |value, step| &value[step]);
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                let value = match value {
                    Json::Null => String::new(),
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                if parameter["in"] == "path" {
                    target = target.replace(&format!("{{{name}}}"), &value);
                } else if !value.is_empty() {
                    query.push(format!("{name}={}", value.replace('+', "%2B").replace('=', "%3D")));
                }
            }
        }
        let mark = if query.is_empty() { "" } else { "?" };
        Some(format!("{target}{mark}{}", query.join("&")))
    }
}

#[test]
fn every_recorded_query_answers_over_rest_as_over_abci() {
    let world = World::new();
    let recorded = load("queries.json");
    let (mut compared, mut as_the_sdk, mut refused, mut without) = (0, 0, 0, Vec::new());
    for query in list(&recorded, "queries") {
        let (method, request) = (text(query, "path"), &query["request_json"]);
        let Some(target) = world.target(method, request).filter(|target| !target.contains("//")) else {
            without.push(method.to_owned());
            continue;
        };
        let (status, json, height) = world.get(&target);
        compared += 1;
        match world.reader.query(method, &bytes(query, "request"), None, false) {
            Ok(answer) => {
                assert_eq!((status, height), (200, Some(answer.height.get().to_string())), "{target}: {json}");
                let pool = plume_codec::pool();
                let (service, name) = method.trim_start_matches('/').split_once('/').expect("a method");
                let service = pool.get_service_by_name(service).expect("known");
                let output = service.methods().find(|method| method.name() == name).expect("known").output();
                let ours = plume_codec::to_json(output.full_name(), &answer.value).expect("has JSON");
                assert_eq!(json.to_string(), ours.to_string(), "{target}");
                if bytes(query, "response") == answer.value {
                    assert_eq!(json, query["response_json"], "{target}");
                    as_the_sdk += 1;
                }
            }
            Err(error) => {
                let code = Code::from_number(error.grpc_code);
                assert_eq!(status, http_status(code).as_u16(), "{target}: {json}");
                let expected = json!({ "code": error.grpc_code, "message": error.message, "details": [] });
                assert_eq!(json, expected, "{target}");
                refused += 1;
            }
        }
    }
    without.sort();
    without.dedup();
    println!(
        "{compared} queries over REST, {as_the_sdk} in the SDK's own JSON, {refused} refused; without: {without:?}"
    );
    // An empty variable within a path, a method that does not exist, and a path that another method hides.
    let expected = [
        "/cosmos.auth.v1beta1.Query/AddressStringToBytes",
        "/cosmos.bank.v1beta1.Query/Balance",
        "/cosmos.bank.v1beta1.Query/Nothing",
        "/cosmos.bank.v1beta1.Query/SpendableBalanceByDenom",
    ];
    assert_eq!(without, expected);
    assert!(compared > 230 && as_the_sdk > 170 && refused > 40, "{compared} {as_the_sdk} {refused}");
}

/// What wallets rely on.
#[test]
fn answers_that_clients_know_by_heart() {
    let world = World::new();
    let recorded = load("queries.json");
    let balance = list(&recorded, "queries")
        .iter()
        .find(|query| text(query, "path") == "/cosmos.bank.v1beta1.Query/Balance" && query["code"] == 0);
    let balance = balance.expect("recorded");
    let (address, denom) = (text(&balance["request_json"], "address"), text(&balance["request_json"], "denom"));
    let (status, json, _) = world.get(&format!("/cosmos/bank/v1beta1/balances/{address}/by_denom?denom={denom}"));
    assert_eq!((status, &json), (200, &balance["response_json"]));

    let nobody = "cosmos1kmusky2qqm6wu9d03cjfudvjjv0qwsxtlsvxfg";
    let (status, json, _) = world.get(&format!("/cosmos/auth/v1beta1/accounts/{nobody}"));
    let message = format!("account {nobody} not found");
    assert_eq!((status, json), (404, json!({ "code": 5, "message": message, "details": [] })));

    // Keplr asks this to learn whether the node has the method at all.
    let (status, json, _) = world.get("/cosmos/bank/v1beta1/spendable_balances/test");
    let message = "invalid address: decoding bech32 failed: invalid bech32 string length 4";
    assert_eq!((status, json), (400, json!({ "code": 3, "message": message, "details": [] })));

    let (status, json, _) = world.get("/cosmos/gov/v1/proposals");
    assert_eq!((status, json), (501, json!({ "code": 12, "message": "Not Implemented", "details": [] })));

    // The metadata of all denominations is not that of the denomination without a name.
    let (status, json, _) = world.get("/cosmos/bank/v1beta1/denoms_metadata?pagination.limit=1");
    assert_eq!((status, json["metadatas"].as_array().map(Vec::len)), (200, Some(1)), "{json}");
    let denom = "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2";
    for target in [denom.to_owned(), denom.replace('/', "%2F")] {
        let (status, json, _) = world.get(&format!("/cosmos/bank/v1beta1/denoms_metadata/{target}"));
        assert_eq!((status, &json["code"]), (404, &json!(5)), "{json}");
    }
    let (status, json, _) = world.get("/cosmos/bank/v1beta1/params");
    assert_eq!((status, json), (200, json!({ "params": { "send_enabled": [], "default_send_enabled": true } })));
    let (status, json, _) = world.get("/cosmos/auth/v1beta1/accounts?pagination.limit=1");
    assert_eq!(status, 200);
    assert_eq!(json["accounts"][0]["@type"].as_str().map(|kind| kind.starts_with("/cosmos.auth.")), Some(true));
    assert!(json["pagination"]["next_key"].is_string(), "{json}");
}

#[test]
fn heights_that_are_not_there_are_refused_as_by_the_sdk() {
    let world = World::new();
    let request = Request::get("/cosmos/bank/v1beta1/params").header("x-cosmos-block-height", "1000000");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (status, body) = runtime.block_on(async {
        let request = request.body(Body::empty()).expect("a request");
        let response = world.rest.handle(request, SocketAddr::from(([127, 0, 0, 1], 9))).await;
        (response.status().as_u16(), to_bytes(response.into_body(), usize::MAX).await.expect("in memory"))
    });
    let json: Json = serde_json::from_slice(&body).expect("JSON");
    let message = "cannot query with height in the future; please provide a valid height: invalid height";
    assert_eq!((status, json), (500, json!({ "code": 2, "message": message, "details": [] })));
}
