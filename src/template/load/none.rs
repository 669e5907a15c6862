//! No file is what is asked for: which key would tell it, and whether one is meant to be that key.

use super::Kind;
use crate::source::json::{Json, Text, Value};
use crate::source::{Diagnostic, Span};
use crate::template::near;

const TEMPLATE: &str = "a template is told by a key `builders`";
const SERVICE: &str = "a service file is told by the keys `format` and `service`";

/// That none of the files read is of a kind.
pub(super) fn none_of<'j>(
    kind: Kind,
    what: &str,
    typed: Option<Span>,
    read: impl Iterator<Item = &'j Json>,
) -> Diagnostic {
    let finding = Diagnostic::error("template::no_file", format!("no file is a {what}"));
    let mut read = read;
    if let Some((key, name, told)) = read.find_map(misspelt) {
        return finding
            .at(key.span, "a key of a var file")
            .help(format!("did you mean `{name}`? {told}"));
    }
    let told = if kind == Kind::Template {
        TEMPLATE
    } else {
        SERVICE
    };
    match typed {
        Some(span) => finding
            .at(span, "not this one")
            .help(format!("{told}; a file without is taken for a var file")),
        None => finding.help(format!("name a {what}")),
    }
}

/// A root key that is nearly one that tells what a file is.
fn misspelt(json: &Json) -> Option<(&Text, &'static str, &'static str)> {
    let has = |name: &str| json.get(name).is_some();
    let like = |name: &'static str, told| {
        let members = json.members().unwrap_or_default().iter();
        let mut keys = members.map(|member| &member.key);
        let key = keys.find(|key| near::nearest(&key.value, [name]).is_some())?;
        Some((key, name, told))
    };
    match (has("format"), has("service"), has("builders")) {
        (_, _, true) | (true, true, _) => None,
        (true, ..) => like("service", SERVICE),
        (_, true, _) => like("format", SERVICE),
        // A variable may be called so, a list of objects is rarely one's value.
        _ => like("builders", TEMPLATE).filter(|(key, ..)| lists_objects(json, &key.value)),
    }
}

fn lists_objects(json: &Json, key: &str) -> bool {
    match json.get(key).map(|json| &json.value) {
        Some(Value::List(items)) => {
            !items.is_empty() && items.iter().all(|item| item.members().is_some())
        }
        _ => false,
    }
}
