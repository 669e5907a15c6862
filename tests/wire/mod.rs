//! kiln's `aws` against endpoints that others wrote.

mod bake_on_moto;
mod moto;
