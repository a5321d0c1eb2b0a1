//! A composition root with one more module: its query is found at every door and its message is signed and executed,
//! though nothing outside this test knows its types.

mod module;
mod world;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plume_proto::Message;
use plume_proto::grpc::reflection::v1::ServerReflectionRequest;
use plume_proto::grpc::reflection::v1::ServerReflectionResponse;
use plume_proto::grpc::reflection::v1::server_reflection_request::MessageRequest;
use plume_proto::grpc::reflection::v1::server_reflection_response::MessageResponse;
use plume_tests_toy::{ECHO, EVERYTHING};
use prost_reflect::prost_types::FileDescriptorProto;
use serde_json::{Value as Json, json};

use crate::world::{AMINO, DIRECT, World};

/// A value for every kind of field.
fn everything() -> Json {
    json!({
        "double_field": 1.5, "int32_field": -1, "uint64_field": u64::MAX.to_string(), "bool_field": true,
        "string_field": "a b", "bytes_field": "AAE=", "color": "COLOR_BLUE",
        "any": { "@type": "/toy.v1.Leaf", "name": "x", "size_bytes": "1" }, "time": "2025-01-02T03:04:05.600Z",
        "duration": "1.500s", "rate": "0.5", "amount": "12", "leaf": { "name": "a" }, "strings": ["a", "b"],
        "numbers": ["1", "2"], "leaves": [{ "name": "c" }], "labels": { "k": "v" }, "number_choice": "7",
        "inner": { "string_field": "deep" },
    })
}

#[test]
fn the_query_answers_at_every_door() {
    let world = World::new();
    let request = plume_codec::from_json(EVERYTHING, &everything()).expect("of the toy's types");

    let abci = world.abci(ECHO, &request);
    assert_eq!(abci, request);
    assert_eq!(world.grpc(ECHO, &request), request);
    assert_eq!(world.grpc_web(ECHO, &request), request);

    let shown = plume_codec::to_json(EVERYTHING, &request).expect("has JSON");
    assert_eq!(world.rest("POST", "/toy/v1/echo", &everything()), shown);
    let target = "/toy/v1/echo?doubleField=1.5&int32_field=-1&uint64_field=18446744073709551615&bool_field=true\
                  &string_field=a+b&bytes_field=AAE%3D&color=COLOR_BLUE&time=2025-01-02T03:04:05.6Z&duration=1.5s\
                  &rate=0.5&amount=12&leaf.name=a&strings=a&strings=b&numbers=1&numbers=2&labels[k]=v&number_choice=7\
                  &inner.string_field=deep";
    let mut by_parameters = shown.clone();
    // These two cannot be parameters.
    by_parameters["any"] = Json::Null;
    by_parameters["leaves"] = json!([]);
    assert_eq!(world.rest("GET", target, &Json::Null), by_parameters);
}

#[test]
fn reflection_and_openapi_describe_it() {
    let world = World::new();
    let ask = |question| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let answer = world.grpc(path, &request.encode_to_vec());
        ServerReflectionResponse::decode(answer).expect("an answer").message_response.expect("not empty")
    };
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())) else {
        panic!("services were asked for")
    };
    assert!(list.service.iter().any(|service| service.name == "toy.v1.Query"), "{list:?}");
    for symbol in ["toy.v1.Query.Echo", EVERYTHING, "toy.v1.MsgPaint"] {
        let MessageResponse::FileDescriptorResponse(files) = ask(MessageRequest::FileContainingSymbol(symbol.into()))
        else {
            panic!("{symbol} is in a file")
        };
        let names: Vec<_> = files
            .file_descriptor_proto
            .iter()
            .map(|file| FileDescriptorProto::decode(file.as_slice()).expect("a file").name().to_owned())
            .collect();
        assert!(names.contains(&"toy/v1/toy.proto".to_owned()), "{symbol}: {names:?}");
    }
    let document = world.rest("GET", "/swagger/openapi.json", &Json::Null);
    assert_eq!(document["paths"]["/toy/v1/echo"]["get"]["operationId"], "toy.v1.Query_Echo");
    assert!(document["components"]["schemas"].get(EVERYTHING).is_some());
    assert!(document["paths"].get("/toy/v1/absent").is_none(), "a method that nobody answers has no path");
    let interfaces = world.rest(
        "GET",
        "/cosmos/base/reflection/v1beta1/interfaces/cosmos.base.v1beta1.Msg/implementations",
        &Json::Null,
    );
    let names = interfaces["implementation_message_names"].to_string();
    assert!(names.contains("toy.v1.MsgPaint"), "{names}");
}

#[test]
fn the_message_is_signed_executed_and_shown() {
    let mut world = World::new();
    let paint = json!({
        "painter": world.painter(), "color": "COLOR_RED", "picture": "AAEC", "sizes": ["1", "2"],
        "frame": { "@type": "/cosmos.crypto.secp256k1.PubKey", "key": STANDARD.encode([2; 33]) },
        "rate": "0.25", "price": [{ "denom": "uplume", "amount": "3" }], "leaf": { "name": "<&>" },
        "time": "2025-01-02T03:04:05Z", "fast": true,
    });
    let bytes = plume_codec::from_json("toy.v1.MsgPaint", &paint).expect("of the toy's types");
    let amino = plume_codec::amino_json("/toy.v1.MsgPaint", &bytes).expect("has amino JSON");
    let amino: Json = serde_json::from_slice(&amino).expect("JSON");
    assert_eq!(amino["type"], "toy/MsgPaint");
    let value = &amino["value"];
    assert_eq!(
        (&value["rate"], &value["color"], &value["sizes"]),
        (&json!("0.250000000000000000"), &json!(1), &json!(["1", "2"]))
    );
    assert_eq!(value["frame"]["type"], "tendermint/PubKeySecp256k1");

    for (sequence, mode) in [(0, DIRECT), (1, AMINO)] {
        let tx = world.sign(&bytes, mode, sequence);
        let result = world.run(tx.clone());
        assert_eq!((result.code, result.log.as_str()), (0, ""), "mode {mode}");
        let painted = result.events.iter().find(|event| event.kind == "paint").expect("the module's event");
        assert_eq!(painted.attributes[0].value, world.painter());

        let shown = world.rest("POST", "/cosmos/tx/v1beta1/decode", &json!({ "tx_bytes": STANDARD.encode(&tx) }));
        let message = &shown["tx"]["body"]["messages"][0];
        assert_eq!(message["@type"], "/toy.v1.MsgPaint");
        assert_eq!((&message["rate"], &message["leaf"]["name"]), (&json!("0.250000000000000000"), &json!("<&>")));
    }
}
