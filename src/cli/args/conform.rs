//! Flags of `retake conform`.

use std::path::PathBuf;

use clap::Args;
use libtest_mimic::ColorSetting;

use super::source::LiveArgs;
use super::workers;

/// `retake conform`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 a verdict, 1 chat does not work, so that there is none, 2 interrupted, 3 internal error, 4 usage."
)]
pub(in crate::cli) struct ConformArgs {
    /// Who is judged: NAME=BASE_URL with the API's version part, NAME=script:FILE, or the name of a known provider
    #[arg(long, value_name = "NAME=BASE_URL")]
    pub(in crate::cli) provider: String,
    /// The model: M for text, and for the rest embedding=M, vision=M, audio=M, reasoning=M; without it, what the provider
    /// lists is looked through
    #[arg(long, value_name = "[KIND=]M", value_delimiter = ',')]
    pub(in crate::cli) model: Vec<String>,
    /// The environment variable with the provider's key; without it, the known provider's, or NAME_API_KEY where it is set
    #[arg(long, value_name = "VARIABLE")]
    pub(in crate::cli) key: Option<String>,
    /// live, record, replay or record-if-missing
    #[arg(long, env = "RETAKE_MODE", value_name = "MODE", default_value = "live")]
    pub(in crate::cli) mode: String,
    /// Folder with the recordings
    #[arg(long, env = "RETAKE_RECORDINGS", value_name = "DIR", default_value = "recordings")]
    pub(in crate::cli) recordings: PathBuf,
    /// Folder with providers.yaml, where the known providers stand
    #[arg(long, env = "RETAKE_SUITES", value_name = "DIR", default_value = "suites")]
    pub(in crate::cli) suites: PathBuf,
    /// The verdict as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Each case too
    #[arg(short = 'v', long)]
    pub(in crate::cli) verbose: bool,
    /// Cases at once; auto: as many as there are processors
    #[arg(short = 'n', long, visible_alias = "numprocesses", env = "RETAKE_WORKERS", value_name = "N",
          default_value = "1", value_parser = workers)]
    pub(in crate::cli) workers: usize,
    /// Seconds that one case may take
    #[arg(long, env = "RETAKE_TIMEOUT", value_name = "SECONDS", default_value_t = 300)]
    pub(in crate::cli) timeout: u64,
    /// Whether to write colours
    #[arg(long, value_name = "WHEN", value_parser = super::libtest::when())]
    pub(in crate::cli) color: Option<ColorSetting>,
    #[command(flatten)]
    pub(in crate::cli) live: LiveArgs,
}
