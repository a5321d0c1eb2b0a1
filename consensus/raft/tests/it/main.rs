//! Faults on a simulated network.
