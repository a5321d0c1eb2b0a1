//! Questions to the state machine (`rpc/core/abci.go`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use plume_engine::{QueryError, Reader};
use plume_primitives::Height;

use super::State;
use crate::json::Json;
use crate::render;

/// `sdk/18`, `ErrInvalidRequest`.
const INVALID_REQUEST: u32 = 18;

/// `undefined/111222`, what the SDK answers when a handler panics.
const PANIC: u32 = 111_222;

impl<R: Reader> State<R> {
    /// Height 0 is the last committed one. A refusal is an answer with a code, not an error.
    pub(super) fn abci_query(
        &self,
        path: &str,
        data: &[u8],
        height: i64,
        prove: bool,
        json: &mut Json,
    ) -> Result<(), String> {
        let answered = catch_unwind(AssertUnwindSafe(|| {
            let height = Height::try_from(height).map_err(|_| negative_height())?;
            self.env.reader.query(path, data, Some(height).filter(|height| *height != Height::ZERO), prove)
        }));
        let answered = answered.unwrap_or_else(|_| Err(panicked(path)));
        json.object(|object| {
            let json = object.key("response");
            match &answered {
                Ok(answer) => render::query(json, answer),
                Err(error) => render::query_refused(json, error, self.env.reader.info().height),
            }
        });
        Ok(())
    }

    pub(super) fn abci_info(&self, json: &mut Json) -> Result<(), String> {
        let info = self.env.reader.info();
        json.object(|object| render::abci_info(object.key("response"), &info));
        Ok(())
    }
}

/// The SDK's answer to a query below height 0.
fn negative_height() -> QueryError {
    const MESSAGE: &str = "cannot query with height < 0; please provide a valid height: invalid request";
    QueryError {
        codespace: "sdk".to_owned(),
        code: INVALID_REQUEST,
        grpc_code: 2,
        message: MESSAGE.to_owned(),
        log: MESSAGE.to_owned(),
    }
}

fn panicked(path: &str) -> QueryError {
    tracing::error!(path, "a query panicked");
    let message = "panic in the query's handler".to_owned();
    QueryError { codespace: "undefined".to_owned(), code: PANIC, grpc_code: 2, log: message.clone(), message }
}
