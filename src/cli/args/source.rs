//! Where suites, recordings and replies come from, and who may call a server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::named::Named;
use crate::record::{MOST_RECORDED, Size};
use crate::suite::OwnMatchers;
use crate::yaml;

/// Files, folders and providers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files and providers")]
pub(in crate::cli) struct SourceArgs {
    /// Folder with the suites, providers.yaml and setups.yaml
    #[arg(long, env = "RETAKE_SUITES", value_name = "DIR", default_value = "suites")]
    pub(in crate::cli) suites: PathBuf,
    /// Folder with the recordings
    #[arg(long, env = "RETAKE_RECORDINGS", value_name = "DIR", default_value = "recordings")]
    pub(in crate::cli) recordings: PathBuf,
    /// Use another address for a provider: a base URL with its version, script:FILE, or script:URL where `retake
    /// script` serves one; may be repeated
    #[arg(long, env = "RETAKE_PROVIDER", hide_env_values = true, value_name = "NAME=BASE_URL", value_delimiter = ',')]
    pub(in crate::cli) provider: Vec<String>,
    /// Answer a provider's requests from a script; requests that no rule matches are answered as the mode says; may be
    /// repeated
    #[arg(long, env = "RETAKE_SCRIPT", value_name = "PROVIDER=FILE", value_delimiter = ',')]
    pub(in crate::cli) script: Vec<String>,
    /// live, record, replay or record-if-missing
    #[arg(long, visible_alias = "inference-mode", env = "RETAKE_MODE", value_name = "MODE", default_value = "replay")]
    pub(in crate::cli) mode: String,
    /// Replay at this multiple of the recorded pace (1: as recorded); without it, at once
    #[arg(long, env = "RETAKE_REPLAY_SPEED", value_name = "MULTIPLE")]
    pub(in crate::cli) replay_speed: Option<f64>,
    /// Pass on larger replies without recording them: 64MiB, 1GiB; recording takes several times the size in memory
    #[arg(long, env = "RETAKE_MAX_RECORDING_SIZE", value_name = "SIZE", default_value_t = MOST_RECORDED)]
    pub(in crate::cli) max_recording_size: Size,
    #[command(flatten)]
    pub(in crate::cli) live: LiveArgs,
    /// Matchers in addition to the built-in ones: set by the program, not by flags.
    #[arg(skip)]
    pub(in crate::cli) matchers: OwnMatchers,
    /// The files that suites name, collected while suites are read.
    #[arg(skip)]
    pub(in crate::cli) named: Named,
}

/// Who may call a server, besides programs on this machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who may call")]
pub(in crate::cli) struct AccessArgs {
    /// Also accept this host name, besides localhost and the address of --host; may be repeated
    #[arg(long, env = "RETAKE_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    pub(in crate::cli) allow_host: Vec<String>,
    /// Accept web pages of this origin, such as http://localhost:3000; * accepts all pages; may be repeated
    #[arg(long, env = "RETAKE_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(in crate::cli) allow_origin: Vec<String>,
}

/// Limits, retries and timeouts of live requests; each overrides the providers' file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live requests")]
pub(in crate::cli) struct LiveArgs {
    /// The most requests under way at once, per provider
    #[arg(long, env = "RETAKE_AT_ONCE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) at_once: Option<u32>,
    /// The most requests in any minute, per provider
    #[arg(long, env = "RETAKE_PER_MINUTE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) per_minute: Option<u32>,
    /// How often to retry after 429, 5xx or a failed connection
    #[arg(long, env = "RETAKE_RETRIES", value_name = "N")]
    pub(in crate::cli) retries: Option<u32>,
    /// The longest Retry-After to wait for, such as 60s
    #[arg(long, env = "RETAKE_PATIENCE", value_name = "TIME", value_parser = time)]
    pub(in crate::cli) patience: Option<Duration>,
    /// How long to wait for a connection, such as 10s
    #[arg(long, env = "RETAKE_CONNECT_TIMEOUT", value_name = "TIME", value_parser = time)]
    pub(in crate::cli) connect_timeout: Option<Duration>,
    /// How long to wait for the first byte
    #[arg(long, env = "RETAKE_FIRST_BYTE_TIMEOUT", value_name = "TIME", value_parser = time)]
    pub(in crate::cli) first_byte_timeout: Option<Duration>,
    /// How long to wait between two chunks
    #[arg(long, env = "RETAKE_GAP_TIMEOUT", value_name = "TIME", value_parser = time)]
    pub(in crate::cli) gap_timeout: Option<Duration>,
    /// How long to wait for a whole reply, retries included
    #[arg(long, env = "RETAKE_WHOLE_TIMEOUT", value_name = "TIME", value_parser = time)]
    pub(in crate::cli) whole_timeout: Option<Duration>,
}

/// Parses a time with its unit.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    yaml::duration(text).ok_or_else(|| yaml::DURATION_HELP.to_owned())
}
