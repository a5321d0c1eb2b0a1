//! JSON-RPC answers.

use crate::json::Json;
use crate::request::Id;

/// Why a request has no result (`rpc/jsonrpc/types`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    code: i32,
    message: &'static str,
    data: String,
}

impl Failure {
    /// The body is not JSON, or not a request.
    pub(crate) fn parse(data: impl Into<String>) -> Self {
        Self { code: -32700, message: "Parse error. Invalid JSON", data: data.into() }
    }

    pub(crate) fn invalid_request(data: impl Into<String>) -> Self {
        Self { code: -32600, message: "Invalid Request", data: data.into() }
    }

    pub(crate) fn method_not_found() -> Self {
        Self { code: -32601, message: "Method not found", data: String::new() }
    }

    pub(crate) fn invalid_params(data: impl Into<String>) -> Self {
        Self { code: -32602, message: "Invalid params", data: data.into() }
    }

    /// The method was carried out and failed; `data` says why.
    pub(crate) fn internal(data: impl Into<String>) -> Self {
        Self { code: -32603, message: "Internal error", data: data.into() }
    }

    /// Something ended that the client was promised (a subscription).
    pub(crate) fn server(data: impl Into<String>) -> Self {
        Self { code: -32000, message: "Server error", data: data.into() }
    }

    /// The whole answer. Without an id where none could be read.
    pub(crate) fn answer(&self, id: Option<&Id>) -> Vec<u8> {
        let mut json = Json::default();
        json.object(|object| {
            object.string("jsonrpc", "2.0");
            if let Some(id) = id {
                id.write(object.key("id"));
            }
            object.object("error", |object| {
                object.number("code", self.code);
                object.string("message", self.message);
                if !self.data.is_empty() {
                    object.string("data", &self.data);
                }
            });
        });
        json.into_bytes()
    }
}

/// The beginning of a successful answer, up to its result; `}` ends it.
pub(crate) fn begin(id: &Id) -> Json {
    let mut json = Json::with_capacity(256);
    json.raw(b"{\"jsonrpc\":\"2.0\",\"id\":");
    id.write(&mut json);
    json.raw(b",\"result\":");
    json
}

/// A successful answer whose result `write` writes, or the answer to its failure.
pub(crate) fn answer(id: &Id, write: impl FnOnce(&mut Json) -> Result<(), String>) -> Vec<u8> {
    let mut json = begin(id);
    match write(&mut json) {
        Ok(()) => {
            json.raw(b"}");
            json.into_bytes()
        }
        Err(error) => Failure::internal(error).answer(Some(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_cometbfts_members_in_its_order() {
        let id = Id::Text("a".to_owned());
        let ok = answer(&id, |json| {
            json.object(|_| ());
            Ok(())
        });
        assert_eq!(ok, br#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
        let failed = answer(&Id::NONE, |_| Err("no".to_owned()));
        let expected = br#"{"jsonrpc":"2.0","id":-1,"error":{"code":-32603,"message":"Internal error","data":"no"}}"#;
        assert_eq!(failed, expected);
        assert_eq!(
            Failure::method_not_found().answer(None),
            br#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"}}"#
        );
    }
}
