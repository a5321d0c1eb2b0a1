//! The three files of `config` as text: their defaults, what the environment says instead, and what they may hold.

use anyhow::{Context, Result, bail};
use plume_home::config::{Config, Settings};
use toml::{Table, Value};

use crate::cli::ConfigFile;
use crate::home::{AppConfig, ClientConfig};

/// Prefix of environment variables.
const PREFIX: &str = "PLUMED";

/// Settings of the SDK's `app.toml` that tools write and that have no effect here. They are accepted, so that such a file
/// is not refused for them; `*` stands for all keys of a section.
const WITHOUT_EFFECT: &[&str] = &[
    "app-db-backend",
    "iavl-cache-size",
    "iavl-disable-fastnode",
    "index-events",
    "inter-block-cache",
    "pruning-interval",
    "mempool.*",
    "rosetta.*",
    "store.*",
    "streaming.*",
];

impl ConfigFile {
    /// All files.
    pub const ALL: [Self; 3] = [Self::App, Self::Client, Self::Config];

    /// Name in the folder `config`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::App => "app.toml",
            Self::Client => "client.toml",
            Self::Config => "config.toml",
        }
    }

    /// The file of a new node.
    pub fn defaults(self) -> String {
        match self {
            Self::App => AppConfig::default().to_toml(),
            Self::Client => ClientConfig::default().to_toml(),
            Self::Config => Config::default().to_toml(),
        }
    }

    /// The settings of a new node.
    pub fn default_table(self) -> Table {
        self.defaults().parse().expect("a test parses the same text")
    }

    /// Checks what a node or a client would check on start; the environment is left out.
    pub fn validate(self, text: &str) -> Result<()> {
        match self {
            Self::App => AppConfig::from_table(text.parse()?).map(|_| ()),
            Self::Client => ClientConfig::from_table(text.parse()?).map(|_| ()),
            Self::Config => {
                let (settings, warnings) = Settings::from_toml(text)?;
                if let Some(warning) = warnings.first() {
                    bail!("{warning}");
                }
                Ok(settings.validate()?)
            }
        }
    }
}

/// Takes settings out that have no effect here; returns their names.
pub fn remove_without_effect(table: &mut Table) -> Vec<String> {
    let mut removed = Vec::new();
    for name in WITHOUT_EFFECT {
        let (section, is_section) = name.strip_suffix(".*").map_or((*name, false), |section| (section, true));
        let found = table.get(section).is_some_and(|value| value.is_table() == is_section);
        if found && table.remove(section).is_some() {
            removed.push(section.to_owned());
        }
    }
    removed
}

/// Puts values of the environment into `table`: `PLUMED_STATE_SYNC_SNAPSHOT_INTERVAL` for
/// `state-sync.snapshot-interval`. `defaults` says which settings there are and of which type.
///
/// # Errors
/// A value of another type than the setting has.
pub fn apply_environment(table: &mut Table, defaults: &Table, variable: impl Fn(&str) -> Option<String>) -> Result<()> {
    for (path, default) in leaves(defaults) {
        let name = variable_name(PREFIX, &path);
        let Some(text) = variable(&name) else { continue };
        let value = read_as(&default, &text).with_context(|| format!("{name}={text} (for {})", path.join(".")))?;
        insert(table, &path, value);
    }
    Ok(())
}

/// Settings of `config.toml` that the environment has, as arguments of the Raft engine: `--p2p.laddr=..`.
pub fn engine_arguments() -> Vec<String> {
    engine_environment().map(|(path, text)| format!("--{}={text}", path.join("."))).collect()
}

/// The same settings for CometBFT, which reads them from `CMT_P2P_LADDR` and the like.
pub fn cometbft_environment() -> Vec<(String, String)> {
    engine_environment().map(|(path, text)| (variable_name("CMT", &path), text)).collect()
}

fn engine_environment() -> impl Iterator<Item = (Vec<String>, String)> {
    let settings = leaves(&ConfigFile::Config.default_table()).into_iter();
    // What the program itself takes from these variables is no level and form of CometBFT's.
    let settings = settings.filter(|(path, _)| path != &["log_level"] && path != &["log_format"]);
    settings.filter_map(|(path, _)| Some((path.clone(), std::env::var(variable_name(PREFIX, &path)).ok()?)))
}

fn variable_name(prefix: &str, path: &[String]) -> String {
    format!("{prefix}_{}", path.join("_").replace(['-', '.'], "_").to_uppercase())
}

/// All settings with their values, by path.
pub fn leaves(table: &Table) -> Vec<(Vec<String>, Value)> {
    let mut all = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => all.extend(leaves(inner).into_iter().map(|(mut path, value)| {
                path.insert(0, name.clone());
                (path, value)
            })),
            value => all.push((vec![name.clone()], value.clone())),
        }
    }
    all
}

/// `text` as a value of the same type as `like`.
///
/// # Errors
/// What is wanted instead.
pub fn read_as(like: &Value, text: &str) -> Result<Value> {
    Ok(match like {
        Value::Integer(_) => Value::Integer(text.parse().context("a whole number is wanted")?),
        Value::Boolean(_) => Value::Boolean(text.parse().context("true or false is wanted")?),
        Value::Float(_) => Value::Float(text.parse().context("a number is wanted")?),
        Value::Array(items) => {
            let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
            let like = items.first().cloned().unwrap_or_else(|| Value::String(String::new()));
            let parts = inner.split(',').map(|part| part.trim().trim_matches('"')).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| read_as(&like, part)).collect::<Result<_>>()?)
        }
        _ => Value::String(text.to_owned()),
    })
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    let Some((last, sections)) = path.split_last() else { return };
    let mut at = table;
    for section in sections {
        let inner = at.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = inner else { return };
        at = inner;
    }
    at.insert(last.clone(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_files() {
        for file in ConfigFile::ALL {
            file.validate(&file.defaults()).unwrap_or_else(|error| panic!("{}: {error:#}", file.file_name()));
            assert!(!file.default_table().is_empty());
        }
    }

    #[test]
    fn environment_overrides_by_name_and_type() {
        let mut table: Table = "minimum-gas-prices = \"1a\"".parse().unwrap();
        let variables = |name: &str| match name {
            "PLUMED_MINIMUM_GAS_PRICES" => Some("2b".to_owned()),
            "PLUMED_STATE_SYNC_SNAPSHOT_INTERVAL" => Some("7".to_owned()),
            _ => None,
        };
        apply_environment(&mut table, &ConfigFile::App.default_table(), variables).unwrap();
        assert_eq!(table["minimum-gas-prices"].as_str(), Some("2b"));
        assert_eq!(table["state-sync"]["snapshot-interval"].as_integer(), Some(7));

        let wrong = |name: &str| (name == "PLUMED_MIN_RETAIN_BLOCKS").then(|| "many".to_owned());
        let error = apply_environment(&mut table, &ConfigFile::App.default_table(), wrong).unwrap_err();
        assert!(format!("{error:#}").contains("PLUMED_MIN_RETAIN_BLOCKS=many"), "{error:#}");
    }

    #[test]
    fn settings_of_the_sdk_without_effect_are_accepted() {
        let text = "iavl-cache-size = 5\npruning = \"nothing\"\n[streaming.abci]\nkeys = []\n[mempool]\nmax-txs = 1\n";
        ConfigFile::App.validate(text).unwrap();
        let misspelt = ConfigFile::App.validate("[mempol]\nmax-txs = 1\n").unwrap_err();
        assert!(format!("{misspelt:#}").contains("mempol"), "{misspelt:#}");
    }
}
