//! `kiln check`: all at once and in order, for people, scripts, editors and CI, and under Packer's spellings.

use super::{Desk, document, printed, refused, template};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A template with an error in each of its parts, one of them brought by a var file.
fn wrong() -> Desk {
    let options = ",\n      \"regoin\": \"é\",\n      \"ssh_port\": \"{{user `port`}}\"";
    let root = ",\n  \"variables\": { \"port\": \"22\", \"need\": null, \"also\": \"{{user `need`}}\" },\n  \"provisioners\": [ { \"type\": \"shell\", \"inline\": \"echo a, b\" }, { \"type\": \"shell\", \"inline\": [\"true\"], \"only\": [\"wbe\"] } ]";
    Desk::new()
        .with("web ü.json", &template(options, root))
        .with("vars.json", "{\n  \"port\": \"a lot\"\n}")
}

const FILES: [&str; 2] = ["web ü.json", "vars.json"];

fn check(desk: &Desk, flags: &[&str]) -> std::process::Output {
    desk.kiln(&[&["check"], &FILES[..], flags].concat())
}

#[test]
fn the_document_has_every_finding_with_its_place_and_none_twice() {
    let document = document(&check(&wrong(), &["--json"]), 2);
    let findings = document["findings"].as_array().unwrap();
    let short = |finding: &Value| {
        format!(
            "{} {} {}:{}:{} {}",
            finding["severity"].as_str().unwrap(),
            finding["code"].as_str().unwrap(),
            finding["file"].as_str().unwrap(),
            finding["line"],
            finding["column"],
            finding["span"]
        )
    };
    let all: Vec<_> = findings.iter().map(short).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    error template::unknown_key web ü.json:10:7 {"start":217,"end":225}
    error template::missing_variable web ü.json:14:32 {"start":311,"end":317}
    warning template::comma_split web ü.json:15:50 {"start":403,"end":414}
    error template::unknown_builder web ü.json:15:113 {"start":466,"end":471}
    error template::wrong_type vars.json:2:11 {"start":12,"end":19}
    "#);
    let keys = [
        "code", "severity", "message", "help", "file", "line", "column", "span", "places",
    ];
    for finding in findings {
        let found: Vec<_> = finding.as_object().unwrap().keys().collect();
        assert_eq!(found, keys);
    }
}

#[test]
fn sarif_has_what_code_scanning_needs() {
    let desk = wrong();
    for flags in [&["--sarif"][..], &["--format=sarif"]] {
        let document = document(&check(&desk, flags), 2);
        assert_eq!(document["version"], "2.1.0");
        assert!(
            document["$schema"]
                .as_str()
                .unwrap()
                .contains("sarif-2.1.0")
        );
        let run = &document["runs"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!(driver["name"], "kiln");
        let rules: Vec<&str> = driver["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| {
                for text in ["shortDescription", "fullDescription", "help"] {
                    let text = rule[text]["text"].as_str().unwrap();
                    assert!(!text.is_empty() && !text.contains("template::"), "{rule}");
                }
                rule["id"].as_str().unwrap()
            })
            .collect();
        assert_eq!(rules.len(), rules.iter().collect::<BTreeSet<_>>().len());
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 5, "{results:#?}");
        for result in results {
            assert_is_result(result, &rules, &desk);
        }
    }
}

/// What GitHub's "SARIF support for code scanning" calls required of a result, and that the place is right.
#[track_caller]
fn assert_is_result(result: &Value, rules: &[&str], desk: &Desk) {
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(result["ruleId"], rules[index]);
    assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
    assert!(!result["message"]["text"].as_str().unwrap().is_empty());
    assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
    let locations = result["locations"].as_array().unwrap();
    assert_eq!(locations.len(), 1);
    let place = &locations[0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    let file = if uri == "vars.json" {
        "vars.json"
    } else {
        "web ü.json"
    };
    assert!(["vars.json", "web%20%C3%BC.json"].contains(&uri), "{uri}");
    let text = std::fs::read_to_string(desk.0.path().join(file)).unwrap();
    let number = |key: &str| usize::try_from(place["region"][key].as_u64().unwrap()).unwrap();
    let (start, length) = (number("byteOffset"), number("byteLength"));
    assert!(length > 0 && text.get(start..start + length).is_some());
    let before = &text[..start];
    assert_eq!(number("startLine"), before.matches('\n').count() + 1);
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    assert_eq!(number("startColumn"), column);
    assert!((number("endLine"), number("endColumn")) > (number("startLine"), column));
}

#[test]
fn a_finding_about_the_command_line_is_at_the_template_in_sarif() {
    let desk = Desk::new().with("web.json", &template("", ""));
    let sarif = document(
        &desk.kiln(&["check", "--sarif", "-only=wbe", "web.json"]),
        2,
    );
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "web.json");
    assert_eq!(place["region"]["startLine"], 1);
}

#[test]
fn a_clean_template_is_an_empty_run() {
    let desk = Desk::new().with("web.json", &template("", ""));
    let sarif = document(&desk.kiln(&["check", "--sarif", "web.json"]), 0);
    assert_eq!(sarif["runs"][0]["results"], json!([]));
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"], json!([]));
    let both = desk.kiln(&["check", "--sarif", "--json", "web.json"]);
    assert!(
        document(&both, 2)["errors"][0]
            .as_str()
            .unwrap()
            .contains("exclude")
    );
}

#[test]
fn packers_spellings_do_what_they_say() {
    let desk = wrong();
    for flags in [
        &["validate", "-color=false"][..],
        &["validate", "-timestamp-ui", "-var", "need=x"],
    ] {
        let output = desk.kiln(&[flags, &FILES[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("regoin"));
    }
    let syntax = desk.kiln(&["validate", "-syntax-only", "web ü.json"]);
    assert_eq!(
        syntax.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&syntax.stderr)
    );
    let desk = Desk::new().with("broken.json", "{ \"builders\": [}");
    refused(
        &desk,
        &["validate", "-syntax-only", "broken.json"],
        "broken.json:1:16",
        "bracket",
    );
}

#[test]
fn flags_that_change_nothing_are_taken_and_say_so() {
    let desk = Desk::new().with("web.json", &template("", ""));
    let flags = [
        "-warn-on-undeclared-var",
        "-no-warn-undeclared-var",
        "-evaluate-datasources",
        "-ignore-prerelease-plugins",
        "-use-sequential-evaluation",
        "-skip-enforcement",
    ];
    let output = desk.kiln(
        &[
            &["validate", "-config-type=json"],
            &flags[..],
            &["web.json"],
        ]
        .concat(),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for flag in flags {
        assert!(
            said.contains(&format!("note: {flag} has no effect: ")),
            "{said}"
        );
    }
    let output = desk.kiln(&["validate", "-config-type=hcl2", "web.json"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn build_is_bake() {
    let desk = Desk::new().with("web.json", &template(",\n      \"regoin\": \"x\"", ""));
    refused(
        &desk,
        &[
            "build",
            "-color=false",
            "-timestamp-ui",
            "-on-error=cleanup",
            "web.json",
        ],
        "web.json:10:7",
        "region",
    );
}

#[test]
fn only_and_except_leave_builders_out() {
    let two = template("", "").replace(
        "\n    }\n  ]",
        "\n    },\n    { \"type\": \"amazon-ebs\", \"name\": \"bad\", \"regoin\": \"x\" }\n  ]",
    );
    let desk = Desk::new().with("web.json", &two);
    for (flag, code) in [
        ("-only=amazon-ebs", 0),
        ("-except=bad", 0),
        ("-only=bad", 2),
        ("-except=amazon-ebs", 2),
    ] {
        let output = desk.kiln(&["validate", flag, "web.json"]);
        assert_eq!(output.status.code(), Some(code), "{flag}");
    }
}

#[test]
fn machine_readable_findings_are_lines() {
    let output = wrong().kiln(&["validate", "-machine-readable", "web ü.json"]);
    let lines = printed(&output, 2);
    let errors = lines.lines().filter(|line| line.contains(",,ui,error,"));
    assert_eq!(errors.count(), 3, "{lines}");
    let desk = Desk::new().with("web.json", &template("", ""));
    let lines = printed(
        &desk.kiln(&["validate", "-machine-readable", "web.json"]),
        0,
    );
    assert!(
        lines.ends_with(",,ui,say,Template validated successfully.\n"),
        "{lines}"
    );
}

#[test]
fn strict_makes_errors_of_what_is_undefined_or_unused() {
    let options = ",\n      \"iam_instance_profile\": \"{{user `nobody`}}\"";
    let root = ",\n  \"variables\": { \"idle\": \"x\", \"used\": \"y\", \"left\": \"z\" }";
    let text = template(options, root).replace(
        "\n    }\n  ]",
        "\n    },\n    { \"type\": \"null\", \"ssh_host\": \"{{user `used`}}{{ left }}\" }\n  ]",
    );
    let desk = Desk::new()
        .with("web.json", &text)
        .with("vars.json", "{ \"of_others\": 1 }");
    let files = ["web.json", "vars.json", "-var", "typed=1"];
    let codes = |flags: &[&str], code: i32| {
        let output = desk.kiln(&[&["check", "--json"], flags, &files[..]].concat());
        let document = document(&output, code);
        let findings = document["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|finding| finding["severity"] != "note");
        let short = |finding: &Value| {
            let message = finding["message"].as_str().unwrap();
            format!(
                "{} {}",
                finding["severity"].as_str().unwrap(),
                message.split('`').nth(1).unwrap()
            )
        };
        findings.map(short).collect::<BTreeSet<_>>()
    };
    let set = |all: &[&str]| {
        all.iter()
            .map(|one| (*one).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(codes(&[], 0), set(&["warning nobody", "warning typed"]));
    assert_eq!(
        codes(&["--strict"], 2),
        set(&["error idle", "error nobody", "error typed"])
    );
}

#[test]
fn variables_are_used_by_the_files_of_a_role() {
    let root = ",\n  \"variables\": { \"port\": \"80\" },\n  \"provisioners\": [ { \"type\": \"role\", \"roles\": [\"web\"] } ]";
    let desk = Desk::new().with("web.json", &template("", root)).with(
        "roles/web/role.json",
        "{ \"description\": \"a web server\" }",
    );
    let output = desk.kiln(&["check", "--strict", "web.json", "-var", "more=1"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn several_templates_are_checked_in_one_go() {
    let desk = Desk::new()
        .with("a.json", &template(",\n      \"regoin\": \"x\"", ""))
        .with("b.json", &template(",\n      \"regoin\": \"x\"", ""));
    let document = document(&desk.kiln(&["check", "--json", "a.json", "b.json"]), 2);
    let files: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["file"])
        .collect();
    assert_eq!(files, ["a.json", "b.json"]);
}
