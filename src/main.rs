//! The thin binary: everything else is in the library.

fn main() -> std::process::ExitCode {
    kiln::cli::main()
}
