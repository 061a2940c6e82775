//! Flags of the commands for the rules of the APIs.

use std::path::PathBuf;

use clap::Args;

use super::protocol;
use crate::protocol::Mode;

/// `retake rules`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RulesArgs {
    /// As tables, for a page
    #[arg(long)]
    pub(in crate::cli) markdown: bool,
}

/// `retake check`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 ok, 1 violations or files that cannot be read, 4 usage, 5 no recordings.")]
pub(in crate::cli) struct CheckArgs {
    /// Folders of recordings, or files
    #[arg(value_name = "PATH", default_value = "recordings")]
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// A table by this, in the place of a list by file
    #[arg(long, value_name = "WHAT")]
    pub(in crate::cli) by: Option<CheckBy>,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Folder with providers.yaml, which says what is known of each provider
    #[arg(long, env = "RETAKE_SUITES", value_name = "DIR", default_value = "suites")]
    pub(in crate::cli) suites: PathBuf,
    /// standard fails on violations, strict on deviations too
    #[arg(long, env = "RETAKE_PROTOCOL", value_name = "MODE", default_value = "standard", value_parser = protocol)]
    pub(in crate::cli) protocol: Mode,
}

/// What recordings have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum CheckBy {
    /// Who answered.
    Provider,
    /// Which model was asked.
    Model,
    /// Which endpoint was asked.
    Endpoint,
}
