//! What the user types, and where the parts are put together.

/// Runs the command line and says how it ended.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
