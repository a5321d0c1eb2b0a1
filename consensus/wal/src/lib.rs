//! An append-only log on disk with checksums, over a file system that tests can make fail.
