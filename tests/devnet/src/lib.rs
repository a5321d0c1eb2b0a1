//! Networks of real nodes on loopback, over Raft or CometBFT, under load, with kills, partitions and old backups.
//!
//! For the tests of this package and for its long runs and measures, the `devnet-*` programs. Whatever a network started
//! ends when it is dropped.

mod agreement;
pub mod crashes;
mod disk;
mod engine;
pub mod in_process;
pub mod light;
pub mod light_chain;
mod links;
mod load;
mod network;
mod node;
mod signatures;
mod small_disk;
mod storm;

pub use disk::{Fault, PlannedDisk};
pub use engine::{Engine, Times};
pub use links::{Flow, Links};
pub use load::{Account, Load};
pub use network::{Network, Program, Setup};
pub use node::{Node, Victim, bounded, cometbft, plumed, until, within};
pub use small_disk::SmallDisk;
pub use storm::{Storm, storm};
