//! Blocks, results and their index on disk.
