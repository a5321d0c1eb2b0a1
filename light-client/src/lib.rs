//! Headers, commits and proofs of a Plume chain, verified without a node.
