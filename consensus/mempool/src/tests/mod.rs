//! The mempool over a small application with sequences.
