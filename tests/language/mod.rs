//! The template language from files to findings: the article's template, bad input with its places, layers.

mod access;
mod alone;
mod ansible;
pub mod bad_input;
mod capacity;
mod checks;
mod communicator;
mod compatibility;
mod credentials;
mod fixtures;
mod kept;
mod launch;
mod layers;
mod misspelt;
mod notify;
mod once;
mod pair;
mod polling;
mod records;
mod rules;
mod secrets;
mod services;
mod tags;
mod templates;
mod together;
mod variables;
mod weak;
mod xwiki;

use kiln::report::diagnostics::render;
use kiln::source::{Diagnostic, SourceMap};
use kiln::template::bake::Template;
use kiln::template::load::{self, Request, World};
use kiln::template::service::Service;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A folder with files, and what is typed in it.
pub struct Case {
    folder: tempfile::TempDir,
    pub request: Request,
    pub sources: SourceMap,
}

impl Case {
    /// An empty folder; `files` are read from it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().to_str().unwrap().to_owned();
        Self {
            folder,
            request: request(&directory),
            sources: SourceMap::new(),
        }
    }

    /// Writes a file and names it on the command line.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self = self.beside(name, text);
        self.request.files.push(name.to_owned());
        self
    }

    /// Writes a file.
    pub fn beside(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn var(mut self, text: &str) -> Self {
        self.request.vars.push(text.to_owned());
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.request
            .world
            .environment
            .insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn bake(&mut self) -> Result<(Template, Vec<Diagnostic>), Vec<Diagnostic>> {
        load::bake(&self.request, &mut self.sources)
    }

    pub fn service(&mut self) -> Result<(Service, Vec<Diagnostic>), Vec<Diagnostic>> {
        load::service(&self.request, &mut self.sources)
    }

    /// The picture of findings, without color, with a fixed width.
    pub fn draw(&self, findings: &[Diagnostic]) -> String {
        render(findings, &self.sources, false, 100)
    }
}

pub fn request(directory: &str) -> Request {
    Request {
        files: Vec::new(),
        var_files: Vec::new(),
        vars: Vec::new(),
        only: Vec::new(),
        except: Vec::new(),
        strict: false,
        running: false,
        stdin: None,
        world: World {
            now: "2026-03-09T05:07:08Z".parse().unwrap(),
            environment: BTreeMap::from([("HOME".to_owned(), "/home/é".to_owned())]),
            uuid: Arc::new(|| "0195-7f3e".to_owned()),
            directory: directory.to_owned(),
            template_directory: String::new(),
            stores: kiln::template::stores::Stores::default(),
        },
    }
}

/// The folder of a fixture.
pub fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .to_str()
        .unwrap()
        .to_owned()
}
