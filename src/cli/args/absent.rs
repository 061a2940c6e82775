//! A command that this build lacks.

use std::ffi::OsString;

use clap::Args;

/// Whatever is typed after the command, flags too: the answer is that it is not there.
#[derive(Debug, Args)]
pub(in crate::cli) struct AbsentArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}
