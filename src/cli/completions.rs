//! `retake completions`: commands and flags, for shells.

use clap::CommandFactory;

use crate::exchange::Secrets;

use super::args::{CompletionArgs, Program};
use super::exit::{Exit, Stop};
use super::output;

/// Prints the completions of a shell.
pub(super) fn run(args: &CompletionArgs) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Program::command(), "retake", &mut script);
    output::print(&Secrets::default(), &String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
