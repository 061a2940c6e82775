//! `cargo test --test integration`: the suites of this package, from recordings.

fn main() -> std::process::ExitCode {
    retake::cli::harness()
}
