//! The derived commands as clap subcommands.

use std::sync::LazyLock;

use clap::{ArgMatches, Command, Error, FromArgMatches, Subcommand};

use super::catalog::{Catalog, Group, Method};
use super::command::{self, Tree, is_page};
use super::options::AppOptions;
use crate::cli::{PageArgs, QueryArgs, TxArgs};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let options = AppOptions::read(plume_proto::AUTOCLI).expect("a test of this crate reads the same constant");
    Catalog::new(plume_codec::pool(), &options)
});

/// A method that was named, and the arguments that it was given.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The method.
    pub method: Method,
    /// Its arguments.
    pub matches: ArgMatches,
}

/// A derived command below `tx`.
#[derive(Debug, Clone)]
pub struct AutoTx {
    /// What is called.
    pub chosen: Chosen,
    /// Flags of all transactions.
    pub args: Box<TxArgs>,
}

/// A derived command below `query`.
#[derive(Debug, Clone)]
pub struct AutoQuery {
    /// What is called.
    pub chosen: Chosen,
    /// Flags of all queries.
    pub args: QueryArgs,
    /// Which page of a list; `None` for methods without pages.
    pub page: Option<PageArgs>,
}

fn chosen(groups: &std::collections::BTreeMap<String, Group>, matches: &ArgMatches) -> Result<Chosen, Error> {
    let unknown = || Error::new(clap::error::ErrorKind::InvalidSubcommand);
    let (module, mut matches) = matches.subcommand().ok_or_else(unknown)?;
    let mut group = groups.get(module).ok_or_else(unknown)?;
    loop {
        let (name, inner) = matches.subcommand().ok_or_else(unknown)?;
        if let Some(method) = group.methods.get(name) {
            return Ok(Chosen { method: method.clone(), matches: inner.clone() });
        }
        (group, matches) = (group.groups.get(name).ok_or_else(unknown)?, inner);
    }
}

fn augment(command: Command, groups: &std::collections::BTreeMap<String, Group>, tree: Tree) -> Command {
    let way = match tree {
        Tree::Tx => "plumed tx",
        Tree::Query => "plumed query",
    };
    command.subcommands(groups.iter().map(|(name, group)| command::group(name, group, tree, way)))
}

impl FromArgMatches for AutoTx {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let chosen = chosen(&CATALOG.tx, matches)?;
        let args = Box::new(TxArgs::from_arg_matches(&chosen.matches)?);
        Ok(Self { chosen, args })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for AutoTx {
    fn augment_subcommands(command: Command) -> Command {
        augment(command, &CATALOG.tx, Tree::Tx)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        CATALOG.tx.contains_key(name)
    }
}

impl FromArgMatches for AutoQuery {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let chosen = chosen(&CATALOG.query, matches)?;
        let args = QueryArgs::from_arg_matches(&chosen.matches)?;
        let has_pages = chosen.method.input().fields().any(|field| is_page(&field));
        let page = has_pages.then(|| PageArgs::from_arg_matches(&chosen.matches)).transpose()?;
        Ok(Self { chosen, args, page })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for AutoQuery {
    fn augment_subcommands(command: Command) -> Command {
        augment(command, &CATALOG.query, Tree::Query)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        CATALOG.query.contains_key(name)
    }
}
