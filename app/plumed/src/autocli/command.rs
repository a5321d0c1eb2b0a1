//! clap commands of modules and methods.

use clap::{Arg, ArgAction, ArgGroup, Args, Command};
use prost_reflect::{FieldDescriptor, Kind};

use super::arguments::id;
use super::catalog::{Group, Method, kebab};
use super::custom;
use super::value::Syntax;
use crate::cli::{PageArgs, QueryArgs, TxArgs};

/// Whether a group's methods are messages or queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Below `tx`.
    Tx,
    /// Below `query`.
    Query,
}

/// The command of a module: one below it for each method.
pub fn group(name: &str, group: &Group, tree: Tree, way: &str) -> Command {
    let way = format!("{way} {name}");
    let about = match tree {
        Tree::Tx => format!("Messages of {}", group.service),
        Tree::Query => format!("Queries of {}", group.service),
    };
    let below = group.groups.iter().map(|(name, inner)| self::group(name, inner, tree, &way));
    Command::new(name.to_owned())
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(group.methods.iter().map(|(name, method)| self::method(name, method, tree, &way)))
        .subcommands(below)
        .after_help(format!("Example:\n  {way} {}", group.methods.keys().next().map_or("--help", String::as_str)))
}

/// The command of a method: positional arguments, a flag for each other field, and the flags that all have.
pub fn method(name: &str, method: &Method, tree: Tree, way: &str) -> Command {
    let options = &method.options;
    let command = Command::new(name.to_owned()).visible_aliases(options.alias.clone());
    let common = match tree {
        Tree::Tx => TxArgs::augment_args(command),
        Tree::Query => QueryArgs::augment_args(command),
    };
    if let Some(custom) = custom::find(&method.path()) {
        let example = format!("{way} {name} {} --gas auto --yes", custom.example);
        return described((custom.augment)(common), method, tree, &example);
    }
    let pages = tree == Tree::Query && method.input().fields().any(|field| is_page(&field));
    let mut command = if pages { PageArgs::augment_args(common) } else { common };
    let taken = taken_names(&command);
    let mut example = format!("{way} {name}");
    for (index, argument) in options.positional_args.iter().enumerate() {
        let Some(field) = method.input().get_field_by_name(&argument.proto_field) else { continue };
        example.push_str(&format!(" {}", Syntax::of(&field).example()));
        let name = method.argument_name(index, &argument.proto_field);
        command = command.arg(positional(&field, name, argument.varargs, argument.optional, tree));
    }
    for field in method.input().fields() {
        let by_place = options.positional_args.iter().any(|argument| argument.proto_field == field.name());
        if by_place || (pages && is_page(&field)) || method.signer.as_ref() == Some(&field) {
            continue;
        }
        let (flag, shown) = flag(&field, method, &taken);
        if tree == Tree::Tx && options.positional_args.is_empty() {
            example.push_str(&format!(" --{shown} {}", Syntax::of(&field).example()));
        }
        command = command.arg(flag);
    }
    for oneof in method.input().oneofs() {
        let members: Vec<FieldDescriptor> = oneof.fields().collect();
        let is_synthetic = members.iter().any(|field| field.field_descriptor_proto().proto3_optional());
        if members.len() > 1 && !is_synthetic {
            let ids = members.iter().map(id);
            command = command.group(ArgGroup::new(format!("oneof.{}", oneof.name())).args(ids).multiple(false));
        }
    }
    if tree == Tree::Tx {
        let has_signer =
            options.positional_args.iter().any(|a| method.signer.as_ref().is_some_and(|s| s.name() == a.proto_field));
        example.push_str(if has_signer { " --gas auto --yes" } else { " --from alice --gas auto --yes" });
    } else {
        example.push_str(" --output json");
    }
    described(command, method, tree, &example)
}

/// The command with its help texts.
fn described(command: Command, method: &Method, tree: Tree, example: &str) -> Command {
    let options = &method.options;
    let about = if options.short.is_empty() { derived_about(method, tree) } else { options.short.clone() };
    let command = if options.long.is_empty() { command } else { command.long_about(options.long.clone()) };
    let example = if options.example.is_empty() { example } else { &options.example };
    command.about(about).after_help(format!("Calls {}.\n\nExample:\n  {example}", method.path()))
}

/// Whether the field asks for a page of a list.
pub fn is_page(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == "cosmos.base.query.v1beta1.PageRequest")
}

fn derived_about(method: &Method, tree: Tree) -> String {
    match tree {
        Tree::Tx => format!("Make, sign and broadcast {}", method.input().full_name()),
        Tree::Query => format!("Query {}", method.descriptor.name()),
    }
}

fn taken_names(command: &Command) -> Vec<String> {
    let own = command.get_arguments().flat_map(|argument| {
        let aliases = argument.get_all_aliases().unwrap_or_default();
        argument.get_long().into_iter().chain(aliases).map(str::to_owned).collect::<Vec<_>>()
    });
    // Flags of the whole program.
    own.chain(
        ["home", "log-level", "log_level", "log-format", "log_format", "trace", "help", "version"].map(str::to_owned),
    )
    .collect()
}

fn positional(field: &FieldDescriptor, name: String, varargs: bool, optional: bool, tree: Tree) -> Arg {
    let syntax = Syntax::of(field);
    let argument =
        Arg::new(id(field)).value_name(name).help(help(&syntax)).allow_hyphen_values(syntax == Syntax::Number);
    if varargs {
        // A message without coins says nothing; a query without names asks for all.
        let least = usize::from(tree == Tree::Tx);
        return argument.required(least > 0 && !optional).num_args(least..).action(ArgAction::Append);
    }
    let list = field.is_list() && syntax.has_commas();
    let argument = if list { argument.value_delimiter(',').action(ArgAction::Append) } else { argument };
    argument.required(!optional).num_args(1)
}

/// A field's flag, and its name. A name that all commands have already gets `field-` in front.
fn flag(field: &FieldDescriptor, method: &Method, taken: &[String]) -> (Arg, String) {
    let options = method.options.flag_options.get(field.name()).cloned().unwrap_or_default();
    let plain = if options.name.is_empty() { kebab(field.name()) } else { options.name };
    let name = if taken.contains(&plain) { format!("field-{plain}") } else { plain };
    let syntax = Syntax::of(field);
    let about = if options.usage.is_empty() { help(&syntax) } else { options.usage };
    let mut argument = Arg::new(id(field))
        .long(name.clone())
        .value_name(kebab(field.name()).to_uppercase())
        .help(about)
        .hide(options.hidden)
        .allow_hyphen_values(syntax == Syntax::Number)
        .help_heading("Fields");
    if !options.default_value.is_empty() {
        argument = argument.default_value(options.default_value);
    }
    if field.is_list() {
        argument = argument.action(ArgAction::Append);
        if syntax.has_commas() {
            argument = argument.value_delimiter(',');
        }
    } else if syntax == Syntax::Bool {
        argument = argument.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    (argument, name)
}

fn help(syntax: &Syntax) -> String {
    let about = syntax.about();
    let mut letters = about.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
