//! `retake man`: commands and flags, as pages for man.

use std::fs;

use clap::CommandFactory;

use super::args::{ManArgs, Program};
use super::exit::{Exit, Stop};

/// Writes one page for the program and one for each command.
pub(super) fn run(args: &ManArgs) -> Result<Exit, Stop> {
    let cannot = |error| Stop::usage(format!("cannot write man pages in {}: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(cannot)?;
    clap_mangen::generate_to(Program::command(), &args.dir).map_err(cannot)?;
    Ok(Exit::Ok)
}
