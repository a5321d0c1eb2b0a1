//! JSON as Go's `encoding/json` and CometBFT's `libs/json` read and write it.
//!
//! Clients compare texts: 64-bit integers are strings, hashes upper-case hex, other bytes base64 or `null`, `<`, `>` and
//! `&` are escaped, keys of requests match without regard to case, and an error names the byte and what was expected
//! there. A general JSON library differs in each of these, so both directions are written out here.

mod read;
mod scan;
mod write;

pub(crate) use read::{Kind, array, as_bool, display, kind, object, object_member, text, trim};
pub(crate) use scan::{SyntaxError, first_value, validate};
pub(crate) use write::{Json, Object};
