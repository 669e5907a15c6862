//! Text with places: named files, byte spans, values that remember where they stand, and the one error type
//! for what users write. Reading files from disk, and what a key means, are left to `template`;
//! drawing a diagnostic is left to `report`.

mod diagnostic;
pub mod json;
mod map;
mod spanned;

pub use diagnostic::{Diagnostic, Label, Severity, sort};
pub use map::{FileId, SourceMap, Span};
pub use spanned::{Place, Spanned};
