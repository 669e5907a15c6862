//! The template language: from text to a [`Template`](bake::Template) or a [`Service`](service::Service) in which nothing
//! is left to resolve, or every reason why not. Pure, but for `load.rs`. Asking the account, and running anything, is left
//! to `bake` and `roll`.

mod amazon;
pub mod bake;
mod check;
mod clear;
mod credentials;
mod decode;
mod engine;
mod forms;
pub mod functions;
mod image;
mod interpolate;
pub mod jinja;
pub mod late;
mod layout;
pub mod load;
mod local;
mod near;
mod options;
pub mod post_processor;
mod post_processors;
pub mod provisioner;
mod provisioners;
mod read;
mod seconds;
pub mod secret;
pub mod service;
mod services;
#[cfg(test)]
mod spellings;
pub mod stores;
pub mod tags;
mod vars;

pub use late::{Data, Late};
pub use secret::Secret;
