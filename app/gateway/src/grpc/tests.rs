use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use plume_proto::Message;
use plume_proto::grpc::health::v1::health_check_response::ServingStatus;
use plume_proto::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use plume_proto::grpc::reflection::v1::server_reflection_request::MessageRequest;
use plume_proto::grpc::reflection::v1::server_reflection_response::MessageResponse;
use plume_proto::grpc::reflection::v1::{ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse};

use super::*;
use crate::fake::{ECHO, FakeEngine, FakeReader, REFUSES, SLOW};
use crate::observe::Telemetry;
use crate::{Methods, NodeSettings, Services};

/// A door over the fakes.
pub(super) fn door(settings: GrpcSettings) -> Arc<Grpc> {
    let descriptors = Arc::new(Descriptors::decode(plume_proto::DESCRIPTOR_SET).unwrap());
    let engine = Arc::new(FakeEngine { tx: Bytes::from_static(b"tx") });
    let reader = FakeReader::default();
    let services = Services::new(reader.clone(), engine, descriptors.clone(), NodeSettings::default());
    let methods = Methods::new(reader, services, 4);
    Arc::new(Grpc::new(Arc::new(methods), descriptors, settings, Metrics::new(Telemetry::default()), || true))
}

/// What came back: head, messages, status and its text.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    messages: Vec<Bytes>,
    code: Option<u32>,
    text: String,
}

async fn read(response: Response<Body>) -> Reply {
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_else(|| parts.headers.clone());
    let mut bytes = collected.to_bytes();
    let mut messages = Vec::new();
    while bytes.len() >= 5 {
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        messages.push(bytes.slice(5..5 + length));
        bytes = bytes.slice(5 + length..);
    }
    let text = trailers.get("grpc-message").map_or("", |text| text.to_str().unwrap()).to_owned();
    let code = trailers.get("grpc-status").map(|code| code.to_str().unwrap().parse().unwrap());
    Reply { status: parts.status, headers: parts.headers, messages, code, text }
}

fn request(path: &str, body: impl Into<Body>) -> axum::http::request::Builder {
    let _ = body.into();
    Request::post(path).header("content-type", "application/grpc")
}

fn client() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

async fn send(door: &Arc<Grpc>, builder: axum::http::request::Builder, body: Bytes) -> Reply {
    read(door.handle(builder.body(Body::from(body)).unwrap(), client()).await).await
}

async fn call(door: &Arc<Grpc>, path: &str, message: &[u8]) -> Reply {
    send(door, request(path, ""), frame::framed(message)).await
}

#[tokio::test]
async fn bytes_pass_through_and_the_height_comes_back() {
    let door = door(GrpcSettings::default());
    let reply = call(&door, ECHO, b"hello").await;
    assert_eq!((reply.status, reply.code, reply.text.as_str()), (StatusCode::OK, Some(0), ""));
    assert_eq!(reply.messages, [Bytes::from_static(b"hello")]);
    assert_eq!(reply.headers["content-type"], "application/grpc");
    assert_eq!(reply.headers[HEIGHT], "7");

    let at = |height: &'static str| send(&door, request(ECHO, "").header(HEIGHT, height), frame::framed(b""));
    assert_eq!(at("3").await.headers[HEIGHT], "3");
    assert_eq!(at("0").await.headers[HEIGHT], "7");
    let negative = at("-1").await;
    assert_eq!(negative.code, Some(2));
    assert_eq!(negative.text, "cannot query with height < 0; please provide a valid height: invalid request");
    let wrong = at("three").await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.text.starts_with("Baseapp.RegisterGRPCServer: invalid height header"), "{}", wrong.text);
}

#[tokio::test]
async fn refusals_have_status_and_text_of_the_method() {
    let door = door(GrpcSettings::default());
    let reply = call(&door, REFUSES, b"").await;
    assert_eq!((reply.status, reply.code), (StatusCode::OK, Some(5)));
    assert_eq!(reply.text, "no such denom: 100 %25 sure");
    assert!(reply.messages.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_named_as_go_names_it() {
    let door = door(GrpcSettings::default());
    for (path, text) in [
        ("/cosmos.bank.v1beta1.Query/Nothing", "unknown method Nothing for service cosmos.bank.v1beta1.Query"),
        ("/cosmos.bank.v2.Query/Balance", "unknown service cosmos.bank.v2.Query"),
        ("/nothing", "malformed method name: \"/nothing\""),
    ] {
        let reply = call(&door, path, b"").await;
        assert_eq!((reply.code, reply.text.as_str()), (Some(12), text));
    }
}

#[tokio::test]
async fn what_is_no_grpc_gets_an_http_status() {
    let door = door(GrpcSettings::default());
    let get = Request::get(ECHO).header("content-type", "application/grpc").body(Body::empty()).unwrap();
    assert_eq!(door.handle(get, client()).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let json = Request::post(ECHO).header("content-type", "application/json").body(Body::empty()).unwrap();
    assert_eq!(door.handle(json, client()).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn limits_hold_in_both_directions() {
    let receive = door(GrpcSettings { max_recv_msg_size: 4, ..GrpcSettings::default() });
    let reply = call(&receive, ECHO, b"hello").await;
    assert_eq!(reply.code, Some(8));
    assert_eq!(reply.text, "grpc: received message larger than max (5 vs. 4)");
    assert_eq!(call(&receive, ECHO, b"four").await.code, Some(0));

    let sending = door(GrpcSettings { max_send_msg_size: 4, ..GrpcSettings::default() });
    let reply = call(&sending, ECHO, b"hello").await;
    assert_eq!(reply.code, Some(8));
    assert_eq!(reply.text, "grpc: trying to send message larger than max (5 vs. 4)");
}

#[tokio::test]
async fn broken_frames_are_refused() {
    let door = door(GrpcSettings::default());
    let two = [frame::framed(b"a"), frame::framed(b"b")].concat();
    for (body, code) in [(&b""[..], 13), (b"\0\0\0\0\x05abc", 13), (b"\x01\0\0\0\0", 13), (&two, 13)] {
        let reply = send(&door, request(ECHO, ""), Bytes::copy_from_slice(body)).await;
        assert_eq!(reply.code, Some(code), "{body:?}: {}", reply.text);
    }
    let zipped = send(&door, request(ECHO, "").header("grpc-encoding", "gzip"), frame::framed(b"")).await;
    assert_eq!(zipped.code, Some(12));
    assert_eq!(zipped.text, "grpc: Decompressor is not installed for grpc-encoding \"gzip\"");
}

#[tokio::test]
async fn deadlines_end_calls() {
    let door = door(GrpcSettings { timeout: Duration::from_secs(4), ..GrpcSettings::default() });
    let reply = send(&door, request(SLOW, "").header("grpc-timeout", "20m"), frame::framed(b"")).await;
    assert_eq!((reply.code, reply.text.as_str()), (Some(4), "context deadline exceeded"));
    let reply = send(&door, request(ECHO, "").header("grpc-timeout", "soon"), frame::framed(b"")).await;
    assert_eq!(reply.code, Some(13));
}

#[tokio::test]
async fn health_is_told_for_the_server_and_for_each_service() {
    let door = door(GrpcSettings::default());
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() }.encode_to_vec();
    for service in ["", "cosmos.bank.v1beta1.Query", "grpc.health.v1.Health", "cosmos.tx.v1beta1.Service"] {
        let reply = call(&door, health::CHECK, &ask(service)).await;
        assert_eq!(reply.code, Some(0), "{service}");
        let answer = HealthCheckResponse::decode(reply.messages[0].clone()).unwrap();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    assert_eq!(call(&door, health::CHECK, &ask("nothing")).await.code, Some(5));

    let watched = Request::post(health::WATCH).header("content-type", "application/grpc");
    let watched = watched.body(Body::from(frame::framed(&ask("nothing")))).unwrap();
    let mut body = door.handle(watched, client()).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let answer = HealthCheckResponse::decode(first.slice(5..)).unwrap();
    assert_eq!(answer.status(), ServingStatus::ServiceUnknown);
}

#[tokio::test]
async fn reflection_answers_in_both_versions() {
    let door = door(GrpcSettings::default());
    for service in ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"] {
        let questions = [
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol("cosmos.bank.v1beta1.Query.Balance".to_owned()),
            MessageRequest::FileByFilename("cosmos/base/v1beta1/coin.proto".to_owned()),
            MessageRequest::FileContainingExtension(ExtensionRequest {
                containing_type: "google.protobuf.MethodOptions".to_owned(),
                extension_number: 72_295_728, // google.api.http
            }),
            MessageRequest::AllExtensionNumbersOfType("google.protobuf.MethodOptions".to_owned()),
            MessageRequest::FileContainingSymbol("nothing".to_owned()),
        ];
        let requests = questions.map(|question| {
            let request = ServerReflectionRequest { host: "h".to_owned(), message_request: Some(question) };
            frame::framed(&request.encode_to_vec())
        });
        let path = format!("/{service}/ServerReflectionInfo");
        let reply = send(&door, request(&path, ""), Bytes::from(requests.concat())).await;
        assert_eq!((reply.code, reply.messages.len()), (Some(0), 6));
        let answers: Vec<_> =
            reply.messages.into_iter().map(|message| ServerReflectionResponse::decode(message).unwrap()).collect();
        assert!(answers.iter().all(|answer| answer.valid_host == "h" && answer.original_request.is_some()));
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.message_response.unwrap()).collect();

        let MessageResponse::ListServicesResponse(list) = &answers[0] else { panic!("{:?}", answers[0]) };
        let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
        for wanted in [service, "grpc.health.v1.Health", "cosmos.bank.v1beta1.Query", "cosmos.tx.v1beta1.Service"] {
            assert!(names.contains(&wanted), "{wanted} is not in {names:?}");
        }
        assert!(!names.contains(&"cosmos.bank.v1beta1.Msg"), "messages are sent in transactions");

        let file = |answer: &MessageResponse| {
            let MessageResponse::FileDescriptorResponse(files) = answer else { panic!("{answer:?}") };
            let files = files.file_descriptor_proto.iter();
            files
                .map(|file| {
                    let file = prost_reflect::prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap();
                    file.name().to_owned()
                })
                .collect::<Vec<_>>()
        };
        let bank = file(&answers[1]);
        assert_eq!(bank[0], "cosmos/bank/v1beta1/query.proto");
        assert!(bank.contains(&"cosmos/base/v1beta1/coin.proto".to_owned()), "imports come along");
        assert_eq!(file(&answers[2])[0], "cosmos/base/v1beta1/coin.proto");
        assert_eq!(file(&answers[3])[0], "google/api/annotations.proto");
        let MessageResponse::AllExtensionNumbersResponse(numbers) = &answers[4] else { panic!("{:?}", answers[4]) };
        assert!(numbers.extension_number.contains(&72_295_728));
        let MessageResponse::ErrorResponse(error) = &answers[5] else { panic!("{:?}", answers[5]) };
        assert_eq!((error.error_code, error.error_message.as_str()), (5, "symbol nothing not found"));
    }
}

/// The data frame and the trailers of a gRPC-web body.
fn web_parts(body: &[u8]) -> (Vec<u8>, String) {
    let mut rest = body;
    let (mut data, mut trailers) = (Vec::new(), String::new());
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        match rest[0] {
            0 => data.extend_from_slice(&rest[5..5 + length]),
            0x80 => trailers.push_str(core::str::from_utf8(&rest[5..5 + length]).unwrap()),
            other => panic!("flags {other}"),
        }
        rest = &rest[5 + length..];
    }
    (data, trailers)
}

#[tokio::test]
async fn web_clients_get_their_trailers_in_the_body() {
    let door = door(GrpcSettings::default());
    for (kind, path, data, trailers) in [
        ("application/grpc-web+proto", ECHO, &b"hello"[..], "grpc-status:0\r\n"),
        ("application/grpc-web-text", ECHO, b"hello", "grpc-status:0\r\n"),
        ("application/grpc-web", REFUSES, b"", "grpc-status:5\r\ngrpc-message:no such denom: 100 %25 sure\r\n"),
    ] {
        let is_text = kind.contains("text");
        let body = frame::framed(b"hello");
        let body = if is_text { Bytes::from(STANDARD.encode(&body)) } else { body };
        let request = Request::post(path).header("content-type", kind).body(Body::from(body)).unwrap();
        let response = door.handle_web(request, client()).await;
        assert_eq!(response.headers()["content-type"], kind);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        // Each frame is base64 of its own, padded where it ends.
        let body = match is_text {
            true => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                text.split_inclusive('=')
                    .collect::<String>()
                    .as_bytes()
                    .chunks(4)
                    .flat_map(|four| STANDARD.decode(four).unwrap())
                    .collect()
            }
            false => body.to_vec(),
        };
        assert_eq!(web_parts(&body), (data.to_vec(), trailers.to_owned()), "{kind}");
    }
    let wrong =
        Request::post(ECHO).header("content-type", "application/grpc-web-text").body(Body::from("%%%")).unwrap();
    assert_eq!(door.handle_web(wrong, client()).await.status(), StatusCode::BAD_REQUEST);
}
