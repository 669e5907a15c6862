//! What the project ships must check without a finding: each template and service file with each of its layers.

use super::request;
use kiln::report::diagnostics::render;
use kiln::source::SourceMap;
use kiln::template::load::{self, Request};
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The JSON files of a folder, as typed in the project's root.
fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(format!("{ROOT}/{folder}")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "json"))
        .map(|name| format!("{folder}/{name}"))
        .collect()
}

fn check(files: &[&str], vars: &[&str]) {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let request = Request {
        files: texts(files),
        vars: texts(vars),
        running: true,
        strict: true,
        ..request(ROOT)
    };
    let mut sources = SourceMap::new();
    let findings = if files[0].starts_with("services") {
        load::service(&request, &mut sources)
            .map_or_else(|findings| findings, |(_, findings)| findings)
    } else {
        load::bake(&request, &mut sources)
            .map_or_else(|findings| findings, |(_, findings)| findings)
    };
    assert!(
        findings.is_empty(),
        "{files:?}\n{}",
        render(&findings, &sources, false, 100)
    );
}

#[test]
fn every_template_checks_with_every_system_mode_and_host() {
    for template in files("templates") {
        for os in files("vars/os") {
            for mode in files("vars/mode") {
                for host in files("vars/host") {
                    check(
                        &[&template, "vars/common.json", &os, &mode, &host],
                        &["version=1.10"],
                    );
                }
            }
        }
    }
}

#[test]
fn every_service_file_checks_with_every_mode() {
    for service in files("services") {
        for mode in files("vars/mode") {
            check(
                &[&service, "vars/common.json", &mode],
                &["subnets=subnet-1,subnet-2"],
            );
        }
    }
}
