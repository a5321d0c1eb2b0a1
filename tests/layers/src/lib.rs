//! Checks on the shape of the repository: which crate may depend on which, and whether the documents' links lead
//! somewhere.

pub mod layers;
pub mod links;
