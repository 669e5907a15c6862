//! What the user sees: one sink for events, results and findings. Nothing else in kiln prints.
//!
//! stdout carries the result alone; progress, findings and failures go to stderr: bars on a terminal, plain lines with
//! times otherwise, and JSON lines into a file when asked.

mod bars;
pub mod diagnostics;
mod mask;
mod plain;
mod sarif;
mod sink;
mod words;

pub use mask::Mask;
pub use sarif::sarif;
pub use sink::{Look, Report};
pub use words::{bytes, seconds};
