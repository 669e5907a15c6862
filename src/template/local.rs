//! Local files that a template names: whether they are there, what they hold, where roles are. It looks at the disk through
//! [`Disk`], which `load` provides, so that everything else of the language stays pure.

use super::near;
use super::options::Options;
use crate::source::{Diagnostic, Spanned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The disk, as far as checking needs it. Paths are the user's, relative to the working directory.
pub trait Disk {
    /// Whether there is something at a path.
    fn exists(&self, path: &Path) -> bool;
    /// The text of a file, or why there is none.
    fn read(&self, path: &Path) -> Result<String, String>;
    /// The names in a folder; none when it is not there.
    fn names(&self, path: &Path) -> Vec<String>;
}

/// What looking at local files needs to know.
pub(super) struct Local<'l> {
    pub disk: &'l dyn Disk,
    /// `HOME`, for `~`.
    pub home: Option<&'l str>,
    /// The process's, for what Packer reads from it.
    pub environment: &'l BTreeMap<String, String>,
    /// Folders that may hold `roles/`, in the order they are looked at.
    pub role_folders: Vec<PathBuf>,
    /// A file that is not there is an error: something will run, or strictness is asked for.
    pub needed: bool,
}

impl Local<'_> {
    /// A path with `~` for the home folder.
    pub(super) fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => PathBuf::from(path),
        }
    }

    /// Where a file is that a service file names: here, else beside that one.
    pub(super) fn beside(&self, path: &str, service: &str) -> PathBuf {
        let here = self.expand(path);
        let beside = Path::new(service).parent().map(|folder| folder.join(&here));
        match beside {
            Some(beside) if !self.disk.exists(&here) && self.disk.exists(&beside) => beside,
            _ => here,
        }
    }

    /// A path that should lead to something; a warning says when it does not, an error when it is needed now.
    pub(super) fn expect_file(
        &self,
        options: &Options<'_>,
        option: &str,
        path: Spanned<String>,
    ) -> Spanned<PathBuf> {
        let expanded = self.expand(&path);
        if path.is_empty() {
            let message = format!("`{option}` has an empty name of a file");
            let finding = Diagnostic::error("template::wrong_value", message);
            options.report(
                finding
                    .at_value(&path, "names nothing")
                    .help("name a file, or leave it out"),
            );
        } else if !self.disk.exists(&expanded) {
            options.report(self.missing(option, &path, &expanded));
        }
        path.map(|_| expanded)
    }

    fn missing(&self, option: &str, path: &Spanned<String>, expanded: &Path) -> Diagnostic {
        let code = "template::missing_file";
        let message = format!(
            "`{option}` names `{}`, which is not here",
            expanded.display()
        );
        let finding = if self.needed {
            Diagnostic::error(code, message)
        } else {
            Diagnostic::warning(code, message)
        };
        let folder = expanded
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let names = self.disk.names(folder);
        let name = expanded
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let other = if expanded.is_absolute() {
            "it must be here when the template is baked"
        } else {
            "it must be in the working directory when the template is baked"
        };
        finding.at_value(path, "this file").help(near::or_else(
            &name,
            names.iter().map(String::as_str),
            other,
        ))
    }

    /// A file's text; an error when it cannot be read and something is to run.
    pub(super) fn read(
        &self,
        options: &Options<'_>,
        option: &str,
        path: &Spanned<String>,
    ) -> Option<String> {
        let expanded = self.expand(path);
        if !self.disk.exists(&expanded) {
            options.report(self.missing(option, path, &expanded));
            return None;
        }
        match self.disk.read(&expanded) {
            Ok(text) => Some(text),
            Err(reason) => {
                options.report(
                    Diagnostic::error(
                        "template::unreadable_file",
                        format!("`{}` cannot be read: {reason}", expanded.display()),
                    )
                    .at_value(path, "this file")
                    .help("check that it is a text file and that its permissions let you read it"),
                );
                None
            }
        }
    }
}
