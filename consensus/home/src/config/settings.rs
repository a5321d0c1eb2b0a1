//! Reading `config.toml`, whoever wrote it, with the flags of `start` on top.

use core::fmt;

use toml::{Table, Value};

use super::sections::{
    Base, BlockSync, Consensus, Fields, Instrumentation, Mempool, P2p, Rpc, StateSync, Storage, TxIndex,
};
use super::value::Setting;

/// `config.toml`, typed; absent keys have CometBFT's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Keys before the first section.
    pub base: Base,
    /// `[rpc]`.
    pub rpc: Rpc,
    /// `[p2p]`.
    pub p2p: P2p,
    /// `[mempool]`.
    pub mempool: Mempool,
    /// `[statesync]`.
    pub statesync: StateSync,
    /// `[blocksync]`.
    pub blocksync: BlockSync,
    /// `[consensus]`.
    pub consensus: Consensus,
    /// `[storage]`.
    pub storage: Storage,
    /// `[tx_index]`.
    pub tx_index: TxIndex,
    /// `[instrumentation]`.
    pub instrumentation: Instrumentation,
}

/// A setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML.
    #[error("not TOML: {0}")]
    Toml(String),
    /// A value of another type, or out of range.
    #[error("{key}: {allowed} expected, got {got}")]
    Value {
        /// `section.key`.
        key: String,
        /// What it takes.
        allowed: String,
        /// What was given.
        got: String,
    },
    /// Values that do not go together, or one that CometBFT refuses.
    #[error("{key}: {rule}")]
    Rule {
        /// `section.key`.
        key: &'static str,
        /// What holds for it.
        rule: &'static str,
    },
    /// A flag that is no setting.
    #[error("unknown setting {0}")]
    UnknownFlag(String),
    /// A flag at the end that needs a value.
    #[error("{0} needs a value")]
    MissingValue(String),
}

/// Something in the file that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// `[section]` of no meaning.
    UnknownSection(String),
    /// `section.key` of no meaning.
    UnknownKey(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSection(name) => write!(f, "config.toml: section [{name}] is unknown and ignored"),
            Self::UnknownKey(name) => write!(f, "config.toml: {name} is unknown and ignored"),
        }
    }
}

impl Settings {
    /// Reads the file; unknown sections and keys are reported and ignored, as CometBFT ignores them.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn from_toml(text: &str) -> Result<(Self, Vec<Warning>), SettingsError> {
        Self::read::<&str>(text, &[])
    }

    /// Reads the file and puts the arguments of `start` on top (`--p2p.laddr tcp://..`, `--rpc.unsafe`,
    /// `--moniker=x`); only the outcome must be valid.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read<S: AsRef<str>>(text: &str, arguments: &[S]) -> Result<(Self, Vec<Warning>), SettingsError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Toml(error.to_string()))?;
        let (mut settings, mut warnings) = (Self::default(), Vec::new());
        for (name, value) in &table {
            match value {
                Value::Table(keys) => match settings.section(name) {
                    Some(mut fields) => {
                        for (key, value) in keys {
                            set(&mut fields, name, key, value, &mut warnings)?;
                        }
                    }
                    None => warnings.push(Warning::UnknownSection(name.clone())),
                },
                _ if settings.section(name).is_some() => {
                    let allowed = format!("a section [{name}]");
                    return Err(SettingsError::Value { key: name.clone(), allowed, got: value.to_string() });
                }
                _ => set(&mut settings.base.fields(), "", name, value, &mut warnings)?,
            }
        }
        settings.apply_arguments(arguments)?;
        settings.validate()?;
        Ok((settings, warnings))
    }

    /// [`Settings::apply_flag`] for each flag of a command line. A true or false setting takes its value behind `=`
    /// only, and is true without one.
    ///
    /// # Errors
    /// [`SettingsError::UnknownFlag`], [`SettingsError::MissingValue`], [`SettingsError::Value`].
    pub fn apply_arguments<S: AsRef<str>>(&mut self, arguments: &[S]) -> Result<(), SettingsError> {
        let mut arguments = arguments.iter().map(AsRef::as_ref);
        while let Some(argument) = arguments.next() {
            if !argument.starts_with("--") {
                return Err(SettingsError::UnknownFlag(argument.to_owned()));
            }
            match argument.split_once('=') {
                Some((flag, text)) => self.apply_flag(flag, text)?,
                None if self.with_flag(argument, |_, setting| setting.is_switch())? => {
                    self.apply_flag(argument, "true")?;
                }
                None => {
                    let missing = || SettingsError::MissingValue(argument.to_owned());
                    self.apply_flag(argument, arguments.next().ok_or_else(missing)?)?;
                }
            }
        }
        Ok(())
    }

    /// Sets one setting as `cometbft start --p2p.laddr tcp://..` does: `section.key`, or a key before the sections;
    /// leading dashes are dropped, `-` and `_` are the same, lists are comma separated. [`Settings::validate`] at
    /// the end.
    ///
    /// # Errors
    /// [`SettingsError::UnknownFlag`], [`SettingsError::Value`].
    pub fn apply_flag(&mut self, flag: &str, text: &str) -> Result<(), SettingsError> {
        let value = Value::String(text.to_owned());
        self.with_flag(flag, |key, setting| {
            setting.set(&value).map_err(|allowed| SettingsError::Value { key, allowed, got: value.to_string() })
        })?
    }

    /// Finds the setting of a flag.
    fn with_flag<T>(
        &mut self,
        flag: &str,
        with: impl FnOnce(String, &mut dyn Setting) -> T,
    ) -> Result<T, SettingsError> {
        let unknown = || SettingsError::UnknownFlag(flag.to_owned());
        let path = flag.trim_start_matches('-').replace('-', "_");
        let (section, key) = path.split_once('.').unwrap_or(("", &path));
        let fields = if section.is_empty() { Some(self.base.fields()) } else { self.section(section) };
        let mut fields = fields.ok_or_else(unknown)?;
        let (name, setting) = fields.iter_mut().find(|(name, _)| name.replace('-', "_") == key).ok_or_else(unknown)?;
        let full = if section.is_empty() { (*name).to_owned() } else { format!("{section}.{name}") };
        Ok(with(full, *setting))
    }

    /// CometBFT's rules for single values and for those that must go together (`ValidateBasic`).
    ///
    /// # Errors
    /// [`SettingsError::Rule`].
    pub fn validate(&self) -> Result<(), SettingsError> {
        let Self { base, rpc, mempool, statesync, blocksync, consensus, tx_index, .. } = self;
        let seconds = |duration: core::time::Duration| duration.as_secs();
        let of = |text: &str, allowed: &[&str]| allowed.contains(&text);
        let rules = [
            ("log_format", "must be plain or json", of(&base.log_format, &["plain", "json"])),
            ("rpc.experimental_subscription_buffer_size", "must be at least 100", rpc.subscription_buffer_size >= 100),
            (
                "rpc.experimental_websocket_write_buffer_size",
                "must be at least rpc.experimental_subscription_buffer_size",
                rpc.websocket_write_buffer_size >= rpc.subscription_buffer_size,
            ),
            ("mempool.type", "must be flood or nop", of(&mempool.kind, &["flood", "nop", ""])),
            ("blocksync.version", "must be v0", of(&blocksync.version, &["v0"])),
            ("consensus.block_time_tolerance", "must be positive", !consensus.block_time_tolerance.is_zero()),
            ("tx_index.indexer", "must be kv, null or psql", of(&tx_index.indexer, &["kv", "null", "psql"])),
            (
                "consensus.create_empty_blocks",
                "must be true without a mempool (mempool.type is nop)",
                consensus.create_empty_blocks || mempool.kind != "nop",
            ),
        ];
        let with_state_sync = [
            (
                "statesync.discovery_time",
                "must be 0s or at least 5s",
                statesync.discovery_time.is_zero() || seconds(statesync.discovery_time) >= 5,
            ),
            ("statesync.trust_period", "is needed for state sync", !statesync.trust_period.is_zero()),
            ("statesync.trust_height", "is needed for state sync", statesync.trust_height > 0),
            ("statesync.trust_hash", "is needed for state sync", statesync.trust_hash.is_some()),
            ("statesync.chunk_request_timeout", "must be at least 5s", seconds(statesync.chunk_request_timeout) >= 5),
            ("statesync.chunk_fetchers", "must be positive", statesync.chunk_fetchers > 0),
            ("statesync.max_snapshot_chunks", "must be positive", statesync.max_snapshot_chunks > 0),
        ];
        let state_sync = with_state_sync.into_iter().filter(|_| statesync.enable);
        match rules.into_iter().chain(state_sync).find(|(_, _, holds)| !holds) {
            Some((key, rule, _)) => Err(SettingsError::Rule { key, rule }),
            None => Ok(()),
        }
    }

    fn section(&mut self, name: &str) -> Option<Fields<'_>> {
        Some(match name {
            "rpc" => self.rpc.fields(),
            "p2p" => self.p2p.fields(),
            "mempool" => self.mempool.fields(),
            "statesync" => self.statesync.fields(),
            "blocksync" => self.blocksync.fields(),
            "consensus" => self.consensus.fields(),
            "storage" => self.storage.fields(),
            "tx_index" => self.tx_index.fields(),
            "instrumentation" => self.instrumentation.fields(),
            _ => return None,
        })
    }
}

fn set(
    fields: &mut Fields<'_>,
    section: &str,
    key: &str,
    value: &Value,
    warnings: &mut Vec<Warning>,
) -> Result<(), SettingsError> {
    let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    match fields.iter_mut().find(|(name, _)| *name == key) {
        Some((_, setting)) => {
            setting.set(value).map_err(|allowed| SettingsError::Value { key: path, allowed, got: value.to_string() })
        }
        None => {
            warnings.push(Warning::UnknownKey(path));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
