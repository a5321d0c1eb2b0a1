//! `plumed`: the Plume node and its command line.
//!
//! Exit codes: 0 success, 1 failure (the message on stderr says what to do next), 2 wrong usage, 3 a fork that `light`
//! proved; 30 and 31 are those of `pre-upgrade`.

mod archive;
mod autocli;
mod cli;
mod commands;
mod config_file;
mod doors;
mod genesis_file;
mod home;
mod logs;
mod memory;
mod node;
mod output;
mod progress;
mod raft;
mod take_over;

use std::process::ExitCode;

use clap::Parser;

/// A node allocates several thousand small pieces for each block on several threads; the C library's allocator takes a
/// tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::keep_for_a_minute();
    let cli = cli::Cli::parse();
    let trace = cli.trace;
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("Error: {}", if trace { format!("{error:?}") } else { format!("{error:#}") });
            ExitCode::FAILURE
        }
    }
}
