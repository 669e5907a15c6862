//! `kiln fmt`: templates, service files and var files in one steady layout.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use clap::{ArgAction, Args};
use serde_json::json;

use crate::cli::{Context, Exit, input};
use crate::source::json;
use crate::source::{Diagnostic, SourceMap};
use crate::store::Replacement;

/// Lines around a change that are shown with it.
const AROUND: usize = 3;

/// The root keys of a template and of a service file that come first, in this order; others follow as written.
const ROOT: &[&str] = &[
    "format",
    "service",
    "account",
    "region",
    "state",
    "description",
    "min_packer_version",
    "include",
    "kiln",
    "variables",
    "sensitive-variables",
    "builders",
    "provisioners",
    "error-cleanup-provisioner",
    "post-processors",
];
/// What comes first in a builder, provisioner or post-processor.
const PART: &[&str] = &["type", "name", "only", "except"];
const PARTS: &[&str] = &[
    "builders",
    "provisioners",
    "error-cleanup-provisioner",
    "post-processors",
];

/// Lay out templates, service files and var files
///
/// Rewrites each FILE with two spaces a level and steady line breaks: an object or list that was written on one line stays there
/// while it fits into 100 columns, any other has a line for each entry; one empty line at most stays between entries. Comments stay with
/// what they stand before or beside; trailing commas go. Strings and numbers stay as they are written.
///
/// Keys come in this order. Root: `format`, `service`, `account`, `region`, `state`, `description`, `min_packer_version`, `include`, `kiln`, `variables`,
/// `sensitive-variables`, `builders`, `provisioners`, `error-cleanup-provisioner`, `post-processors`, then others. Builders, provisioners and
/// post-processors: `type`, `name`, `only`, `except`, then others. What is not named here, and all of a var file, stays in the order written. Formatting twice
/// changes nothing, and values are never changed: what is laid out is read again before it is written. A byte order mark goes.
///
/// The names of files that were not formatted are printed. FILE `-` reads stdin and prints the result. A file is replaced by rename, so that it is
/// whole at any moment. With -check nothing is written, and the exit code is 3 when a file is not formatted, as with `packer fmt`; 2 when a file is no JSON.
#[derive(Args, Debug)]
pub struct Fmt {
    /// Files to lay out, or `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Write nothing; exit 3 when a file is not formatted
    #[arg(long)]
    check: bool,
    /// Print what changes, as `diff -u` does
    #[arg(long)]
    diff: bool,
    /// Write the files
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    write: bool,
}

impl Fmt {
    /// Lays out every file; one that cannot be read leaves the others alone.
    pub fn run(&self, context: &Context) -> Exit {
        let (mut changed, mut exit) = (Vec::new(), Exit::Done);
        let mut text = String::new();
        for name in &self.files {
            match self.one(name, context) {
                Ok(done) => {
                    text.push_str(&done.shown);
                    if done.changed {
                        changed.push(name);
                    }
                }
                Err(wrong) => exit = wrong,
            }
        }
        context.document(&text, &json!({ "unformatted": changed }));
        if exit == Exit::Done && self.check && !changed.is_empty() {
            return Exit::CleanUpDue;
        }
        exit
    }

    fn one(&self, name: &str, context: &Context) -> Result<Done, Exit> {
        let stdin = name == "-";
        let fail = |error: io::Error| {
            let text = format!("error: {name}: {error}");
            context.say(&text);
            context.keep_error(&text);
            Exit::Usage
        };
        let before = if stdin {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(name)
        };
        let before = before.map_err(fail)?;
        let after = formatted(name, &before, context)?;
        let changed = before != after;
        let mut shown = String::new();
        if stdin && !self.check {
            shown.push_str(&after);
        } else if changed {
            shown = format!("{name}\n");
        }
        if changed && self.diff {
            shown.push_str(&diff(name, &before, &after));
        }
        if changed && !stdin && self.write && !self.check {
            replace(Path::new(name), &after).map_err(fail)?;
        }
        Ok(Done { changed, shown })
    }
}

/// What became of a file.
struct Done {
    changed: bool,
    /// What is printed of it.
    shown: String,
}

/// The text laid out; refused when it is no JSON, with its place.
fn formatted(name: &str, text: &str, context: &Context) -> Result<String, Exit> {
    let mut sources = SourceMap::default();
    let file = sources.add(name, text);
    let reading = json::read(file, &sources);
    let errors: Vec<_> = reading
        .findings
        .into_iter()
        .filter(Diagnostic::is_error)
        .collect();
    if !errors.is_empty() {
        return Err(input::refuse(&errors, &sources, context));
    }
    let is_ours = reading.value.is_some_and(|json| {
        json.get("builders").is_some()
            || (json.get("format").is_some() && json.get("service").is_some())
    });
    let rank = |way: &[&str], key: &str| if is_ours { rank(way, key) } else { 0 };
    let laid_out = json::format(text, &rank);
    if json::says_the_same(text, &laid_out) {
        return Ok(laid_out);
    }
    let text = format!(
        "error: {name}: the layout would change what the file says, so nothing is written; this is a bug in kiln, please report it with the file"
    );
    context.say(&text);
    context.keep_error(&text);
    Err(Exit::Failed)
}

fn rank(way: &[&str], key: &str) -> usize {
    let order = match way {
        [] => ROOT,
        [part] if PARTS.contains(part) => PART,
        _ => return 0,
    };
    let place = order.iter().position(|known| *known == key);
    place.unwrap_or(order.len())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut new = Replacement::begin(path)?;
    new.file().write_all(text.as_bytes())?;
    new.finish()
}

/// One hunk from the first line that differs to the last.
fn diff(name: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let backwards = old.iter().rev().zip(new.iter().rev());
    let tail = backwards.take(rest).take_while(same).count();
    let from = head.saturating_sub(AROUND);
    let until = |lines: &[&str]| (lines.len() - tail + AROUND).min(lines.len());
    let (old_end, new_end) = (until(&old), until(&new));
    let mut out = format!(
        "--- {name}\n+++ {name}\n@@ -{},{} +{},{} @@\n",
        from + 1,
        old_end - from,
        from + 1,
        new_end - from
    );
    let mut add = |sign: char, lines: &[&str]| {
        for line in lines {
            // Writing to a string cannot fail.
            writeln!(out, "{sign}{line}").unwrap_or_default();
        }
    };
    add(' ', &old[from..head]);
    add('-', &old[head..old.len() - tail]);
    add('+', &new[head..new.len() - tail]);
    add(' ', &old[old.len() - tail..old_end]);
    out
}
