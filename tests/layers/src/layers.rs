//! The layers of the workspace and the rules between them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The longest chain of workspace crates that may wait for one another in a build.
pub const LONGEST_CHAIN: usize = 9;

/// Libraries whose behaviour differs from node to node or from run to run. State-machine crates never name them.
const NOT_DETERMINISTIC: &[&str] = &["rand", "getrandom", "tokio", "async-std", "chrono", "num_cpus", "ureq", "hyper"];

/// The only crates of the state machine's layers that may use `rand` and threads: they are no part of it.
const OUTSIDE_THE_STATE_MACHINE: &[&str] = &["framework/testkit", "framework/state-rocksdb"];

/// Where a crate stands; a crate may depend on its own layer and on those below, with the exceptions in [`Layer::rank`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Data and pure functions.
    Data,
    /// The state store and its back ends.
    State,
    /// What modules stand on and ask of each other.
    Framework,
    /// One module; never depends on another.
    Module,
    /// The list of modules.
    Chain,
    /// An engine or a gateway; knows neither the chain nor the modules.
    Shell,
    /// A binary that wires everything together.
    Binary,
    /// A test crate: may depend on everything, nobody depends on it.
    Test,
}

impl Layer {
    /// The layer of a folder, relative to the workspace root; `None` for a folder that the architecture does not name.
    pub fn of(folder: &str) -> Option<Self> {
        Some(match folder {
            "proto"
            | "proto/gen"
            | "framework/primitives"
            | "framework/crypto"
            | "framework/codec"
            | "light-client"
            | "clients/ts/gen" => Self::Data,
            "framework/state" | "framework/state-rocksdb" => Self::State,
            "framework/interfaces" | "framework/kit" | "framework/engine" | "framework/testkit" => Self::Framework,
            "app/chain" => Self::Chain,
            "app/client" | "app/gateway" | "app/load" => Self::Shell,
            "app/plumed" => Self::Binary,
            _ if folder.starts_with("modules/") || folder.starts_with("ibc/") => Self::Module,
            _ if folder.starts_with("consensus/") => Self::Shell,
            _ if folder.starts_with("tests/") => Self::Test,
            _ => return None,
        })
    }

    /// The number of `architecture.md` §2.
    pub fn rank(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::State => 1,
            Self::Framework => 2,
            Self::Module => 3,
            Self::Chain | Self::Shell => 4,
            Self::Binary | Self::Test => 5,
        }
    }

    /// Whether a crate of this layer may depend on one of `other`.
    pub fn may_use(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Binary | Self::Test) => false,
            (Self::Binary | Self::Test, _) => true,
            (Self::Module, Self::Module) | (Self::Chain, Self::Shell | Self::Chain) => false,
            (Self::Shell, Self::Module | Self::Chain) => false,
            _ => other.rank() <= self.rank(),
        }
    }
}

/// A workspace crate with what it needs to be built.
#[derive(Clone, Debug, Default)]
pub struct Crate {
    /// Its folder, relative to the workspace root.
    pub folder: String,
    /// Folders of the workspace crates it depends on.
    pub uses: Vec<String>,
    /// Names of the outside libraries it depends on.
    pub outside: Vec<String>,
}

/// A rule that the workspace breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The folder has no layer.
    Unplaced(String),
    /// The first may not depend on the second.
    Edge(String, String),
    /// These crates wait for one another, and are too many.
    Chain(Vec<String>),
    /// The crate names a library that cannot be deterministic.
    NotDeterministic(String, String),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unplaced(folder) => write!(f, "{folder}: no layer names this folder; see docs/adr/0001-layers.md"),
            Self::Edge(from, to) => write!(f, "{from} depends on {to}: not allowed between their layers"),
            Self::Chain(crates) => write!(
                f,
                "{} crates wait for one another ({} at most): {}",
                crates.len(),
                LONGEST_CHAIN,
                crates.join(" <- ")
            ),
            Self::NotDeterministic(from, library) => write!(f, "{from} depends on {library}: not deterministic"),
        }
    }
}

/// Every breach of the rules, in the order of the crates.
pub fn breaches(crates: &[Crate]) -> Vec<Breach> {
    let mut found = Vec::new();
    for krate in crates {
        let Some(layer) = Layer::of(&krate.folder) else {
            found.push(Breach::Unplaced(krate.folder.clone()));
            continue;
        };
        for used in &krate.uses {
            if Layer::of(used).is_some_and(|other| !layer.may_use(other)) {
                found.push(Breach::Edge(krate.folder.clone(), used.clone()));
            }
        }
        let in_state_machine =
            (layer.rank() <= 3 || layer == Layer::Chain) && !OUTSIDE_THE_STATE_MACHINE.contains(&krate.folder.as_str());
        if in_state_machine {
            for library in krate.outside.iter().filter(|name| NOT_DETERMINISTIC.contains(&name.as_str())) {
                found.push(Breach::NotDeterministic(krate.folder.clone(), library.clone()));
            }
        }
    }
    let longest = longest_chain(crates);
    if longest.len() > LONGEST_CHAIN {
        found.push(Breach::Chain(longest));
    }
    found
}

/// The longest chain of workspace crates, lowest first. Test crates do not count: nothing waits for them.
pub fn longest_chain(crates: &[Crate]) -> Vec<String> {
    fn of<'a>(
        folder: &'a str,
        uses: &BTreeMap<&'a str, &'a [String]>,
        known: &mut BTreeMap<&'a str, Vec<String>>,
    ) -> Vec<String> {
        if let Some(chain) = known.get(folder) {
            return chain.clone();
        }
        let below = uses.get(folder).copied().unwrap_or_default();
        let mut chain = below.iter().map(|used| of(used, uses, known)).max_by_key(Vec::len).unwrap_or_default();
        chain.push(folder.to_owned());
        known.insert(folder, chain.clone());
        chain
    }

    let counted = crates.iter().filter(|krate| Layer::of(&krate.folder) != Some(Layer::Test));
    let uses: BTreeMap<&str, &[String]> = counted.map(|krate| (krate.folder.as_str(), krate.uses.as_slice())).collect();
    let mut known = BTreeMap::new();
    uses.keys().map(|folder| of(folder, &uses, &mut known)).max_by_key(Vec::len).unwrap_or_default()
}

/// Reads the workspace at `root` with `cargo metadata`, without resolving anything outside it.
///
/// # Errors
/// When cargo cannot be run or a manifest does not parse.
pub fn read_workspace(root: &Path) -> Result<Vec<Crate>, cargo_metadata::Error> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()?;
    let workspace = &metadata.workspace_root;
    let relative = |path: &cargo_metadata::camino::Utf8Path| {
        path.strip_prefix(workspace).map_or_else(|_| path.to_string(), |inside| inside.to_string())
    };
    let mut crates: Vec<Crate> = metadata
        .packages
        .iter()
        .map(|package| {
            let mut krate =
                Crate { folder: package.manifest_path.parent().map(relative).unwrap_or_default(), ..Crate::default() };
            for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
                match &dependency.path {
                    Some(path) => krate.uses.push(relative(path)),
                    None => krate.outside.push(dependency.name.clone()),
                }
            }
            krate
        })
        .collect();
    crates.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(crates)
}
