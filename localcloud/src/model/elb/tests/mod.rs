//! Strictness of load balancing, each case against what AWS does.

mod health;
mod listeners;
mod network;
mod settings;
