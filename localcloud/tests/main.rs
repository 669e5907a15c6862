//! localcloud's one integration binary; a file that is not listed here fails `every_file_is_listed`.
//!
//! Some need root, real proxies and real machines. They fail where these are missing: a skipped test would prove nothing.

#[cfg(test)]
mod balancer;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod host;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod model;
#[cfg(test)]
mod wire;

/// A test file that nobody lists would never run, and nobody would notice.
#[test]
fn every_file_is_listed() {
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_module = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").exists();
        assert!(
            !is_module || name == "main" || listed.contains(&format!("mod {name};")),
            "{name} is not listed"
        );
    }
}
