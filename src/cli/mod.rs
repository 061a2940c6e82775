//! The command line: from arguments to settings, to a wired program, to an exit code.

mod address;
mod app;
mod args;
mod bases;
mod budget;
mod check;
mod completions;
mod conform;
mod counted;
mod doctor;
mod ending;
mod exit;
mod figures;
mod harness;
mod hooks;
mod init;
mod intercept;
mod interrupt;
mod live;
mod load;
mod man;
mod masks;
mod memory;
mod named;
mod near;
mod nextest;
mod output;
mod prices;
mod program;
mod proof;
mod proxy;
mod record;
mod report;
mod reports;
mod retired;
mod rules;
#[cfg(feature = "schema")]
mod schema;
mod script;
mod select;
mod serve;
mod sessions;
mod settings;
mod shield;
mod socket;
#[cfg(feature = "stack")]
mod stack;
mod tapes;
mod test;
mod twice;
mod unused;
mod watch;
mod watchdog;
#[cfg(windows)]
mod windows;
mod wire;
mod witness;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use args::{Command, Program};
use clap::Parser as _;
pub use exit::{Exit, Stop};
pub use harness::Harness;

use crate::exchange::Secrets;

/// The binary `retake`.
pub fn main() -> ExitCode {
    match Program::try_parse() {
        Ok(program) => ended(match program.command {
            Command::Init(args) => init::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Test(args) => test::run(&args, "retake test"),
            Command::Watch(args) => watch::run(*args),
            Command::Report(args) => report::run(&args),
            Command::Record(args) => record::run(*args),
            #[cfg(feature = "stack")]
            Command::Stack(args) => stack::run(&args),
            #[cfg(not(feature = "stack"))]
            Command::Stack(_) => Err(Stop::not_built("stack")),
            Command::Serve(args) => serve::run(&args),
            Command::Run(args) => return program::run(*args).unwrap_or_else(stopped),
            Command::Script(args) => script::run(&args),
            #[cfg(feature = "schema")]
            Command::Schema(args) => schema::run(&args),
            #[cfg(not(feature = "schema"))]
            Command::Schema(_) => Err(Stop::not_built("schema")),
            Command::Check(args) => check::run(&args),
            Command::Conform(args) => conform::run(*args),
            Command::Rules(args) => rules::run(&args),
            Command::Prices(args) => prices::run(&args),
            Command::Ca(args) => intercept::ca(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }),
        Err(error) => misused(&error),
    }
}

/// The test target: `retake test` as `cargo test` calls it, from the package's folder.
pub fn harness() -> ExitCode {
    Harness::new().main()
}

fn ended(result: Result<Exit, Stop>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(stop) => stopped(stop),
    }
}

fn stopped(stop: Stop) -> ExitCode {
    output::warn(&Secrets::default(), &worded(&stop));
    stop.exit.into()
}

/// Rendered diagnostics are printed unchanged; a plain message gets pytest's prefix `ERROR: `.
fn worded(stop: &Stop) -> String {
    let message = stop.message.trim_end();
    if message.contains("-->") || stop.exit == Exit::Interrupted || message.starts_with("ERROR") {
        message.to_owned()
    } else {
        format!("ERROR: {message}")
    }
}

/// Help and version are no mistakes; everything else exits with 4, as in pytest.
fn misused(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
}

/// How long the end of the program waits for files that are being written. A write that waits for another program's
/// lock may never end; its file is written whole or not at all.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Runs async work on a runtime of its own.
fn block_on<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Stop::internal)?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WRITES);
    done
}
