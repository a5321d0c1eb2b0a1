//! The options that descriptors cannot say, in the JSON of `cosmos.autocli.v1.AppOptionsResponse`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Options of all modules.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppOptions {
    /// By the name of the module's command.
    pub module_options: BTreeMap<String, ModuleOptions>,
}

/// Options of one module.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModuleOptions {
    /// Its messages.
    pub tx: Option<ServiceOptions>,
    /// Its queries.
    pub query: Option<ServiceOptions>,
}

/// Options of one service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceOptions {
    /// Full name of the service.
    pub service: String,
    /// Options of methods; one that is not mentioned has the derived ones.
    pub rpc_command_options: Vec<MethodOptions>,
    /// Commands of further services below this one, by name.
    pub sub_commands: BTreeMap<String, ServiceOptions>,
}

/// Options of one method.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MethodOptions {
    /// Name of the method.
    pub rpc_method: String,
    /// Name of the command, then how its arguments are called: `send [from_key_or_address] [to_address] [amount]`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Help in several sentences.
    pub long: String,
    /// Help in one line.
    pub short: String,
    /// An example of a call.
    pub example: String,
    /// Other names of the command.
    pub alias: Vec<String>,
    /// Fields that are given by place, in order.
    pub positional_args: Vec<PositionalArg>,
    /// Options of the other fields' flags, by field.
    pub flag_options: BTreeMap<String, FlagOptions>,
    /// Whether there is no command.
    pub skip: bool,
}

/// A field that is given by place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PositionalArg {
    /// Name of the field.
    pub proto_field: String,
    /// Whether it takes all arguments that are left.
    pub varargs: bool,
    /// Whether it may be left out.
    pub optional: bool,
}

/// How a field's flag is called.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlagOptions {
    /// Another name.
    pub name: String,
    /// Help.
    pub usage: String,
    /// What an absent flag means.
    pub default_value: String,
    /// Whether help does not show it.
    pub hidden: bool,
}

impl AppOptions {
    /// Reads the table.
    ///
    /// # Errors
    /// What is wrong with the JSON, unknown fields included.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
