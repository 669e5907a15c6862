//! Groups in virtual time, each case against what AWS does.

mod capacity;
mod lifecycle;
mod mixed;
mod refresh;
mod rules;
mod settings;
mod traffic;
