//! The one part of the language that touches the world: reads files, tells them apart, folds the layers, and hands all of it
//! to the checks. Clock, environment, working directory and random numbers come with the request.

mod arguments;
mod disk;
mod findings;
mod include;
mod layers;
mod none;
mod outline;
mod several;
mod still;
mod variables;

use super::bake::Template;
use super::check::Checker;
use super::credentials;
use super::functions::Facts;
use super::local::Local;
use super::secret::Secret;
use super::service::Service;
use super::{read, services};
use crate::source::json::Json;
use crate::source::{Diagnostic, SourceMap, sort};
pub use disk::Folder;
use layers::Inputs;
pub use outline::{
    Outline, OutlineBuilder, OutlineVariable, ServiceOutline, outline, service_outline, syntax,
};
pub use several::each_template;
use std::path::{Path, PathBuf};
pub use still::still;
pub use variables::{Evaluated, Given, Variable, Variables, variables};

pub use super::functions::Facts as World;
pub use super::local::Disk;
pub use super::vars::Layer;

/// What the user typed, and the world it was typed in.
#[derive(Debug, Clone)]
pub struct Request {
    /// Bare files, told apart by content.
    pub files: Vec<String>,
    /// `-var-file`, in order; they come before bare var files.
    pub var_files: Vec<String>,
    /// `-var`, each `name=value`.
    pub vars: Vec<String>,
    /// `-only`, split at commas.
    pub only: Vec<String>,
    /// `-except`, split at commas.
    pub except: Vec<String>,
    /// Undefined variables in Packer's form are errors too, and files that are not here.
    pub strict: bool,
    /// Something will run, so files that are not here are errors.
    pub running: bool,
    /// The text of the file `-`.
    pub stdin: Option<String>,
    /// Clock, environment, directories, random numbers. `template_directory` is set here.
    pub world: World,
}

/// What a bare file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has `builders`.
    Template,
    /// It has `format` and `service`.
    Service,
    /// Any other object.
    Vars,
}

/// Reads and checks a bake template with its layers.
///
/// # Errors
/// Every finding, sorted by place, when at least one is an error.
pub fn bake(
    request: &Request,
    sources: &mut SourceMap,
) -> Result<(Template, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut inputs = Inputs::read(request, sources);
    let Some((file, json)) = inputs.take_one(Kind::Template) else {
        return Err(sorted(inputs.findings));
    };
    let raw = read::read(&json, &mut inputs.findings);
    if inputs.incomplete {
        return Err(sorted(inputs.findings));
    }
    let facts = facts(request, &file);
    let folder = Folder::new(&facts.directory);
    let local = local(request, &folder, &file);
    let settled = inputs.settle(
        raw.variables.clone(),
        &raw.sensitive,
        credentials::texts(&json),
        request,
        &facts,
    );
    let checker = Checker {
        variables: &settled.interpolator,
        facts: &facts,
        local: &local,
        selection: &inputs.selection,
    };
    let mut template = checker.template(&raw, &file);
    let credentials = template.builds.iter().flat_map(super::bake::Build::secrets);
    let mut all: Vec<Secret> = credentials.chain(settled.secrets(sources)).collect();
    all.sort_by(|one, other| one.reveal().cmp(other.reveal()));
    all.dedup();
    template.secrets = all;
    let secrets = template.secrets.clone();
    finish(template, inputs.findings, settled, &json, &secrets)
}

/// Reads and checks a service file with its layers.
///
/// # Errors
/// Every finding, sorted by place, when at least one is an error.
pub fn service(
    request: &Request,
    sources: &mut SourceMap,
) -> Result<(Service, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut inputs = Inputs::read(request, sources);
    let Some((file, json)) = inputs.take_one(Kind::Service) else {
        return Err(sorted(inputs.findings));
    };
    // Only Packer minds comments, and it never reads this file.
    inputs
        .findings
        .retain(|finding| !is_about_packer(finding, &json));
    let variables = read::members(&json, "variables", &mut inputs.findings);
    if inputs.incomplete {
        return Err(sorted(inputs.findings));
    }
    let sensitive: Vec<_> = json
        .get("sensitive-variables")
        .map(texts)
        .unwrap_or_default();
    let facts = facts(request, &file);
    let folder = Folder::new(&facts.directory);
    let local = local(request, &folder, &file);
    let mut settled = inputs.settle(variables, &sensitive, vec![], request, &facts);
    settled.interpolator.in_variables = false;
    let service = services::read(&settled.interpolator, &json, &file, &local, sources);
    let secrets = settled.secrets(sources);
    match service {
        Some(service) => finish(
            Service {
                secrets: secrets.clone(),
                ..service
            },
            inputs.findings,
            settled,
            &json,
            &secrets,
        ),
        None => Err(all(inputs.findings, settled, &json, &secrets)),
    }
}

/// What each bare file was taken for, by its content; files that cannot be read are left out here and reported by the load.
pub fn kinds(request: &Request, sources: &mut SourceMap) -> Vec<(String, Kind)> {
    Inputs::read(request, sources).kinds()
}

fn texts(json: &Json) -> Vec<crate::source::json::Text> {
    match &json.value {
        crate::source::json::Value::List(items) => {
            items.iter().filter_map(Json::text).cloned().collect()
        }
        _ => Vec::new(),
    }
}

fn is_about_packer(finding: &Diagnostic, json: &Json) -> bool {
    matches!(finding.code, "json::comment" | "json::trailing_comma")
        && finding
            .labels
            .iter()
            .any(|label| label.span.file == json.span.file)
}

fn facts(request: &Request, file: &str) -> Facts {
    let path = Path::new(&request.world.directory).join(file);
    let folder = path.parent().map(clean).unwrap_or_default();
    Facts {
        template_directory: folder,
        stores: request.world.stores.for_load(),
        ..request.world.clone()
    }
}

/// A path without `.` parts, as text.
fn clean(path: &Path) -> String {
    path.components()
        .collect::<PathBuf>()
        .to_string_lossy()
        .into_owned()
}

fn local<'l>(request: &'l Request, disk: &'l Folder, file: &str) -> Local<'l> {
    let home = request.world.environment.get("HOME").map(String::as_str);
    Local {
        disk,
        home,
        environment: &request.world.environment,
        role_folders: disk.role_folders(file),
        needed: request.running || request.strict,
    }
}

fn finish<T>(
    value: T,
    findings: Vec<Diagnostic>,
    settled: layers::Settled,
    json: &Json,
    secrets: &[Secret],
) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
    let findings = all(findings, settled, json, secrets);
    if findings.iter().any(Diagnostic::is_error) {
        Err(findings)
    } else {
        Ok((value, findings))
    }
}

fn all(
    mut findings: Vec<Diagnostic>,
    settled: layers::Settled,
    json: &Json,
    secrets: &[Secret],
) -> Vec<Diagnostic> {
    findings.extend(settled.finish(json));
    for finding in &mut findings {
        for secret in secrets {
            finding.message = finding.message.replace(secret.reveal(), "<sensitive>");
            finding.help = finding
                .help
                .take()
                .map(|help| help.replace(secret.reveal(), "<sensitive>"));
        }
    }
    sorted(findings)
}

fn sorted(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    sort(&mut findings);
    findings
}
