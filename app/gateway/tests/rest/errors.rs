use axum::body::Body;
use axum::http::Request;
use plume_gateway::observe::Telemetry;
use plume_gateway::rest::RestSettings;
use plume_gateway::{Code, Status};

use crate::world::{World, bad};

#[tokio::test]
async fn errors_of_methods_keep_their_code_and_text() {
    for (code, status) in [
        (Code::InvalidArgument, 400),
        (Code::NotFound, 404),
        (Code::Unknown, 500),
        (Code::Internal, 500),
        (Code::Unimplemented, 501),
        (Code::Unavailable, 503),
        (Code::DeadlineExceeded, 504),
        (Code::ResourceExhausted, 429),
        (Code::PermissionDenied, 403),
        (Code::Unauthenticated, 401),
        (Code::AlreadyExists, 409),
        (Code::Aborted, 409),
        (Code::FailedPrecondition, 400),
        (Code::OutOfRange, 400),
    ] {
        let refusal = Status::new(code, "account \"x\" not found");
        let world = World::with(RestSettings::default(), Telemetry::default(), Some(refusal));
        let expected = (status, u64::from(code.number()), "account \"x\" not found".to_owned());
        assert_eq!(world.get("/toy/v1/echo").await.error(), expected);
    }
}

#[tokio::test]
async fn the_text_of_an_error_is_in_the_sdks_order() {
    let refusal = Status::new(Code::NotFound, "no");
    let world = World::with(RestSettings::default(), Telemetry::default(), Some(refusal));
    assert_eq!(world.get("/toy/v1/echo").await.text, r#"{"code":5,"message":"no","details":[]}"#);
}

#[tokio::test]
async fn a_panic_is_an_answer_too() {
    let world = World::new();
    let seen = world.get("/toy/v1/echo?string_field=panic").await;
    assert_eq!(seen.error(), (500, 13, "the method panicked".to_owned()));
    assert_eq!(world.get("/toy/v1/echo").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn clients_say_how_long_they_wait() {
    let world = World::new();
    let with = |timeout: &str| {
        let request = Request::get("/toy/v1/echo?string_field=never").header("grpc-timeout", timeout);
        request.body(Body::empty()).expect("a request")
    };
    assert_eq!(world.send(with("50m")).await.error(), (504, 4, "context deadline exceeded".to_owned()));
    assert_eq!(world.send(with("soon")).await.error(), bad("invalid grpc-timeout: soon"));
}

/// An answer that has no JSON: an `Any` of a type that nobody knows.
#[tokio::test]
async fn what_cannot_be_shown_is_an_error() {
    let world = World::new();
    let echo = plume_codec::pool().get_message_by_name(plume_tests_toy::EVERYTHING).expect("registered");
    assert_eq!(echo.full_name(), plume_tests_toy::EVERYTHING);
    // `any.type_url` cannot be set by a parameter, but its text by descending into it.
    let seen = world.get("/toy/v1/echo?any.type_url=/toy.v1.Nobody").await;
    assert_eq!(seen.error(), (500, 2, "any: unable to resolve type URL /toy.v1.Nobody".to_owned()));
}
