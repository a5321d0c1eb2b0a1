//! The text of the generated files.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::collect::Package;
use crate::options::{flag, text};

const HEADER: &str = "// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.\n\n";

/// One package: its enumerations, then its messages.
pub fn package(pool: &DescriptorPool, package: &Package, runtime: &str) -> Result<String> {
    let mut out = format!("{HEADER}import {{ message, type MessageType }} from \"{runtime}\";\n");
    for other in imports(package) {
        writeln!(out, "import * as {} from \"./{other}\";", module(&other))?;
    }
    for values in package.enums.values() {
        writeln!(out, "\nexport enum {} {{", local(values.full_name(), &package.name))?;
        for value in values.values() {
            writeln!(out, "  {} = {},", value.name(), value.number())?;
        }
        out.push_str("}\n");
    }
    for descriptor in package.messages.values() {
        message(&mut out, pool, package, descriptor).with_context(|| descriptor.full_name().to_owned())?;
    }
    Ok(out)
}

/// Other packages that the fields speak of.
fn imports(package: &Package) -> BTreeSet<String> {
    let fields = package.messages.values().flat_map(|message| message.fields().collect::<Vec<_>>());
    let used = fields.filter_map(|field| match field.kind() {
        Kind::Message(inner) => Some(inner.package_name().to_owned()),
        Kind::Enum(values) => Some(values.package_name().to_owned()),
        _ => None,
    });
    used.filter(|used| *used != package.name).collect()
}

fn message(out: &mut String, pool: &DescriptorPool, package: &Package, descriptor: &MessageDescriptor) -> Result<()> {
    let name = local(descriptor.full_name(), &package.name);
    let mut fields: Vec<_> = descriptor.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    if fields.is_empty() {
        // An interface without members would take anything.
        writeln!(out, "\nexport type {name} = Record<string, never>;")?;
    } else {
        writeln!(out, "\nexport interface {name} {{")?;
        for field in &fields {
            let (property, value) = (field.json_name(), value_type(field, &package.name)?);
            if field.is_list() {
                writeln!(out, "  {property}: {value}[];")?;
            } else if is_optional(field) || matches!(field.kind(), Kind::Message(_)) {
                writeln!(out, "  {property}?: {value} | undefined;")?;
            } else {
                writeln!(out, "  {property}: {value};")?;
            }
        }
        out.push_str("}\n");
    }
    writeln!(out, "\nexport const {name}: MessageType<{name}> = message<{name}>(\"{}\", [", descriptor.full_name())?;
    for field in &fields {
        writeln!(out, "  {{ {} }},", table(pool, field, &package.name)?.join(", "))?;
    }
    out.push(']');
    let options = descriptor.options();
    let amino = text(pool, &options, "amino.name").map(|amino| format!("amino: \"{amino}\""));
    let shape = shape(pool, descriptor)?.map(|shape| format!("shape: \"{shape}\""));
    let options: Vec<_> = amino.into_iter().chain(shape).collect();
    if !options.is_empty() {
        write!(out, ", {{ {} }}", options.join(", "))?;
    }
    out.push_str(");\n");
    Ok(())
}

fn shape(pool: &DescriptorPool, descriptor: &MessageDescriptor) -> Result<Option<&'static str>> {
    Ok(match descriptor.full_name() {
        "google.protobuf.Any" => Some("any"),
        "google.protobuf.Duration" => Some("duration"),
        "google.protobuf.Timestamp" => Some("timestamp"),
        _ => match text(pool, &descriptor.options(), "amino.message_encoding").as_deref() {
            None => None,
            Some("key_field") => Some("key"),
            Some("threshold_string") => Some("threshold"),
            Some(other) => bail!("amino.message_encoding {other:?} is not supported"),
        },
    })
}

/// The entries of a field's line in the table.
fn table(pool: &DescriptorPool, field: &FieldDescriptor, package: &str) -> Result<Vec<String>> {
    let options = field.options();
    let amino = text(pool, &options, "amino.field_name").unwrap_or_else(|| field.name().to_owned());
    let mut entries = vec![
        format!("no: {}", field.number()),
        format!("name: \"{}\"", field.json_name()),
        format!("amino: \"{amino}\""),
        format!("type: {}", wire_type(field, package)?),
    ];
    if field.is_list() {
        entries.push("repeated: true".to_owned());
    }
    if is_optional(field) {
        entries.push("optional: true".to_owned());
    }
    if flag(pool, &options, "amino.dont_omitempty") {
        entries.push("keep: true".to_owned());
    }
    let scalar = text(pool, &options, "cosmos_proto.scalar").unwrap_or_default();
    let custom = text(pool, &options, "gogoproto.customtype").unwrap_or_default();
    // A decimal that is declared by its scalar alone already travels as text with a point.
    match (scalar.as_str(), custom.as_str()) {
        (_, "cosmossdk.io/math.LegacyDec") => entries.push("number: \"dec\"".to_owned()),
        ("cosmos.Int", _) | (_, "cosmossdk.io/math.Int") => entries.push("number: \"int\"".to_owned()),
        _ => {}
    }
    match text(pool, &options, "amino.encoding").as_deref() {
        None => {}
        Some(encoding @ ("legacy_coins" | "inline_json")) => entries.push(format!("encoding: \"{encoding}\"")),
        Some(other) => bail!("{}: amino.encoding {other:?} is not supported", field.name()),
    }
    if let Some(oneof) = field.containing_oneof().filter(|_| !field.field_descriptor_proto().proto3_optional()) {
        let member = text(pool, &options, "amino.oneof_name");
        let member = member.with_context(|| format!("{}: no amino.oneof_name", field.name()))?;
        entries.push(format!("oneof: [\"{}\", \"{member}\"]", camel(oneof.name())));
    }
    Ok(entries)
}

/// Knows the difference between unset and empty.
fn is_optional(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some()
}

fn wire_type(field: &FieldDescriptor, package: &str) -> Result<String> {
    Ok(match field.kind() {
        Kind::Message(inner) => format!("() => {}", reference(inner.full_name(), inner.package_name(), package)),
        Kind::Enum(_) => "\"enum\"".to_owned(),
        Kind::Float | Kind::Double => bail!("{}: floating point numbers are not supported", field.name()),
        scalar => format!("\"{}\"", format!("{scalar:?}").to_ascii_lowercase()),
    })
}

fn value_type(field: &FieldDescriptor, package: &str) -> Result<String> {
    Ok(match field.kind() {
        Kind::Message(inner) => reference(inner.full_name(), inner.package_name(), package),
        Kind::Enum(values) => reference(values.full_name(), values.package_name(), package),
        Kind::String => "string".to_owned(),
        Kind::Bytes => "Uint8Array".to_owned(),
        Kind::Bool => "boolean".to_owned(),
        Kind::Float | Kind::Double => bail!("{}: floating point numbers are not supported", field.name()),
        Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => "bigint".to_owned(),
        _ => "number".to_owned(),
    })
}

/// How a type is spoken of inside `package`.
fn reference(full_name: &str, of: &str, package: &str) -> String {
    let name = local(full_name, of);
    if of == package { name } else { format!("{}.{name}", module(of)) }
}

/// The name inside its package; a nested type carries its parent's name.
fn local(full_name: &str, package: &str) -> String {
    let inside = full_name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.'));
    inside.unwrap_or(full_name).replace('.', "_")
}

/// The name under which a package is imported and exported: `plume.params.v1` becomes `plumeParamsV1`.
fn module(package: &str) -> String {
    let name = camel(&package.replace('.', "_"));
    let (first, rest) = name.split_at(name.len().min(1));
    format!("{}{rest}", first.to_ascii_lowercase())
}

/// `public_key` becomes `PublicKey`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let (first, rest) = word.split_at(word.len().min(1));
        out.push_str(&first.to_ascii_uppercase());
        out.push_str(rest);
    }
    out
}

/// The lists of all types, of the own ones, and of those that a transaction may carry.
pub fn index(pool: &DescriptorPool, packages: &[Package], runtime: &str) -> String {
    let requests: BTreeSet<String> = pool
        .services()
        .filter(|service| flag(pool, &service.options(), "cosmos.msg.v1.service"))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| method.input().full_name().to_owned())
        .collect();
    let mut out = format!("{HEADER}import type {{ MessageType }} from \"{runtime}\";\n");
    for package in packages {
        out.push_str(&format!("import * as {} from \"./{}\";\n", module(&package.name), package.name));
    }
    let own: Vec<_> = packages.iter().filter(|package| package.is_own()).map(|own| module(&own.name)).collect();
    out.push_str(&format!("\nexport {{ {} }};\n", own.join(", ")));
    let mut list = |name: &str, about: &str, wanted: &dyn Fn(&Package, &str) -> bool| {
        out.push_str(&format!("\n/** {about} */\nexport const {name}: readonly MessageType<any>[] = [\n"));
        for package in packages {
            for full_name in package.messages.keys().filter(|full_name| wanted(package, full_name)) {
                out.push_str(&format!("  {}.{},\n", module(&package.name), local(full_name, &package.name)));
            }
        }
        out.push_str("];\n");
    };
    list("allTypes", "Every message that the own ones lead to.", &|_, _| true);
    list("ownTypes", "The chain's own messages.", &|package, _| package.is_own());
    list("transactionTypes", "Those that a transaction may carry.", &|package, full_name| {
        package.is_own() && requests.contains(full_name)
    });
    out
}
