//! Small templates, one a feature or trap of Packer's language (anchors: sections 1 and 7), each with what comes of it: accepted or refused
//! with its findings, and every variable's final value. Debian's packer judges them too; where it differs, the table says why.
//!
//! `NAME.json` is the template, `NAME.args` what is typed besides, a line each. Variables named `now_…` and `here_…` stand in no
//! picture, since they differ from run to run or from host to host; `here_…` are compared with Packer's.

use super::request;
use kiln::source::{Diagnostic, SourceMap};
use kiln::template::load::{self, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// Templates that only one of the two takes, and why that is so.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "functions-build-in-builder",
        "Packer renders a placeholder into the image's description",
    ),
    (
        "functions-clean-in-variables",
        "kiln has the function everywhere",
    ),
    (
        "functions-clean-old-name",
        "public templates still have the old name",
    ),
    ("go-braces", "Packer evaluates what came out once more"),
    ("go-printf-misfit", "Packer prints `%!d(string=x)`"),
    ("json-comment", "kiln takes JSON with comments"),
    (
        "json-trailing-comma",
        "kiln takes JSON with trailing commas",
    ),
    ("kiln-include", "kiln's own"),
    ("kiln-jinja", "kiln's own"),
    ("kiln-values", "variables of kiln are any JSON"),
    (
        "post-processor-artifice-removes",
        "Packer removes the image, and kiln never does",
    ),
    (
        "post-processor-compress-format",
        "Packer makes a tar.gz where it does not know a format",
    ),
    (
        "post-processor-compress-image",
        "Packer makes an empty archive, and removes the image",
    ),
    (
        "root-comment-twice",
        "a comment means nothing, so that two of them do no harm",
    ),
    (
        "variables-env-outside",
        "Packer 1.6.6 renders it empty; later ones refuse it, too",
    ),
    ("variables-list", "variables of kiln are any JSON"),
    ("variables-number", "variables of kiln are any JSON"),
];

/// Variables that have another value in Packer, and why.
const OTHER_VALUES: &[(&str, &str, &str)] = &[
    (
        "go-with",
        "a",
        "Packer takes `{{.}}` in a variable for data of the run, whatever stands around it",
    ),
    (
        "variables-function-names",
        "timestamp",
        "the two are asked at different instants",
    ),
    (
        "variables-sensitive",
        "key",
        "Packer's console hides it; `kiln console` does too",
    ),
    ("variables-sensitive", "made", "as the one before"),
];

fn folder() -> PathBuf {
    PathBuf::from(super::fixture("templates"))
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.filter_map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".json").map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// What is typed besides the template.
fn arguments(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.args"))).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("HOME".to_owned(), "/home/ada".to_owned()),
        ("KILN_TEST".to_owned(), "from the environment".to_owned()),
    ])
}

fn typed(name: &str) -> Request {
    let mut request = request(folder().to_str().unwrap());
    request.world.environment = environment();
    request.files = vec![format!("{name}.json")];
    let mut arguments = arguments(name).into_iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("-var-file=") {
            Some(file) => request.var_files.push(file.to_owned()),
            None => request.vars.extend(arguments.next()),
        }
    }
    request
}

/// What kiln makes of a template.
struct Judged {
    accepted: bool,
    findings: Vec<Diagnostic>,
    values: BTreeMap<String, String>,
    sources: SourceMap,
}

fn judge(name: &str) -> Judged {
    let request = typed(name);
    let mut sources = SourceMap::new();
    let (accepted, findings) = match load::bake(&request, &mut sources) {
        Ok((_, findings)) => (true, findings),
        Err(findings) => (false, findings),
    };
    let mut values = BTreeMap::new();
    if let Ok(variables) = load::variables(&request, &mut SourceMap::new()) {
        for variable in variables.all() {
            if let Some(value) = variable.value {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                values.insert(variable.name.clone(), text);
            }
        }
    }
    Judged {
        accepted,
        findings,
        values,
        sources,
    }
}

fn picture(judged: &Judged) -> String {
    let mut out = String::from(if judged.accepted {
        "accepted\n"
    } else {
        "refused\n"
    });
    for finding in &judged.findings {
        let place = finding
            .labels
            .first()
            .map(|label| judged.sources.locate(label.span));
        let place = place.unwrap_or_default();
        writeln!(
            out,
            "{:?} {} {place}: {}",
            finding.severity, finding.code, finding.message
        )
        .unwrap();
    }
    for (name, value) in &judged.values {
        if !name.starts_with("now_") && !name.starts_with("here_") {
            writeln!(out, "{name} = {value:?}").unwrap();
        }
    }
    out
}

#[test]
fn each_comes_to_what_it_must() {
    let names = names();
    assert!(names.len() >= 60);
    for name in names {
        let picture = picture(&judge(&name));
        insta::with_settings!({ snapshot_path => "../fixtures/templates/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, picture);
        });
    }
}

/// Packer with a template, on a host that tells it nothing.
fn packer(command: &[&str], name: &str, lines: &str) -> (bool, String) {
    let mut child = Command::new("packer")
        .args(command)
        .args(arguments(name))
        .arg(format!("{name}.json"))
        .current_dir(folder())
        .env_clear()
        .envs(environment())
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("CHECKPOINT_DISABLE", "1")
        .env("PACKER_NO_COLOR", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("no packer, which `make deps` installs: {error}"));
    // One that refuses the template reads nothing.
    drop(child.stdin.take().unwrap().write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Whether Packer takes it, and the variables that its console lists: `name: value,` each.
fn packers(name: &str) -> (bool, String, BTreeMap<String, String>) {
    let (accepted, said) = packer(&["validate"], name, "");
    if !accepted {
        return (false, said, BTreeMap::new());
    }
    let (_, listed) = packer(&["console"], name, "variables\n");
    let entries = listed
        .split(",\n")
        .filter_map(|entry| entry.trim_start_matches('\n').split_once(": "));
    let values = entries.filter(|(name, _)| !name.is_empty());
    let values = values
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    (true, said, values)
}

/// How Packer differs, in words.
fn differences(name: &str) -> Vec<String> {
    let ours = judge(name);
    let (accepted, said, theirs) = packers(name);
    if accepted != ours.accepted {
        let known = DIFFERENCES.iter().any(|(known, _)| *known == name);
        let word = |yes| if yes { "takes" } else { "refuses" };
        let text = format!(
            "{name}: kiln {} it, packer {} it: {said}",
            word(ours.accepted),
            word(accepted)
        );
        return if known { Vec::new() } else { vec![text] };
    }
    if DIFFERENCES.iter().any(|(known, _)| *known == name) {
        return vec![format!(
            "{name}: is in the table, and there is no difference"
        )];
    }
    let other = |variable: &str| {
        OTHER_VALUES
            .iter()
            .any(|(known, of, _)| (*known, *of) == (name, variable))
    };
    let compared = theirs
        .iter()
        .filter(|(variable, _)| !variable.starts_with("now_"));
    let differing = compared
        .filter(|(variable, value)| (ours.values.get(*variable) != Some(value)) != other(variable));
    differing
        .map(|(variable, value)| {
            format!(
                "{name}: {variable} is {:?}, in packer {value:?}",
                ours.values.get(variable)
            )
        })
        .collect()
}

#[test]
fn packer_judges_alike() {
    let names = names();
    let found: Vec<String> = thread::scope(|scope| {
        let parts = names.chunks(names.len().div_ceil(4));
        let works: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .flat_map(|name| differences(name))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        works
            .into_iter()
            .flat_map(|work| work.join().unwrap())
            .collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}
