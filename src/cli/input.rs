//! The files and values that commands take, as Packer's users type them, and what is said of them.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use clap::Args;

use crate::cli::service::service_name;
use crate::cli::{Context, Exit, stores};
use crate::report::diagnostics;
use crate::run::Clock;
use crate::source::{Diagnostic, SourceMap};
use crate::template::load::{self, Kind, Request, Variables, World, kinds};
use crate::template::stores::Stores;

/// Files and values.
#[derive(Args, Debug)]
pub struct Input {
    /// The template or service file, then var files; later ones win. They are told apart by content
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Set a variable, above every var file
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
    /// Read variables from a JSON file
    #[arg(long = "var-file", value_name = "FILE")]
    var_files: Vec<String>,
    /// What is undefined, unused or missing is an error: variables in Packer's form that nothing sets, declared or typed
    /// ones that nothing uses, local files that are not here
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    packers: Packers,
}

/// Flags of Packer's that change nothing here. They are taken, and what they would say is said.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags as typed")]
struct Packers {
    #[arg(long, hide = true)]
    warn_on_undeclared_var: bool,
    #[arg(long, hide = true)]
    no_warn_undeclared_var: bool,
    #[arg(long, hide = true)]
    evaluate_datasources: bool,
    #[arg(long, hide = true)]
    ignore_prerelease_plugins: bool,
    #[arg(long, hide = true)]
    use_sequential_evaluation: bool,
    #[arg(long, hide = true)]
    skip_enforcement: bool,
    #[arg(long, hide = true, value_parser = ["json"])]
    config_type: Option<String>,
}

impl Packers {
    /// A sentence for each flag that was given.
    fn notes(&self) -> impl Iterator<Item = String> {
        let warned = "a variable that nothing declares is always warned of when nothing uses it";
        let hcl = "it concerns HCL templates, and kiln reads JSON";
        let flags = [
            (
                self.warn_on_undeclared_var,
                "warn-on-undeclared-var",
                warned,
            ),
            (
                self.no_warn_undeclared_var,
                "no-warn-undeclared-var",
                warned,
            ),
            (self.evaluate_datasources, "evaluate-datasources", hcl),
            (
                self.use_sequential_evaluation,
                "use-sequential-evaluation",
                hcl,
            ),
            (
                self.ignore_prerelease_plugins,
                "ignore-prerelease-plugins",
                "kiln has no plugins",
            ),
            (
                self.skip_enforcement,
                "skip-enforcement",
                "kiln knows no registry",
            ),
        ];
        let given = flags.into_iter().filter(|(given, ..)| *given);
        given.map(|(_, flag, why)| format!("note: -{flag} has no effect: {why}"))
    }
}

/// Which builders of a template.
#[derive(Args, Debug, Default)]
pub struct Selection {
    /// Only the builders of these names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// All but the builders of these names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub except: Vec<String>,
}

impl Input {
    /// The one bare argument, when no file is called so and a service may be.
    pub fn name(&self) -> Option<&str> {
        let [name] = self.files.as_slice() else {
            return None;
        };
        let is_name = service_name(name).is_ok() && !std::path::Path::new(name).exists();
        is_name.then_some(name)
    }

    /// The variables of a file, and what they come of; findings are shown, secrets hidden from now on. Errors with how the
    /// command ends.
    pub fn variables(&self, context: &Context) -> Result<(Variables, SourceMap), Exit> {
        let request = self.request(&Selection::default(), false, context);
        let mut sources = SourceMap::default();
        match load::variables(&request, &mut sources) {
            Ok(variables) => {
                context.hide(&variables.secrets);
                show(&variables.findings, &sources, context);
                Ok((variables, sources))
            }
            Err(findings) => Err(refuse(&findings, &sources, context)),
        }
    }

    /// The request that `template::load` takes.
    pub fn request(&self, selection: &Selection, running: bool, context: &Context) -> Request {
        for note in self.packers.notes() {
            context.say(&note);
        }
        let directory = std::env::current_dir().unwrap_or_default();
        Request {
            files: self.files.clone(),
            var_files: self.var_files.clone(),
            vars: self.vars.clone(),
            only: selection.only.clone(),
            except: selection.except.clone(),
            strict: self.strict,
            running,
            stdin: self.stdin(),
            world: World {
                now: context.clock.now(),
                environment: context.environment.vars.clone(),
                uuid: Arc::new(|| uuid::Uuid::new_v4().to_string()),
                directory: directory.to_string_lossy().into_owned(),
                template_directory: String::new(),
                stores: if running {
                    stores::of(&context.environment.vars)
                } else {
                    Stores::default()
                },
            },
        }
    }
}

impl Input {
    /// The standard input, when a file is `-`; read once, since it cannot be read again.
    fn stdin(&self) -> Option<String> {
        static TEXT: OnceLock<String> = OnceLock::new();
        let named = self
            .files
            .iter()
            .chain(&self.var_files)
            .any(|name| name == "-");
        let text = || io::read_to_string(io::stdin()).unwrap_or_default();
        named.then(|| TEXT.get_or_init(text).clone())
    }
}

/// What the bare files were taken for, so that a var file with a typing error in `builders` does not pass in silence.
pub fn taken_for(request: &Request) -> Vec<String> {
    let said = kinds(request, &mut SourceMap::default());
    let word = |kind| match kind {
        Kind::Template => "template",
        Kind::Service => "service file",
        Kind::Vars => "var file",
    };
    said.into_iter()
        .map(|(file, kind)| format!("{file}: {}", word(kind)))
        .collect()
}

/// Draws findings on stderr.
pub fn show(findings: &[Diagnostic], sources: &SourceMap, context: &Context) {
    let drawn = diagnostics::render(findings, sources, context.color(), context.width());
    // A reader who has gone away is no failure.
    write!(io::stderr().lock(), "{drawn}").unwrap_or_default();
}

/// Draws the findings of input that cannot be used.
pub fn refuse(findings: &[Diagnostic], sources: &SourceMap, context: &Context) -> Exit {
    show(findings, sources, context);
    for finding in findings {
        context.keep_error(&finding.message);
    }
    Exit::Usage
}
