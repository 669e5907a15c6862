//! Texts that would take all memory or time are refused by a process that has little of both.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::json;

use super::Desk;

/// KiB of address space: the process itself takes half of it.
pub const SPACE: u32 = 400_000;

fn doubled(first: &str, again: &str, then: &str) -> String {
    let mut text = format!("{{% set x = {first} %}}{{% set y = {first} %}}");
    for _ in 0..60 {
        write!(text, "{again}").unwrap();
    }
    text + then
}

/// Texts that would take all memory or time.
pub fn endless() -> Vec<String> {
    let lists = "{% set x = [x, x] %}{% set y = [y, y] %}";
    let length = "{{ x | length }}";
    vec![
        doubled("'xxxxxxxx'", "{% set x = x ~ x %}", length),
        doubled("'xxxxxxxx'", "{% set x = x + x %}", length),
        doubled("'xxxxxxxx'", "{% set x = x | replace('x', 'xx') %}", length),
        doubled("'x'", "{% set x %}{{ x }}{{ x }}{% endset %}", length),
        doubled("[1]", lists, "{{ x }}"),
        doubled("[1]", lists, "{{ (x ~ '') | length }}"),
        doubled("[1]", lists, "{{ x | tojson | length }}"),
        doubled("[1]", lists, "{{ x == y }}"),
        doubled("[1]", "{% set x = x + x %}", "{{ x | sum }}"),
        doubled("[1]", "{% set x = x | chain(x) %}", "{{ x | list | length }}"),
        doubled("{'a': 1}", "{% set x = {'a': x, 'b': x} %}", "{{ x }}"),
        "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}".to_owned(),
        "{{ 'x' * 90000000 }}".to_owned(),
        "{{ [1] * 90000000 }}".to_owned(),
        "{{ ([1] * 90000000) | list | length }}".to_owned(),
        "{{ ([1] * 90000000) ~ '' }}".to_owned(),
        "{{ '' ~ 90000000 * [1] }}".to_owned(),
        "{{ ([[1] * 90000000] * 90000000) | string | length }}".to_owned(),
        "{% set x = [1] * 90000000 %}{{ x | upper }}".to_owned(),
        "{{ replace_all('1', '2', (range(9)) * 90000000) }}".to_owned(),
        "{{ range(90000) ~ '' }}".to_owned(),
        format!("{{% set x = range(9999) %}}{}{{{{ x ~ '' }}}}", "{% set x = [x, x] %}".repeat(9)),
        "{{ (['x' * 90000] * 9000) | join }}".to_owned(),
        "{{ 'a' | indent(1000000000, true) }}".to_owned(),
        "{{ '%1000000000d' | format(1) }}".to_owned(),
        "{{ [1] | batch(1000000000, 'x') | list | length }}".to_owned(),
    ]
}

#[test]
fn what_doubles_itself_is_refused_before_it_is_large() {
    for text in endless() {
        let template = json!({ "variables": { "v": text }, "builders": [{ "type": "null" }] });
        let desk = Desk::new().with("t.json", &template.to_string());
        let limited = format!("ulimit -v {SPACE}; exec \"$0\" vars t.json");
        let output = Command::new("timeout")
            .args(["60", "sh", "-c", &limited, env!("CARGO_BIN_EXE_kiln")])
            .current_dir(desk.0.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
        assert!(
            !said.contains("fuel"),
            "an error for the engine's author: {said}"
        );
    }
}

#[test]
fn what_templates_do_is_not_refused() {
    let text = "{% set a = 'x' ~ b %}{% set c = a ~ '-' ~ a %}{% for i in l %}{% set d = c ~ i * 2 * n %}{{ d }} {% endfor %}{{ '-' * 2 }}{{ range(9)|length * 2 }}";
    let template = json!({
        "variables": { "v": text, "b": "y", "l": [1, 2], "n": 3 }, "builders": [{ "type": "null" }]
    });
    let desk = Desk::new().with("t.json", &template.to_string());
    let output = desk.kiln(&["vars", "--json", "t.json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("\"xy-xy6 xy-xy12 --18\""), "{said}");
}
