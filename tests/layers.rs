//! The layer table: who may look where, read from the `use` lines and paths of the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module of `src/`, and the modules that it may use. DESIGN.md section 2 has the reasons.
const KILN: &[(&str, &[&str])] = &[
    ("report", &["run", "source"]),
    ("source", &[]),
    ("template", &["source"]),
    ("process", &["ssh"]),
    (
        "provision",
        &["template", "process", "ssh", "run", "source"],
    ),
    ("post", &["template", "provision", "run", "source", "store"]),
    ("ssh", &[]),
    ("reach", &["template", "ssh"]),
    ("cloud", &[]),
    ("aws", &["cloud"]),
    ("run", &[]),
    ("undo", &["cloud", "run"]),
    (
        "bake",
        &[
            "template",
            "provision",
            "ssh",
            "reach",
            "cloud",
            "run",
            "undo",
            "source",
        ],
    ),
    (
        "roll",
        &[
            "template", "cloud", "run", "undo", "source", "process", "ssh", "reach",
        ],
    ),
    ("store", &["cloud", "run"]),
    ("sweep", &["cloud", "run", "undo", "store"]),
    (
        "resume",
        &["template", "bake", "cloud", "run", "undo", "store", "sweep"],
    ),
];

/// The same for `localcloud/src/`.
const LOCALCLOUD: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("physics", &["model", "wire"]),
    ("network", &["model", "command"]),
    ("machines", &["model", "network", "command"]),
    ("balancer", &["model", "failure"]),
    ("command", &["failure"]),
    ("failure", &[]),
];

/// The files of kiln that may name the package `localcloud`.
const NAME_LOCALCLOUD: &[&str] = &["src/cli/local.rs", "src/cli/demo/kiln.rs"];

struct Source {
    path: String,
    code: String,
}

/// Every source file below `folder`, without comments and without its own test modules' text.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join(folder), &mut files);
    assert!(!files.is_empty(), "no sources below {folder}");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .map(|line| line.split("//").next().unwrap())
                .collect::<Vec<_>>()
                .join("\n");
            Source {
                path: path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                code,
            }
        })
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The first path segments behind every `crate::`, nested groups of one level included.
fn used(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, rest) in code
        .match_indices("crate::")
        .map(|(at, found)| (at, &code[at + found.len()..]))
    {
        if let Some(group) = rest.strip_prefix('{') {
            let group = &group[..group.find('}').unwrap_or(group.len())];
            names.extend(group.split(',').filter_map(first_segment));
        } else {
            names.extend(first_segment(rest));
        }
    }
    names
}

fn first_segment(path: &str) -> Option<String> {
    let name: String = path
        .trim()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty() && name.starts_with(char::is_lowercase)).then_some(name)
}

fn violations(folder: &str, table: &[(&str, &[&str])], free: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources(folder) {
        let inside = source
            .path
            .strip_prefix(folder)
            .unwrap()
            .trim_start_matches('/');
        let module = inside.split(['/', '.']).next().unwrap();
        // Test modules drive their module from above, as `physics` does the model.
        let is_test = inside.contains("/tests/") || inside.ends_with("/tests.rs");
        if free.contains(&module) || is_test {
            continue;
        }
        let Some((_, allowed)) = table.iter().find(|(name, _)| *name == module) else {
            found.push(format!(
                "{}: module `{module}` is not in the table",
                source.path
            ));
            continue;
        };
        for name in used(&source.code) {
            if name != module && !allowed.contains(&name.as_str()) {
                found.push(format!("{}: `{module}` may not use `{name}`", source.path));
            }
        }
    }
    found
}

#[test]
fn kiln_looks_only_where_it_may() {
    assert_eq!(
        violations("src", KILN, &["cli", "lib", "main"]),
        Vec::<String>::new()
    );
}

#[test]
fn localcloud_looks_only_where_it_may() {
    assert_eq!(
        violations("localcloud/src", LOCALCLOUD, &["host", "lib"]),
        Vec::<String>::new()
    );
}

#[test]
fn only_aws_names_the_sdk() {
    for source in sources("src") {
        let named = source.code.contains("aws_sdk_")
            || source.code.contains("aws_config")
            || source.code.contains("aws_smithy_");
        assert!(
            !named || source.path.starts_with("src/aws/"),
            "{} names the SDK",
            source.path
        );
    }
}

#[test]
fn only_the_local_commands_name_localcloud() {
    for source in sources("src") {
        let named = source.code.contains("localcloud::");
        let may = NAME_LOCALCLOUD
            .iter()
            .any(|allowed| source.path.starts_with(allowed));
        assert!(!named || may, "{} names localcloud", source.path);
    }
}

#[test]
fn files_fit_a_head() {
    let long: Vec<_> = ["src", "localcloud/src", "tests", "localcloud/tests"]
        .iter()
        .filter(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).exists())
        .flat_map(|folder| sources(folder))
        .map(|source| (source.code.lines().count(), source.path))
        .filter(|(lines, _)| *lines >= 400)
        .collect();
    assert_eq!(long, vec![], "files of 400 lines and more");
}

#[test]
fn a_forbidden_use_is_seen() {
    let code = "use crate::{cloud::Error, run};\nfn f() { crate::aws::connect() }";
    assert_eq!(
        used(code),
        BTreeSet::from(["aws".to_owned(), "cloud".to_owned(), "run".to_owned()])
    );
}
