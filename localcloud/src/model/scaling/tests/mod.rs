//! Groups in virtual time, each case against what AWS does.

mod capacity;
mod lifecycle;
mod rules;
mod settings;
mod traffic;
