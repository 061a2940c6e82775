//! What sets a project up, and tells what is set up.

use std::path::PathBuf;

use clap::Args;

/// `retake init`.
#[derive(Debug, Args)]
pub(in crate::cli) struct InitArgs {
    /// The folder; existing files stay as they are
    #[arg(default_value = ".")]
    pub(in crate::cli) dir: PathBuf,
    /// What to write [default: what fits the files that are there]
    #[arg(long, value_enum)]
    pub(in crate::cli) kind: Option<InitKind>,
    /// Also write a test target for cargo, as in a folder with a package's Cargo.toml
    #[arg(long)]
    pub(in crate::cli) cargo: bool,
}

/// Whom a folder is set up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum InitKind {
    /// YAML suites, run by `retake test`
    Suites,
    /// A test for pytest
    Python,
    /// A test for Vitest, Jest or node:test
    Node,
}

/// `retake doctor`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DoctorArgs {
    /// Folder with the suites, providers.yaml and setups.yaml
    #[arg(long, env = "RETAKE_SUITES", value_name = "DIR", default_value = "suites")]
    pub(in crate::cli) suites: PathBuf,
    /// Folder with the recordings
    #[arg(long, env = "RETAKE_RECORDINGS", value_name = "DIR", default_value = "recordings")]
    pub(in crate::cli) recordings: PathBuf,
}

/// `retake schema`.
#[cfg(feature = "schema")]
#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArgs {
    /// The kind of file
    #[arg(value_enum)]
    pub(in crate::cli) of: SchemaOf,
}

/// Kinds of users' files.
#[cfg(feature = "schema")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum SchemaOf {
    /// A suite
    Suite,
    /// A file that suites include, in a folder named shared
    Shared,
    /// providers.yaml
    Providers,
    /// setups.yaml
    Setups,
    /// prices.yaml
    Prices,
    /// A line of a report of the kind jsonl
    Events,
}
