//! Asks kiln about a name: a template that uses it is loaded, and what is found at its place is the answer.

use super::{Entry, NAMES};
use crate::language::Case;
use kiln::source::Diagnostic;

/// What kiln says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Supported,
    Idle(String),
    Refused(String),
    /// The schema has no such name.
    Unknown(String),
}

/// A template that uses a name, and what to look for in its findings: the text that the name stands in.
fn template(place: &str, name: &Entry) -> (String, String) {
    let sample = name.sample.replace('"', "\\\"");
    let mut words = place.split(' ');
    let (builder, root, asked) = match words.next().unwrap() {
        "root" => {
            let member = nested(words, &name.name);
            (String::new(), member.clone(), member)
        }
        "builder" => {
            let member = nested(words, &name.name);
            (member.clone(), String::new(), member)
        }
        kind @ ("provisioner" | "post-processor") => {
            let of = words.next().unwrap();
            let member = nested(words, &name.name);
            let typed = format!("\"type\": \"{of}\"");
            let object = if name.name == "type" {
                typed
            } else {
                format!("{typed}, {member}")
            };
            // What is said of the whole kind is said of its options.
            let list = format!("\"{kind}s\": [{{ {object} }}]");
            (String::new(), list, object)
        }
        "builder-types" => {
            let member = format!("\"type\": \"{}\"", name.name);
            (member.clone(), String::new(), member)
        }
        kind @ ("provisioner-types" | "post-processor-types") => {
            let member = format!("\"type\": \"{}\"", name.name);
            let list = kind.replace("-types", "s");
            (
                String::new(),
                format!("\"{list}\": [{{ {member} }}]"),
                member,
            )
        }
        "variable" => {
            let text = format!("\"<{sample}>\"");
            let member =
                format!("\"variables\": {{ \"x\": \"1\", \"l\": [\"a\"], \"asked\": {text} }}");
            (String::new(), member, text)
        }
        "builder-text" => {
            let text = format!("\"<{sample}>\"");
            (
                format!("\"iam_instance_profile\": {text}"),
                String::new(),
                text,
            )
        }
        "tag" => {
            let text = format!("\"<{sample}>\"");
            (
                format!("\"tags\": {{ \"a\": {text} }}"),
                String::new(),
                text,
            )
        }
        "shell-text" => {
            let text = format!("\"<{sample}>\"");
            let member =
                format!("\"provisioners\": [{{ \"type\": \"shell\", \"inline\": [{text}] }}]");
            (String::new(), member, text)
        }
        "execute-command" => {
            let text = format!("\"<{sample}>\"");
            let member = format!(
                "\"provisioners\": [{{ \"type\": \"shell\", \"inline\": [\"true\"], \"execute_command\": {text} }}]"
            );
            (String::new(), member, text)
        }
        other => panic!("{NAMES} has a section [{other}], which nobody knows how to ask"),
    };
    (whole(&builder, &root), asked)
}

/// The asked member below the options on the way down to it.
fn nested<'w>(way: impl DoubleEndedIterator<Item = &'w str>, name: &str) -> String {
    let value = match name {
        "type" => "\"amazon-ebs\"",
        "builders" => "[]",
        _ => "\"x\"",
    };
    let member = format!("\"{name}\": {value}");
    way.rev()
        .fold(member, |inner, option| match option.strip_suffix("[]") {
            Some(option) => format!("\"{option}\": [{{ {inner} }}]"),
            None => format!("\"{option}\": {{ {inner} }}"),
        })
}

/// A template with what every builder needs, where what is asked leaves room for it.
fn whole(builder: &str, root: &str) -> String {
    let needs = [
        ("type", "\"amazon-ebs\""),
        ("ami_name", "\"web-1\""),
        ("source_ami", "\"ami-1\""),
        ("instance_type", "\"t3.small\""),
        ("ssh_username", "\"admin\""),
    ];
    let mut parts: Vec<String> = needs
        .iter()
        .filter(|(name, _)| !builder.starts_with(&format!("\"{name}\"")))
        .filter(|(name, _)| {
            *name != "source_ami" || !builder.starts_with("\"source_ami_filter\": {")
        })
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    parts.extend((!builder.is_empty()).then(|| builder.to_owned()));
    let builders = format!("\"builders\": [{{ {} }}]", parts.join(", "));
    if root.starts_with("\"builders\"") {
        return format!("{{ {root} }}");
    }
    let root = if root.is_empty() {
        String::new()
    } else {
        format!(", {root}")
    };
    format!("{{ {builders}{root} }}")
}

/// Asks kiln.
pub fn standing(place: &str, name: &Entry) -> Standing {
    let (text, asked) = template(place, name);
    let mut case = Case::new().file("t.json", &text);
    let findings = match case.bake() {
        Ok((_, findings)) | Err(findings) => findings,
    };
    let start = text.find(&asked).unwrap();
    let about = |finding: &&Diagnostic| {
        finding.labels.iter().any(|label| {
            case.sources.name(label.span.file) == "t.json"
                && (start..start + asked.len()).contains(&label.span.start)
        })
    };
    let mut standing = Standing::Supported;
    for finding in findings.iter().filter(about) {
        let reason = reason(finding);
        match finding.code {
            "template::unknown_key" | "template::unknown_type" => return Standing::Unknown(reason),
            "template::not_yet" | "template::refused" => {
                return Standing::Refused(reason);
            }
            "template::unknown_field"
            | "template::undefined_variable"
            | "template::syntax"
            | "template::unknown_function"
                if !name.sample.is_empty() =>
            {
                return Standing::Refused(reason);
            }
            "template::idle_option" | "template::deprecated" | "template::other_builder" => {
                standing = Standing::Idle(reason);
            }
            _ => {}
        }
    }
    standing
}

/// What a finding says, without the name that it begins with.
fn reason(finding: &Diagnostic) -> String {
    let message = &finding.message;
    let reason = message
        .split_once(": ")
        .or_else(|| message.split_once(" is "))
        .filter(|(before, _)| before.contains('`'))
        .map_or(message.as_str(), |(_, reason)| reason);
    reason.replace('|', "\\|")
}
