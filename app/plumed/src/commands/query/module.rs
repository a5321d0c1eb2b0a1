//! A query of a module, derived from its descriptor.

use anyhow::{Result, bail};
use plume_codec::{from_json, to_json};
use serde_json::{Value, json};

use super::Client;
use crate::autocli::{AutoQuery, json_of};
use crate::cli::{KeyringArgs, PageArgs};
use crate::commands::keys;
use crate::home::Home;
use crate::output;

/// Asks the node and prints its answer.
pub fn run(home: &Home, query: &AutoQuery) -> Result<()> {
    let method = &query.chosen.method;
    let input = method.input();
    let address_of = |text: &str| {
        let keyring = keys::open(home, &KeyringArgs::default())?;
        // What is neither is left to the node, which knows its own prefix.
        Ok(keys::find_address(&keyring, text)?.unwrap_or_else(|| text.to_owned()))
    };
    let mut fields = json_of(&input, &query.chosen.matches, &address_of)?;
    if let Some(page) = &query.page {
        for field in input.fields().filter(crate::autocli::is_page) {
            fields.insert(field.name().to_owned(), pagination(page));
        }
    }
    let data = from_json(input.full_name(), &Value::Object(fields))?;
    let client = Client::of(home, &query.args.node)?;
    let answer = client.rpc.abci_query(&method.path(), &data, query.args.height, false)?;
    if answer.code != 0 {
        bail!("{} ({}/{})", answer.log, answer.codespace, answer.code);
    }
    output::print(&to_json(method.descriptor.output().full_name(), &answer.value)?, client.format);
    Ok(())
}

fn pagination(page: &PageArgs) -> Value {
    let skipped = page.page.saturating_sub(1).saturating_mul(page.page_limit);
    json!({
        "key": page.page_key.as_deref().unwrap_or_default(),
        "offset": page.page_offset.max(skipped).to_string(),
        "limit": page.page_limit.to_string(),
        "count_total": page.page_count_total,
        "reverse": page.page_reverse,
    })
}
