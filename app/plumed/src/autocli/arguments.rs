//! A request's JSON from the arguments of its command.

use anyhow::{Context, Result, ensure};
use clap::ArgMatches;
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::value::Syntax;

/// Id of a field's argument; the prefix keeps it apart from the flags that all commands have.
pub fn id(field: &FieldDescriptor) -> String {
    format!("field.{}", field.name())
}

/// Finds the address behind what a user wrote: an address, or the name of a key.
pub type AddressOf<'a> = &'a dyn Fn(&str) -> Result<String>;

/// The JSON of `message` from the arguments in `matches`; what is not given is left out.
///
/// # Errors
/// A value of another form than its field has, by name.
pub fn json_of(
    message: &MessageDescriptor,
    matches: &ArgMatches,
    address_of: AddressOf<'_>,
) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for field in message.fields() {
        let id = id(&field);
        // A field that pages or signs has no argument of its own.
        let Ok(Some(texts)) = matches.try_get_many::<String>(&id) else { continue };
        let syntax = Syntax::of(&field);
        let mut values = Vec::new();
        for text in texts {
            let read = syntax.read(text, address_of).with_context(|| format!("argument {}", field.name()))?;
            values.extend(read);
        }
        fields.insert(field.name().to_owned(), whole(&field, &syntax, values)?);
    }
    Ok(fields)
}

fn whole(field: &FieldDescriptor, syntax: &Syntax, mut values: Vec<Value>) -> Result<Value> {
    if field.is_list() {
        // Coins given apart from each other are one sum in the order of their denominations.
        if *syntax == Syntax::Coin {
            values.sort_by(|a, b| a["denom"].as_str().cmp(&b["denom"].as_str()));
        }
        return Ok(json!(values));
    }
    ensure!(values.len() == 1, "argument {}: one value is wanted, {} are given", field.name(), values.len());
    Ok(values.remove(0))
}
