//! kiln's one integration binary; a file that is not listed here fails `every_file_is_listed`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in what it calls too"
)]

mod cli;
mod complaints;
mod language;
mod layers;
mod machines;
mod post;
mod provision;
mod runs;
mod shipped;
mod simulation;
mod ssh;
mod wire;

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A test file that nobody lists would never run, and nobody would notice.
#[test]
fn every_file_is_listed() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    check_listed(&tests, "main.rs");
}

/// The modules in a folder are named by `list`; folders that are none are left alone.
fn check_listed(folder: &std::path::Path, list: &str) {
    let listed = std::fs::read_to_string(folder.join(list)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_folder = path.join("mod.rs").exists();
        let is_module = path.extension().is_some_and(|e| e == "rs") || is_folder;
        let is_list = path.file_name().is_some_and(|file| file == list);
        assert!(
            !is_module || is_list || listed.contains(&format!("mod {name};")),
            "{} is not listed",
            path.display()
        );
        if is_folder {
            check_listed(&path, "mod.rs");
        }
    }
}
