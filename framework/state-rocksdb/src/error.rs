//! Why a database cannot be opened, and what the operator can do about it.

use std::path::PathBuf;

use crate::FORMAT;

/// Why a database is refused. A refused database has not been written to.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("state database {path} is in use by another process; stop that node first, or choose another home")]
    Locked {
        /// Folder of the database.
        path: PathBuf,
    },
    /// The folder holds something else.
    #[error("{path} is no Plume state database but holds {found}; choose an empty folder or the right home")]
    Foreign {
        /// Folder of the database.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// A newer program wrote it.
    #[error(
        "state database {path} has format {found}, this program reads up to {max}; run the version of plumed that wrote it, or a newer one",
        max = FORMAT
    )]
    NewerFormat {
        /// Folder of the database.
        path: PathBuf,
        /// Format found.
        found: u32,
    },
    /// It belongs to another chain.
    #[error(
        "state database {path} belongs to chain {found}, this node runs chain {expected}; choose the right home or genesis"
    )]
    OtherChain {
        /// Folder of the database.
        path: PathBuf,
        /// Chain id found.
        found: String,
        /// Chain id wanted.
        expected: String,
    },
    /// It holds stores that the program does not have, or has with another kind.
    #[error(
        "state database {path} holds stores that this program does not have: {unknown}; run the version of plumed that wrote it"
    )]
    OtherStores {
        /// Folder of the database.
        path: PathBuf,
        /// Names and kinds of those stores.
        unknown: String,
    },
    /// Its files are damaged.
    #[error(
        "state database {path} is corrupt: {reason}; restore the folder from a backup, or remove it and let the node replay or state-sync"
    )]
    Corrupt {
        /// Folder of the database.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The configuration cannot be used.
    #[error("state database configuration: {0}")]
    Config(String),
    /// The disk failed.
    #[error("state database {path}: {source}")]
    Io {
        /// Folder of the database.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}
