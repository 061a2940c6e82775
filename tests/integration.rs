//! `cargo test --test integration -- --setup together --pattern openai`: runs the suites of this package.

fn main() -> std::process::ExitCode {
    retake::cli::harness()
}
