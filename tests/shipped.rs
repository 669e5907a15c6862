//! Every template, var file, role and service that is shipped is a case here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln::provision::{check, roles};
use kiln::source::SourceMap;
use kiln::template::load;
use kiln::template::service::Strategy;

use crate::provision::{chain, read, request};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names in a folder, as paths below the root.
fn below(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let name =
        |entry: std::io::Result<fs::DirEntry>| Path::new(folder).join(entry.unwrap().file_name());
    let mut paths: Vec<_> = entries.map(name).collect();
    paths.sort();
    paths
}

/// Each way to layer the var files: common, an operating system, a mode, a host.
fn layers() -> Vec<Vec<String>> {
    let mut all = vec![vec!["vars/common.json".to_owned()]];
    for folder in ["vars/os", "vars/mode", "vars/host"] {
        let with = |layers: &Vec<String>, path: &PathBuf| {
            let mut layers = layers.clone();
            layers.push(path.to_str().unwrap().to_owned());
            layers
        };
        let paths = below(folder);
        all = all
            .iter()
            .flat_map(|layers| paths.iter().map(move |path| with(layers, path)))
            .collect();
    }
    all
}

#[test]
fn every_template_is_without_findings_on_every_layering() {
    let templates = below("templates");
    assert!(!templates.is_empty());
    for template in templates {
        for layers in layers() {
            let mut files = vec![template.to_str().unwrap().to_owned()];
            files.extend(layers);
            let (provisioners, findings) = read(root(), files.clone());
            assert_eq!(findings, [""; 0], "{files:?}");
            let failures: Vec<_> = check(&provisioners, false)
                .iter()
                .map(|failure| chain(failure))
                .collect();
            assert_eq!(failures, [""; 0], "{files:?}");
        }
    }
}

#[test]
fn every_var_file_has_its_layer() {
    let layered: BTreeSet<_> = layers().into_iter().flatten().collect();
    let mut found = BTreeSet::new();
    for path in below("vars") {
        if path.extension().is_some() {
            found.insert(path.to_str().unwrap().to_owned());
        } else {
            let paths = below(path.to_str().unwrap());
            found.extend(paths.iter().map(|path| path.to_str().unwrap().to_owned()));
        }
    }
    assert_eq!(found, layered);
}

#[test]
fn every_service_is_without_findings() {
    let services = below("services");
    let (mut kinds, mut pairs) = (BTreeSet::new(), 0);
    for service in services {
        let files = vec![
            service.to_str().unwrap().to_owned(),
            "vars/common.json".to_owned(),
        ];
        let mut request = request(root(), files);
        // As `kiln local up` exports it.
        let subnets = "subnet-0123456789abcdef0,subnet-0123456789abcdef1".to_owned();
        request
            .world
            .environment
            .insert("KILN_VAR_subnets".to_owned(), subnets);
        request
            .world
            .environment
            .insert("KILN_VAR_security_groups".to_owned(), "sg-1".to_owned());
        let mut sources = SourceMap::new();
        let read = load::service(&request, &mut sources);
        let (read, findings) =
            read.unwrap_or_else(|found| panic!("{}: {found:?}", service.display()));
        // Comments are no JSON, and welcome.
        let findings: Vec<_> = findings
            .iter()
            .filter(|finding| finding.code != "json::comment")
            .collect();
        assert!(findings.is_empty(), "{}: {findings:?}", service.display());
        match read.groups.initial {
            Some(initial) => assert_eq!(initial.subnets.len(), 2),
            None => pairs += usize::from(read.groups.pair.is_some()),
        }
        kinds.insert(match read.strategy {
            Strategy::BlueGreen => "blue_green",
            Strategy::Canary(_) => "canary",
            Strategy::Dns(_) => "dns",
            Strategy::Rolling(_) => "rolling",
            Strategy::Replace(_) => "replace",
            Strategy::ReplaceRoot(_) => "replace_root",
        });
    }
    assert_eq!(kinds.len(), 6, "an example of each strategy: {kinds:?}");
    assert_eq!(pairs, 1, "an example of a pair of groups");
}

#[test]
fn every_role_says_what_it_does_and_its_scripts_are_bash() {
    for folder in ["roles", "tests/fixtures/roles"] {
        for path in below(folder) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let role = roles::load(&root().join(&path), name).unwrap();
            assert!(!role.description.is_empty(), "{name}");
            for (part, scripts) in [("scripts", &role.scripts), ("verify", &role.verify)] {
                for script in scripts {
                    let script = role.dir.join(part).join(script);
                    let read = Command::new("bash")
                        .arg("-n")
                        .arg(&script)
                        .status()
                        .unwrap();
                    assert!(read.success(), "{}", script.display());
                }
            }
        }
    }
}

/// The names that a function gives in the key tables of a source file.
fn keys<'a>(source: &'a str, function: &str) -> Vec<&'a str> {
    let calls = source.split(&['[', ' ', '\n'][..]);
    let rest = calls.filter_map(|call| call.strip_prefix(function)?.strip_prefix("(\""));
    rest.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn the_page_of_service_files_has_every_key_and_says_which_are_not_yet() {
    let page = fs::read_to_string(root().join("docs/services.md")).unwrap();
    let mut tables: Vec<_> = below("src/template/services");
    tables.extend(below("src/template/services/checks"));
    tables.push("src/template/services.rs".into());
    tables.retain(|table| table.extension().is_some());
    let mut all = 0;
    for table in tables {
        let source = fs::read_to_string(root().join(&table)).unwrap();
        let table = table.display();
        let row = |key: &str| {
            let row = page.lines().find(|line| line.contains(&format!("`{key}`")));
            row.unwrap_or_else(|| panic!("docs/services.md lacks `{key}` of {table}"))
        };
        all += keys(&source, "on").into_iter().map(row).count();
        for key in keys(&source, "not_yet") {
            let said = page
                .lines()
                .filter(|line| line.contains(&format!("`{key}`")));
            assert!(said.clone().any(|line| line.contains("not yet")), "{key}");
        }
    }
    assert!(all > 60, "{all} keys");
}
