//! Shell completion and manual pages, from the commands themselves.

use std::fs;
use std::io;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::{Cli, CompletionArgs, ManArgs};

/// Writes the script that completes commands in a shell to standard output.
pub fn completion(args: &CompletionArgs) {
    clap_complete::generate(args.shell, &mut Cli::command(), "plumed", &mut io::stdout());
}

/// Writes one manual page for each command: `plumed.1`, `plumed-tx-bank-send.1`.
pub fn run(args: &ManArgs) -> Result<()> {
    fs::create_dir_all(&args.dir).with_context(|| format!("cannot create {}", args.dir.display()))?;
    let mut root = Cli::command();
    root.build();
    let mut count = 0u32;
    write_pages(args, &root, "plumed", &mut count)?;
    println!("{count} pages in {}", args.dir.display());
    Ok(())
}

fn write_pages(args: &ManArgs, command: &clap::Command, name: &str, count: &mut u32) -> Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone()).title(name.to_uppercase()).render(&mut page)?;
    let path = args.dir.join(format!("{name}.1"));
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    *count = count.saturating_add(1);
    // The command `help` repeats all others.
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        write_pages(args, inner, &format!("{name}-{}", inner.get_name()), count)?;
    }
    Ok(())
}
