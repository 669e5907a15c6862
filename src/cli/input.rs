//! The files and values that commands take, as Packer's users type them, and what is said of them.

use std::io::{self, Write};
use std::sync::Arc;

use clap::Args;

use crate::cli::{Context, Exit};
use crate::report::diagnostics;
use crate::run::Clock;
use crate::source::{Diagnostic, SourceMap};
use crate::template::load::{Kind, Request, World, kinds};

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
    /// Undefined variables are errors in Packer's form, too
    #[arg(long)]
    strict: bool,
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
    /// The request that `template::load` takes.
    pub fn request(&self, selection: &Selection, running: bool, context: &Context) -> Request {
        let directory = std::env::current_dir().unwrap_or_default();
        Request {
            files: self.files.clone(),
            var_files: self.var_files.clone(),
            vars: self.vars.clone(),
            only: selection.only.clone(),
            except: selection.except.clone(),
            strict: self.strict,
            running,
            world: World {
                now: context.clock.now(),
                environment: context.environment.vars.clone(),
                uuid: Arc::new(|| uuid::Uuid::new_v4().to_string()),
                directory: directory.to_string_lossy().into_owned(),
                template_directory: String::new(),
            },
        }
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
