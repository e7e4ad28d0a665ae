//! The program `strongroom`: everything is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    strongroom::cli::main()
}
