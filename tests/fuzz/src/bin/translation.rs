//! Texts made of the pieces of Go's and Jinja's languages, so that most of them parse.
#![no_main]

use serde_json::json;

const PIECES: &[&str] = &[
    "{{", "}}", "{{- ", " -}}", "{% ", " %}", "if ", "else", "end", "range ", "with ", "user `v`", "user `l`", "(", ")", " | ", "upper ",
    "lower ", "replace_all ", "replace ", "split ", "`a`", "\"b\"", "`-`", "-1", "0", "1", "9", "1000000", " ", "$x", " := ", ", ", ".", ".Path",
    "$", "printf ", "`%s`", "`%9d`", "index ", "len ", "eq ", "and ", "or ", "not ", "slice ", "print ", "timestamp", "isotime ", "strftime ",
    "`%Y%j`", "clean_resource_name", "for i in ", "range(9)", "l", "v", "endfor", "endif", "set x = ", "x", " ~ ", " * ", "endset", "[1, 2]",
    "|join('-')", "|length", "/*", "*/", "{% raw %}", "{% endraw %}", "html ", "js ", "urlquery ", "vault ", "env ", "build ", "é", "\n",
    "filter upper", "endfilter", "with a = ", "endwith", "'", "range(100000)", "|list", " + ", "|replace('a', v)", "|indent(", "|batch(", "|format(",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text: String = bytes.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect();
    let template = json!({
        "variables": { "v": "v1.2-b", "w": text, "l": ["a", "é"] },
        "builders": [fuzz::builder(json!({ "tags": { "t": text } }))],
        "provisioners": [{ "type": "shell", "inline": [], "script": "x", "execute_command": text }],
    });
    fuzz::read(&template);
});
