//! Flags of the commands for the rules of the APIs.

use std::path::PathBuf;

use clap::Args;

use super::protocol;
use crate::protocol::Mode;

/// `retake rules`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RulesArgs {
    /// Print tables, for a page
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
    /// Print a table by this property instead of a list by file
    #[arg(long, value_name = "WHAT")]
    pub(in crate::cli) by: Option<CheckBy>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// The folder with providers.yaml, which declares the known deviations of each provider
    #[arg(long, env = "RETAKE_SUITES", value_name = "DIR", default_value = "suites")]
    pub(in crate::cli) suites: PathBuf,
    /// standard fails on violations, strict also on deviations
    #[arg(long, env = "RETAKE_PROTOCOL", value_name = "MODE", default_value = "standard", value_parser = protocol)]
    pub(in crate::cli) protocol: Mode,
}

/// A property by which `retake check` groups recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum CheckBy {
    /// The provider that answered.
    Provider,
    /// The model of the request.
    Model,
    /// The endpoint of the request.
    Endpoint,
}
