//! From bytes to a call: JSON-RPC bodies, query strings, and typed parameters.

pub(crate) mod evidence;
pub(crate) mod go;
mod rpc;
mod uri;
mod value;

pub(crate) use rpc::{Id, Request, first_request, parse_body};
pub(crate) use uri::{Pairs, from_uri};
pub(crate) use value::{Args, Type, from_json};

/// Reads a JSON-RPC body as the server does: every request, and the parameters of each method by name and by position.
/// Gives the number of calls that would be made. A target for fuzzing.
pub fn parse_request(body: &[u8]) -> usize {
    let _ = first_request(body);
    let Ok(body) = parse_body(body) else { return 0 };
    let calls = body.requests.iter().flatten();
    calls
        .filter(|request| {
            let Some(spec) = crate::methods::find(&request.method, true) else { return false };
            request.params.is_some_and(|params| from_json(spec, params).is_ok())
        })
        .count()
}

/// Reads a query string as the server does, for every method. Gives the number of methods that accept it. A target for
/// fuzzing.
pub fn parse_uri_params(query: &str) -> usize {
    let pairs = Pairs::parse(query.as_bytes());
    crate::methods::METHODS.iter().filter(|spec| from_uri(spec, &pairs, None).is_ok()).count()
}
