//! `plumed`: the Plume node and its command line.
//!
//! Exit codes: 0 success, 1 failure (the message on stderr says what to do next), 2 wrong usage.

mod cli;
mod commands;
mod doors;
mod genesis_file;
mod home;
mod logs;
mod node;
mod output;
mod raft;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
