//! `retake prices`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `retake prices`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PricesArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: PricesCommand,
}

/// What to do with the prices.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PricesCommand {
    /// Fill prices.yaml, beside providers.yaml, from litellm's list of models
    Update(UpdateArgs),
}

/// `retake prices update`.
#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArgs {
    /// The list: litellm's model_prices_and_context_window.json, which is in its repository and in its package for Python
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) from: PathBuf,
    /// Every model of the providers that are known here, not only those of setups and recordings
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Folder with the suites, providers.yaml and setups.yaml
    #[arg(long, env = "RETAKE_SUITES", value_name = "DIR", default_value = "suites")]
    pub(in crate::cli) suites: PathBuf,
    /// Folder with the recordings
    #[arg(long, env = "RETAKE_RECORDINGS", value_name = "DIR", default_value = "recordings")]
    pub(in crate::cli) recordings: PathBuf,
}
