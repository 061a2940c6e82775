//! A project's own test target: `retake test` within its package, with its own matchers.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use super::args::TestArgs;
use super::{ended, misused, test};
use crate::suite::OwnMatchers;

/// Runs the suites of a package as its test target.
///
/// `tests/integration.rs` needs no more than this, with `harness = false` for that target in Cargo.toml:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     retake::Harness::new().main()
/// }
/// ```
///
/// The folders are those of the package, where cargo starts its tests: `suites/`, with or without `providers.yaml` and
/// `setups.yaml`, and `recordings/`. Suites use an own matcher as `{is: NAME}`:
///
/// ```
/// use retake::Harness;
///
/// let harness = Harness::new().matcher("is_even", |value| match value.as_i64() {
///     Some(number) if number % 2 == 0 => Ok(()),
///     Some(_) => Err("it is odd".to_owned()),
///     None => Err("it is not a whole number".to_owned()),
/// });
/// // harness.main()
/// # let exit = harness.run(["integration", "--help"]);
/// # assert_eq!(exit, std::process::ExitCode::SUCCESS);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Harness {
    matchers: OwnMatchers,
}

impl Harness {
    /// A test target without own matchers.
    pub fn new() -> Self {
        Harness::default()
    }

    /// Adds a matcher that suites use as `{is: NAME}`. `Err` says in a few words why a value does not match; they are
    /// shown after the value. If the matcher panics, the case fails, also under `not`. A second matcher of the same
    /// name replaces the first.
    #[must_use]
    pub fn matcher(mut self, name: &str, test: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.matchers.add(name, test);
        self
    }

    /// Runs with the arguments of the command line; the exit codes are pytest's.
    pub fn main(self) -> ExitCode {
        self.run(std::env::args())
    }

    /// Runs with these arguments. The first one is the name of the program, as the system gives it.
    pub fn run(self, words: impl IntoIterator<Item = impl Into<String>>) -> ExitCode {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        let command = format!("cargo test --test {} --", target(words.first().map_or("", String::as_str)));
        match TestArgs::try_parse_from(words) {
            Ok(mut args) => {
                args.source.matchers = self.matchers;
                ended(test::run(&args, &command))
            }
            Err(error) => misused(&error),
        }
    }
}

/// The test target's name, without the dash and the sixteen hexadecimal digits that cargo appends.
fn target(program: &str) -> &str {
    let stem = Path::new(program).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()) => name,
        _ => "integration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_runs_it_again_names_the_target() {
        for (program, name) in [
            ("/p/target/debug/deps/llm-0123456789abcdef", "llm"),
            (r"llm_suites-0123456789abcdef.exe", "llm_suites"),
            ("integration", "integration"),
            ("my-tests", "integration"),
            ("", "integration"),
        ] {
            assert_eq!(target(program), name, "{program}");
        }
    }
}
