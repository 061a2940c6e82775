//! The binary `retake`: all its code is in the library.

/// mimalloc, because requests and replies are many small blocks that one thread allocates and another one frees.
/// Its feature `no_thp` keeps it from huge pages, which would double the memory of an idle server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    retake::cli::main()
}
