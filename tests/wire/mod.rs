//! kiln's `aws` against endpoints that others wrote.

mod bake_on_moto;
pub mod bucket_on_moto;
pub mod http;
pub mod moto;
mod reach_on_moto;
pub mod stores;
mod unchecked;
