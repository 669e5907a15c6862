//! Runs of `kiln bake` from outside: several at once, how they end, and the documents that they leave.

mod accounts;
mod asked;
mod bakery;
mod findings;
mod fleet;
mod gate;
mod machine;
mod manifest;
mod model;
mod notify;
mod on_error;
mod posts;
mod result;
mod roles;
mod rolls;
mod secrets;
mod service;
mod sessions;
mod several;
mod signals;
mod terminal;
mod unchanged;
mod unpublished;
mod vault;
