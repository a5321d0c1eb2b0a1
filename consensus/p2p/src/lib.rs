//! Authenticated connections between the nodes of one network.
