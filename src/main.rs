//! The thin binary: all of it is in the library.

/// Requests and replies are many small blocks that one thread makes and another one frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    retake::cli::main()
}
