//! Networks of real `plumed` processes over real CometBFT on loopback, under load, with kills.
//!
//! For the tests of this package and for the long run `devnet-kills`. Whatever a network started ends
//! when it is dropped.

mod load;
mod network;
mod node;
mod storm;

pub use load::{Account, Load};
pub use network::Network;
pub use node::{Node, Victim, cometbft, plumed, until};
pub use storm::{Storm, storm};
