//! The command line as typed. `settings` turns it into its meaning.

#[cfg(not(all(feature = "schema", feature = "stack")))]
mod absent;
mod conform;
mod judging;
mod libtest;
mod prices;
mod project;
mod proxy;
mod pytest;
mod shells;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use libtest_mimic::ColorSetting;

use crate::protocol::Mode;

use super::near;
use source::time;

#[cfg(not(all(feature = "schema", feature = "stack")))]
use absent::AbsentArgs;
pub(super) use conform::ConformArgs;
pub(super) use judging::{CheckArgs, CheckBy, RulesArgs};
pub(super) use libtest::LibtestArgs;
pub(super) use prices::{PricesArgs, PricesCommand, UpdateArgs};
pub(super) use project::{DoctorArgs, InitArgs, InitKind};
#[cfg(feature = "schema")]
pub(super) use project::{SchemaArgs, SchemaOf};
pub(super) use proxy::{CaArgs, CaCommand, NetworkArgs, ProgramArgs, ProxyArgs, ServeArgs};
pub(super) use pytest::{ChoiceArgs, ReportArgs};
pub(super) use shells::{CompletionArgs, ManArgs};
pub(super) use source::{AccessArgs, LiveArgs, SourceArgs};

/// The binary `retake`.
#[derive(Debug, Parser)]
#[command(
    name = "retake",
    version,
    about = "Record an LLM API once, retake the test for ever",
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}"
)]
pub(super) struct Program {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set up a repository: a suite, recordings, schemas, a CI file; its first run passes without a key
    Init(InitArgs),
    /// Say what is set up on this machine: clients, keys, ports, the certificate
    Doctor(DoctorArgs),
    /// Run suites: the same as `cargo test --test integration -- …`
    Test(Box<TestArgs>),
    /// Render runs that were kept with --report jsonl=FILE: as the run did, or in other forms; several as one
    Report(Box<KeptArgs>),
    /// Record: the same as `retake test --mode record …`; with --twice, see what changes from run to run
    Record(Box<RecordArgs>),
    /// Run suites, and rerun what a saved file affects
    Watch(Box<TestArgs>),
    /// Run the gateway alone
    #[cfg(feature = "stack")]
    Stack(Box<StackArgs>),
    #[cfg(not(feature = "stack"))]
    #[command(hide = true, disable_help_flag = true)]
    Stack(AbsentArgs),
    /// Serve the recordings to clients in any language, or record their requests
    Serve(Box<ServeArgs>),
    /// Run a command whose SDKs get recordings
    Run(Box<ProgramArgs>),
    /// Serve a scripted provider on loopback
    Script(ScriptArgs),
    /// Print the JSON Schema of a kind of file, for editors
    #[cfg(feature = "schema")]
    Schema(SchemaArgs),
    #[cfg(not(feature = "schema"))]
    #[command(hide = true, disable_help_flag = true)]
    Schema(AbsentArgs),
    /// Check recordings against the rules of their APIs, offline
    Check(CheckArgs),
    /// Judge an OpenAI-compatible endpoint: what it supports, what not and why, and its entry for providers.yaml
    Conform(Box<ConformArgs>),
    /// List the rules of the APIs that replies must follow
    Rules(RulesArgs),
    /// What models cost and until when they are served, from litellm's list
    Prices(PricesArgs),
    /// The certificate authority with which the proxy answers for hosts of providers
    Ca(CaArgs),
    /// Print a shell's completions of commands and flags
    Completions(CompletionArgs),
    /// Write the man pages of the program and its commands
    // For those who make packages; a user has `--help`.
    #[command(hide = true)]
    Man(ManArgs),
}

/// The test target and `retake test`.
#[derive(Debug, Parser)]
#[command(
    name = "integration",
    version,
    about = "Run YAML suites against providers: live, recorded or replayed",
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}",
    after_help = "Every flag with [env: …] can be set by that variable instead, which is how cargo nextest passes it.\n\
                  Exit codes: 0 ok, 1 failed, 2 interrupted, 3 internal error, 4 usage, 5 nothing selected."
)]
pub(super) struct TestArgs {
    #[command(flatten)]
    pub(super) libtest: LibtestArgs,
    #[command(flatten)]
    pub(super) select: SelectArgs,
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) budget: BudgetArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// `retake report`.
#[derive(Debug, Args)]
pub(super) struct KeptArgs {
    /// Files that `--report jsonl=FILE` wrote; several (shards, setups, nights) are rendered as one run
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    /// Whether to write colours
    #[arg(long, value_name = "WHEN", value_parser = libtest::when())]
    pub(super) color: Option<ColorSetting>,
}

/// `retake record`.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    pub(super) test: TestArgs,
    /// Record everything twice, into temporary folders, and show which fields of requests and replies changed
    #[arg(long)]
    pub(super) twice: bool,
}

/// Which cases run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectArgs {
    /// Models, environment and provider to run with; without it, every setup that has recordings
    #[arg(long, env = "RETAKE_SETUP", value_name = "NAME")]
    pub(super) setup: Option<String>,
    /// Only these suites, by file name (`sanity`) or path; may be repeated or separated by commas
    #[arg(long, env = "RETAKE_SUITE", value_name = "NAME", value_delimiter = ',')]
    pub(super) suite: Vec<String>,
    /// Only these folders below the suites' folder; may be repeated or separated by commas
    #[arg(long, env = "RETAKE_SUBDIRS", value_name = "DIR", value_delimiter = ',')]
    pub(super) subdirs: Vec<String>,
    /// Only cases whose id or keywords match: pytest's -k grammar, or any part of a printed id
    #[arg(
        short = 'k',
        long = "pattern",
        env = "RETAKE_PATTERN",
        value_name = "EXPRESSION",
        allow_hyphen_values = true
    )]
    pub(super) pattern: Option<String>,
    /// Use this model for text cases (`provider/model`)
    #[arg(long, env = "RETAKE_TEXT_MODEL", value_name = "MODEL")]
    pub(super) text_model: Option<String>,
    /// Use this model for embedding cases
    #[arg(long, env = "RETAKE_EMBEDDING_MODEL", value_name = "MODEL")]
    pub(super) embedding_model: Option<String>,
    /// Use this model for vision cases
    #[arg(long, env = "RETAKE_VISION_MODEL", value_name = "MODEL")]
    pub(super) vision_model: Option<String>,
}

/// Limits on the cost of a live run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Budget")]
pub(super) struct BudgetArgs {
    /// With --co: what the cases would cost live, estimated
    #[arg(long, requires = "collect_only")]
    pub(super) cost: bool,
    /// Skip cases beyond this many US dollars, by the usage that replies report and `prices` in providers.yaml; replay
    /// costs nothing
    #[arg(long, env = "RETAKE_MAX_COST", value_name = "DOLLARS", value_parser = dollars)]
    pub(super) max_cost: Option<f64>,
    /// Skip cases beyond this many tokens, by the usage that replies report
    #[arg(long, env = "RETAKE_MAX_TOKENS", value_name = "N")]
    pub(super) max_tokens: Option<u64>,
}

fn dollars(text: &str) -> Result<f64, String> {
    let dollars =
        text.trim_start_matches('$').parse::<f64>().ok().filter(|dollars| dollars.is_finite() && *dollars >= 0.0);
    dollars.ok_or_else(|| "write US dollars, such as 0.50".to_owned())
}

/// How a run works.
#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(super) struct RunArgs {
    /// What clients call: ci-tests (in process), server:ci-tests[:PORT], direct (no gateway), a URL, or
    /// command:COMMAND, which starts your own server with its providers' URLs pointing here
    #[arg(long, env = "RETAKE_STACK_CONFIG", value_name = "STACK", default_value = "ci-tests")]
    pub(super) stack_config: String,
    /// Where a server of command: says that it is ready
    #[arg(long, env = "RETAKE_STACK_HEALTH", value_name = "PATH", default_value = "/health")]
    pub(super) stack_health: String,
    /// How long a server of command: may take until it is ready
    #[arg(long, env = "RETAKE_STACK_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) stack_timeout: Duration,
    /// How many cases run at once; auto: as many as there are processors
    #[arg(short = 'n', long, visible_alias = "numprocesses", env = "RETAKE_WORKERS", value_name = "N",
          default_value = "1", value_parser = workers)]
    pub(super) workers: usize,
    /// How many seconds one case may take
    #[arg(long, env = "RETAKE_TIMEOUT", value_name = "SECONDS", default_value_t = 300)]
    pub(super) timeout: u64,
    /// Stop at the first failure
    #[arg(short = 'x', long, visible_alias = "fail-fast")]
    pub(super) exitfirst: bool,
    /// Stop after this many failures and errors
    #[arg(long, env = "RETAKE_MAXFAIL", value_name = "N")]
    pub(super) maxfail: Option<usize>,
    /// Rerun a case up to this many times if the provider was down or its rate limit was reached
    #[arg(long, env = "RETAKE_RERUNS", value_name = "N", default_value_t = 0)]
    pub(super) reruns: u32,
    /// How strictly replies are held to the rules of the APIs (`retake rules`): standard fails a case on what an SDK
    /// stumbles over and reports the rest, strict fails it on both, off checks neither
    #[arg(long, env = "RETAKE_PROTOCOL", value_name = "MODE", default_value = "standard", value_parser = protocol)]
    pub(super) protocol: Mode,
    /// Keep the recordings of cases that failed
    #[arg(long, env = "RETAKE_KEEP_FAILED")]
    pub(super) keep_failed: bool,
    /// Remove the recordings that no case used, after a whole run in which all passed
    #[arg(long)]
    pub(super) prune: bool,
}

/// Parses how strict a run is about the rules of the APIs.
fn protocol(text: &str) -> Result<Mode, String> {
    match text {
        "standard" => Ok(Mode::Standard),
        "strict" => Ok(Mode::Strict),
        "off" => Ok(Mode::Off),
        _ => Err(format!("write standard, strict or off{}", near::one_of(text, ["standard", "strict", "off"]))),
    }
}

/// Parses how many cases run at once: a number, 0 for one, or `auto`.
fn workers(text: &str) -> Result<usize, String> {
    match text {
        "auto" | "logical" => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        _ => text.parse().map(|count: usize| count.max(1)).map_err(|_| "write a number, or auto".to_owned()),
    }
}

#[cfg(feature = "stack")]
const STACK: &str = "Stack";

/// `retake stack`.
#[cfg(feature = "stack")]
#[derive(Debug, Args)]
pub(super) struct StackArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// The providers of this setup; without it, all providers that can answer in this mode
    #[arg(long, env = "RETAKE_SETUP", value_name = "NAME", help_heading = STACK)]
    pub(super) setup: Option<String>,
    /// The port; 0 lets the system pick one
    #[arg(long, env = "RETAKE_PORT", default_value_t = 8321, help_heading = STACK)]
    pub(super) port: u16,
    /// The address; any address but loopback needs a key
    #[arg(long, env = "RETAKE_HOST", default_value = "127.0.0.1", help_heading = STACK)]
    pub(super) host: std::net::IpAddr,
    /// Keys, one of which clients must send as a Bearer token
    #[arg(
        long,
        env = "RETAKE_STACK_KEYS",
        value_name = "KEY",
        value_delimiter = ',',
        hide_env_values = true,
        help_heading = STACK
    )]
    pub(super) keys: Vec<String>,
    /// SQLite file for the stored chat completions
    #[arg(long, env = "RETAKE_STORE", value_name = "FILE", default_value = ".retake/store.db", help_heading = STACK)]
    pub(super) store: PathBuf,
    /// End streams without `data: [DONE]`, as llama-stack does; clients of llama-stack before 0.7 never get it
    #[arg(long, env = "RETAKE_NO_DONE", help_heading = STACK)]
    pub(super) no_done: bool,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

/// `retake script`.
#[derive(Debug, Args)]
pub(super) struct ScriptArgs {
    /// The script
    pub(super) file: PathBuf,
    /// The port; 0 lets the system pick one
    #[arg(long, default_value_t = 0)]
    pub(super) port: u16,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn test_args(line: &str) -> TestArgs {
        TestArgs::try_parse_from(line.split_whitespace()).unwrap()
    }

    #[test]
    fn no_flag_is_declared_twice() {
        Program::command().debug_assert();
        TestArgs::command().debug_assert();
    }

    #[test]
    fn the_seed_command_line_is_taken_as_it_stands() {
        let args = test_args("x --stack-config server:ci-tests --setup together --subdirs inference --pattern openai");
        assert_eq!(args.run.stack_config, "server:ci-tests");
        assert_eq!(args.select.setup.as_deref(), Some("together"));
        assert_eq!(args.select.subdirs, ["inference"]);
        assert_eq!(args.select.pattern.as_deref(), Some("openai"));
    }

    #[test]
    fn verbosity_letters_add_up() {
        assert_eq!(test_args("x -qq -vv -q").report.verbosity(), -1);
        assert_eq!(test_args("x -xvvq").report.verbosity(), 1);
    }

    #[test]
    fn a_pattern_may_look_like_a_flag() {
        let args = test_args("x -k -q -m -x");
        assert_eq!((args.select.pattern.as_deref(), args.report.verbosity()), (Some("-q"), 0));
        assert_eq!((args.choice.marks.as_deref(), args.run.exitfirst), (Some("-x"), false));
    }

    #[test]
    fn what_ides_and_habits_say_is_taken_in_peace() {
        test_args("x --no-capture --show-output --report-time --shuffle -Z unstable-options --format pretty a b");
        test_args("x --nocapture --include-ignored --test --shuffle-seed 3 --report-time=colored --ensure-time");
        test_args("x -xvs --tb=short -ra --maxfail=2 --lf --capture=no --strict-markers");
    }

    #[test]
    fn colours_are_asked_for_in_the_words_of_libtest_or_of_pytest() {
        for (words, meant) in
            [("=always", ColorSetting::Always), (" yes", ColorSetting::Always), ("=no", ColorSetting::Never)]
        {
            assert_eq!(test_args(&format!("x --color{words}")).libtest.color, Some(meant), "{words}");
        }
        assert!(TestArgs::try_parse_from(["x", "--color", "pink"]).is_err());
    }

    #[test]
    fn workers_are_a_number_or_as_many_as_there_are_processors() {
        assert_eq!(test_args("x -n 4").run.workers, 4);
        assert!(test_args("x -n auto").run.workers >= 1);
        assert!(TestArgs::try_parse_from(["x", "-n", "many"]).is_err());
    }
}
