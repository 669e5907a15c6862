//! The templates of one call: each is loaded with all var files; what is wrong with any of them is said at once.

use std::collections::BTreeSet;

use crate::cli::{Context, Exit, input};
use crate::source::{Diagnostic, Label, SourceMap};
use crate::template::bake::{Build, Template};
use crate::template::load::{self, Request};

/// A template, and the same as it is at any time and in anybody's hands, where that can be had.
pub struct Loaded {
    pub template: Template,
    pub still: Option<Template>,
}

/// Loads every template among the bare files of `request`.
///
/// Errors when one cannot be baked; everything has been said then.
pub fn load(
    request: &Request,
    sources: &mut SourceMap,
    context: &Context,
) -> Result<Vec<Loaded>, Exit> {
    let requests = load::each_template(request);
    let (mut loaded, mut findings, mut failed) = (Vec::new(), Vec::new(), false);
    for request in requests {
        match load::bake(&request, sources) {
            Ok((template, found)) => {
                findings.extend(found);
                context.hide(&template.secrets);
                let still = load::still(&request);
                loaded.push(Loaded { template, still });
            }
            Err(found) => {
                failed = true;
                findings.extend(found);
            }
        }
    }
    let findings = once(findings, sources);
    if failed {
        return Err(input::refuse(&findings, sources, context));
    }
    input::show(&findings, sources, context);
    Ok(loaded)
}

/// What two templates both say of a var file or of the command line is said once.
pub fn once(findings: Vec<Diagnostic>, sources: &SourceMap) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut kept = findings;
    kept.retain(|finding| {
        let place = |label: &Label| {
            let (line, column) = sources.line_column(label.span);
            (sources.name(label.span.file).to_owned(), line, column)
        };
        let places: Vec<_> = finding.labels.iter().map(place).collect();
        seen.insert((finding.code, finding.message.clone(), places))
    });
    kept
}

/// The name of each build: with its template's before it where two have the same.
pub fn labels(builds: &[(&Template, &Build)]) -> Vec<String> {
    let name = |(_, build): &(&Template, &Build)| build.name.value.clone();
    let names: Vec<String> = builds.iter().map(name).collect();
    let label = |((template, _), name): (&(&Template, &Build), &String)| {
        if names.iter().filter(|other| *other == name).count() > 1 {
            format!("{}/{name}", template.file)
        } else {
            name.clone()
        }
    };
    builds.iter().zip(&names).map(label).collect()
}
