//! The `salon` binary; all of it is in the library.

use std::process::ExitCode;

/// Gives memory back to the system after a burst, which glibc's allocator hardly does with many threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    salon::cli::run()
}
