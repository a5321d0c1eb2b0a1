//! A transaction with one message, derived from its descriptor.

use anyhow::{Context, Result};
use plume_codec::from_json;
use plume_proto::Any;
use serde_json::{Value, json};

use super::flow;
use crate::autocli::{AutoTx, argument_id, custom_form, json_of};
use crate::cli::TxArgs;
use crate::commands::keys;
use crate::home::Home;

/// Makes the message of the arguments and takes it as far as the flags say.
pub fn run(home: &Home, message: &AutoTx) -> Result<()> {
    let (method, matches, args) = (&message.chosen.method, &message.chosen.matches, &*message.args);
    let input = method.input();
    let keyring = keys::open(home, &args.keyring)?;
    let address_of = |text: &str| keys::address_of(&keyring, text);
    let (from, mut fields) = match custom_form(&method.path()) {
        Some(custom) => (custom.build)(matches, &address_of)?,
        None => {
            // A signer that has an argument of its own is the key to sign with, too.
            let given = method.signer.as_ref().map(argument_id);
            let given = given.and_then(|id| matches.try_get_one::<String>(&id).ok().flatten()).cloned();
            (given.map_or_else(|| named(args), Ok)?, json_of(&input, matches, &address_of)?)
        }
    };
    flow::run(home, args, &from, |address| {
        if let Some(signer) = &method.signer {
            fields.insert(signer.name().to_owned(), json!(address));
        }
        let value = from_json(input.full_name(), &Value::Object(fields))?;
        Ok(vec![Any { type_url: format!("/{}", input.full_name()), value }])
    })
}

fn named(args: &TxArgs) -> Result<String> {
    args.from.clone().context("name the key that signs with --from")
}
