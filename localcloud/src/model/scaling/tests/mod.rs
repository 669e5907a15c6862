//! Groups in virtual time, each case against what AWS does.

mod capacity;
mod lifecycle;
mod settings;
mod traffic;
