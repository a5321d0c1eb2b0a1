use std::collections::BTreeMap;

use plume_engine::Fatal;
use serde_json::Value;

/// `app_state`: one JSON value for each module, by name.
pub type AppState = BTreeMap<String, Value>;

/// Reads the text of `app_state`.
///
/// # Errors
/// Text that is no JSON object.
pub fn parse_app_state(text: &[u8]) -> Result<AppState, Fatal> {
    if text.is_empty() {
        return Ok(AppState::new());
    }
    serde_json::from_slice(text).map_err(|e| Fatal::new(format!("app_state is not a JSON object of modules: {e}")))
}
