//! Showing and changing settings.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};
use toml::{Table, Value};
use toml_edit::{DocumentMut, Item};

use crate::cli::{ConfigCommand, ConfigFile, OutputFormat};
use crate::config_file::{leaves, read_as};
use crate::home::Home;
use crate::output;

/// Shows or changes settings.
pub fn run(home: &Home, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Get { file, key, output } => get(home, file, key.as_deref(), output),
        ConfigCommand::Set { file, key, value, stdout, verbose, skip_validate } => {
            set(home, file, &Change { key, value, stdout, verbose, skip_validate })
        }
        ConfigCommand::Diff { file, output } => diff(home, &chosen(file), output),
        ConfigCommand::View { file, output_format } => {
            let text = read(home, file)?;
            if output_format == "json" {
                println!("{}", to_json(&Value::Table(table(home, file)?)));
            } else {
                print!("{text}");
            }
            Ok(())
        }
        ConfigCommand::Home => {
            println!("{}", home.path().display());
            Ok(())
        }
        ConfigCommand::Migrate { file, stdout } => {
            chosen(file).into_iter().try_for_each(|file| migrate(home, file, stdout))
        }
    }
}

fn chosen(file: Option<ConfigFile>) -> Vec<ConfigFile> {
    file.map_or_else(|| ConfigFile::ALL.to_vec(), |file| vec![file])
}

fn read(home: &Home, file: ConfigFile) -> Result<String> {
    let path = home.config_file(file);
    fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}: run `plumed init` first, or name the home with --home", path.display())
    })
}

fn table(home: &Home, file: ConfigFile) -> Result<Table> {
    read(home, file)?.parse().with_context(|| format!("{} is malformed", home.config_file(file).display()))
}

fn get(home: &Home, file: ConfigFile, key: Option<&str>, format: OutputFormat) -> Result<()> {
    let table = Value::Table(table(home, file)?);
    let Some(key) = key else {
        output::print(&to_json(&table), format);
        return Ok(());
    };
    let found = key.split('.').try_fold(&table, |at, name| at.get(name));
    let value = found.with_context(|| unknown(file, key))?;
    match (value, format) {
        (Value::String(text), OutputFormat::Text) => println!("{text}"),
        (value, _) => output::print(&to_json(value), format),
    }
    Ok(())
}

/// The text of a file with one setting changed; what does not exist is refused.
pub fn with_setting(text: &str, file: ConfigFile, key: &str, value: &str) -> Result<String> {
    let mut document: DocumentMut = text.parse().with_context(|| format!("{} is malformed", file.file_name()))?;
    let names: Vec<&str> = key.split('.').collect();
    let defaults = Value::Table(file.default_table());
    let like = names.iter().try_fold(&defaults, |at, name| at.get(*name)).with_context(|| unknown(file, key))?;
    put(&mut document, &names, &read_as(like, value).with_context(|| format!("{key} {value}"))?)?;
    let changed = document.to_string();
    file.validate(&changed).with_context(|| format!("{} would not be valid", file.file_name()))?;
    Ok(changed)
}

/// Changes settings of a file of the home, comments kept.
pub fn change(home: &Home, file: ConfigFile, settings: &[(&str, &str)]) -> Result<()> {
    let text =
        settings.iter().try_fold(read(home, file)?, |text, (key, value)| with_setting(&text, file, key, value))?;
    write(home, file, &text, false)
}

struct Change {
    key: String,
    value: String,
    stdout: bool,
    verbose: bool,
    skip_validate: bool,
}

fn set(home: &Home, file: ConfigFile, change: &Change) -> Result<()> {
    let path = home.config_file(file);
    let malformed = || format!("{} is malformed", path.display());
    let text = read(home, file)?;
    let mut document: DocumentMut = text.parse().with_context(malformed)?;
    let present: Table = text.parse().with_context(malformed)?;
    let names: Vec<&str> = change.key.split('.').collect();
    let find = |table: Table| {
        let table = Value::Table(table);
        names.iter().try_fold(&table, |at, name| at.get(*name)).cloned()
    };
    let like = find(file.default_table()).or_else(|| find(present));
    ensure!(like.as_ref().is_none_or(|like| !like.is_table()), "{} is a section: name a key in it", change.key);
    if like.is_none() && !change.skip_validate {
        bail!("{}", unknown(file, &change.key));
    }
    let like = like.unwrap_or_else(|| Value::String(String::new()));
    let value = read_as(&like, &change.value).with_context(|| format!("{} {}", change.key, change.value))?;
    put(&mut document, &names, &value)?;
    let changed = document.to_string();
    if !change.skip_validate {
        file.validate(&changed).with_context(|| format!("{} would not be valid", path.display()))?;
    }
    if change.verbose {
        eprintln!("{}: {} = {value}", path.display(), change.key);
    }
    write(home, file, &changed, change.stdout)
}

/// Sets a value where it stands, keeping the comments around it.
fn put(document: &mut DocumentMut, names: &[&str], value: &Value) -> Result<()> {
    let (last, sections) = names.split_last().context("a key has a name")?;
    let mut at = document.as_table_mut();
    for section in sections {
        at = at
            .entry(section)
            .or_insert_with(toml_edit::table)
            .as_table_mut()
            .with_context(|| format!("{section} is not a section"))?;
    }
    let new: toml_edit::Value = value.to_string().parse().context("the value has no TOML")?;
    match at.get_mut(last) {
        Some(Item::Value(old)) => {
            let decor = old.decor().clone();
            *old = new;
            *old.decor_mut() = decor;
        }
        _ => drop(at.insert(last, toml_edit::value(new))),
    }
    Ok(())
}

fn write(home: &Home, file: ConfigFile, text: &str, stdout: bool) -> Result<()> {
    if stdout {
        print!("{text}");
        return Ok(());
    }
    let path = home.config_file(file);
    // Beside it and renamed, so that a crash leaves one of the two.
    let new = path.with_extension("toml.new");
    fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
}

fn diff(home: &Home, files: &[ConfigFile], format: OutputFormat) -> Result<()> {
    let mut all = serde_json::Map::new();
    for file in files {
        let defaults = leaves(&file.default_table());
        let present = leaves(&table(home, *file)?);
        let mut rows = Vec::new();
        for (path, value) in &present {
            let default = defaults.iter().find(|(other, _)| other == path).map(|(_, value)| value);
            if default != Some(value) {
                let default = default.map_or(Json::Null, to_json);
                rows.push(json!({"key": path.join("."), "value": to_json(value), "default": default}));
            }
        }
        for (path, value) in &defaults {
            if !present.iter().any(|(other, _)| other == path) {
                rows.push(json!({"key": path.join("."), "value": null, "default": to_json(value)}));
            }
        }
        all.insert(file.file_name().to_owned(), json!(rows));
    }
    output::print(&Json::Object(all), format);
    Ok(())
}

/// The defaults of this version with the values that the file has.
pub fn migrate(home: &Home, file: ConfigFile, stdout: bool) -> Result<()> {
    let mut document: DocumentMut = file.defaults().parse().context("the defaults are TOML")?;
    let defaults = leaves(&file.default_table());
    for (path, value) in leaves(&table(home, file)?) {
        if defaults.iter().any(|(other, _)| *other == path) {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            put(&mut document, &names, &value)?;
        } else {
            eprintln!("{}: {} is not known and is left out", home.config_file(file).display(), path.join("."));
        }
    }
    let text = document.to_string();
    file.validate(&text).with_context(|| format!("{} cannot be migrated", home.config_file(file).display()))?;
    write(home, file, &text, stdout)
}

fn unknown(file: ConfigFile, key: &str) -> String {
    let names: Vec<String> = leaves(&file.default_table()).into_iter().map(|(path, _)| path.join(".")).collect();
    let nearest = names.iter().min_by_key(|name| distance(name, key)).filter(|name| distance(name, key) <= 4);
    let hint = nearest.map_or(String::new(), |name| format!("; did you mean {name}?"));
    format!("{} has no setting {key}{hint}", file.file_name())
}

/// Letters to insert, remove or replace to come from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::String(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Boolean(flag) => json!(flag),
        Value::Datetime(time) => json!(time.to_string()),
        Value::Array(values) => values.iter().map(to_json).collect(),
        Value::Table(table) => Json::Object(table.iter().map(|(name, value)| (name.clone(), to_json(value))).collect()),
    }
}
