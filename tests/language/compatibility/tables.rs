//! The tables of options as they stand in the sources.

use super::{NAMES, root, sections};
use std::fs;
use std::path::{Path, PathBuf};

/// What makes a row.
const ROWS: &[&str] = &["on", "idle", "old", "refused"];

/// Options that kiln adds to Packer's belong on the page, too.
#[test]
fn every_option_of_the_tables_is_on_the_page() {
    let known: Vec<String> = sections()
        .into_iter()
        .flat_map(|section| section.names)
        .map(|name| name.name)
        .collect();
    let mut missing = Vec::new();
    for (path, text) in sources(&root().join("src/template")) {
        let names = ROWS.iter().flat_map(|row| names(&text, row));
        let unknown = names.filter(|name| !known.iter().any(|known| known == name));
        missing.extend(unknown.map(|name| format!("{}: {name}", path.display())));
    }
    assert_eq!(
        missing, [""; 0],
        "not in {NAMES}; add them there (with `+` when they are not Packer's), then `make compatibility`"
    );
}

/// An option that is in a table and that nothing reads would be ignored in silence.
#[test]
fn every_option_of_the_tables_is_read() {
    let sources = sources(&root().join("src/template"));
    let texts = || sources.iter().map(|(_, text)| text.as_str());
    for (path, text) in &sources {
        for name in names(text, "on") {
            let written = format!("\"{name}\"");
            let times: usize = texts().map(|text| text.matches(&written).count()).sum();
            let rows: usize = texts()
                .flat_map(|text| ROWS.iter().flat_map(|row| names(text, row)))
                .filter(|other| *other == name)
                .count();
            assert!(
                times > rows,
                "{}: `{name}` is in a table as one that is read, and nothing reads it",
                path.display()
            );
        }
    }
}

/// The names in the rows that a function makes.
fn names<'t>(text: &'t str, row: &str) -> Vec<&'t str> {
    let call = format!("{row}(");
    let name = |(at, _): (usize, &str)| {
        let word = text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = text[at + call.len()..].trim_start().strip_prefix('"')?;
        (!word).then(|| rest.split('"').next().unwrap())
    };
    text.match_indices(call.as_str()).filter_map(name).collect()
}

/// The template's sources without the service file's and the tests.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "services" {
            all.extend(sources(&path));
        } else if path.is_file() && name != "services.rs" {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            all.push((path, code));
        }
    }
    all
}
