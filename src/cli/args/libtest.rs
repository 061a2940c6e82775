//! Flags that libtest, nextest and IDEs pass to a test program.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use libtest_mimic::{Arguments, ColorSetting};

/// libtest's flags, and several names instead of its one filter.
#[derive(Debug, Args)]
#[command(next_help_heading = "As libtest has it")]
pub(in crate::cli) struct LibtestArgs {
    /// Folders, suites, node ids (`suites/a.yaml::name[params]`), or parts of a case's id
    #[arg(value_name = "NAME", help_heading = "Arguments")]
    pub(in crate::cli) names: Vec<String>,
    /// List the cases and run none
    #[arg(long)]
    pub(in crate::cli) list: bool,
    /// Names are complete ids
    #[arg(long)]
    pub(in crate::cli) exact: bool,
    /// Only cases that are known to be skipped
    #[arg(long)]
    pub(in crate::cli) ignored: bool,
    /// Leave out cases whose id contains this; may be repeated
    #[arg(long, value_name = "PART")]
    pub(in crate::cli) skip: Vec<String>,
    /// How many cases run at once; the same as -n
    #[arg(long, value_name = "N", value_parser = super::workers)]
    pub(in crate::cli) test_threads: Option<usize>,
    /// Whether to write colours
    #[arg(long, value_name = "WHEN", value_parser = when())]
    pub(in crate::cli) color: Option<ColorSetting>,
    #[command(flatten)]
    ignored_flags: Ignored,
}

/// The values of libtest's flag, and pytest's names for them.
pub(super) fn when() -> impl TypedValueParser<Value = ColorSetting> {
    let words = [
        PossibleValue::new("auto"),
        PossibleValue::new("always").alias("yes"),
        PossibleValue::new("never").alias("no"),
    ];
    PossibleValuesParser::new(words).map(|word| match word.as_str() {
        "always" | "yes" => ColorSetting::Always,
        "never" | "no" => ColorSetting::Never,
        _ => ColorSetting::Auto,
    })
}

/// Flags that are accepted and have no effect: they ask for the default, or for something impossible here.
#[derive(Debug, Args)]
struct Ignored {
    #[arg(long, value_name = "FORM", value_parser = ["pretty", "terse", "json", "junit"], hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    test: bool,
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, alias = "no-capture", short = 's', hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, hide = true)]
    report_time: Option<Option<String>>,
    #[arg(long, hide = true)]
    ensure_time: bool,
    #[arg(long, hide = true)]
    shuffle: bool,
    #[arg(long, value_name = "SEED", hide = true)]
    shuffle_seed: Option<String>,
    #[arg(long, hide = true)]
    exclude_should_panic: bool,
    #[arg(long, hide = true)]
    force_run_in_process: bool,
    #[arg(long, value_name = "PATH", hide = true)]
    logfile: Option<String>,
    #[arg(short = 'Z', value_name = "FLAG", hide = true)]
    unstable: Vec<String>,
    /// A flag of pytest.
    #[arg(long, value_name = "METHOD", hide = true)]
    capture: Option<String>,
}

impl LibtestArgs {
    /// For libtest's own list, of cases that are selected already.
    pub(in crate::cli) fn listing(&self) -> Arguments {
        Arguments { list: true, ignored: self.ignored, color: self.color, ..Arguments::default() }
    }
}
