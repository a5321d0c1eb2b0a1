//! Sudden death at every step, and torn files.
