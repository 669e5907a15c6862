//! kiln's own modules, by their paths.
#![allow(dead_code)]

#[path = "../../../src/source/mod.rs"]
pub mod source;
#[path = "../../../src/template/mod.rs"]
pub mod template;
