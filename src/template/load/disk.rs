//! The disk as checks see it, from one working directory.

use super::Disk;
use crate::source::{Diagnostic, Span};
use std::path::{Path, PathBuf};

/// How far up from the template a project's root is looked for.
const LEVELS: usize = 8;
/// The template's folder and its parent, when no root is found.
const WITHOUT_ROOT: usize = 2;

/// A working directory.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The disk as seen from a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// `roles/` here, beside the template, and beside its parents up to the one that holds `.git`; without one, its parent.
    pub(super) fn role_folders(&self, template: &str) -> Vec<PathBuf> {
        let above: Vec<&Path> = Path::new(template)
            .ancestors()
            .skip(1)
            .take(LEVELS)
            .collect();
        let root = above
            .iter()
            .position(|folder| self.0.join(folder).join(".git").exists());
        let near = above
            .into_iter()
            .take(root.map_or(WITHOUT_ROOT, |root| root + 1));
        let mut folders = vec![PathBuf::from("roles")];
        for folder in near.map(|folder| folder.join("roles")) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }
}

impl Disk for Folder {
    fn exists(&self, path: &Path) -> bool {
        self.0.join(path).exists()
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        let bytes = std::fs::read(self.0.join(path)).map_err(|error| reason(&error))?;
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
    }

    fn names(&self, path: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(path))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// What went wrong, without the number of the system's error.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}

/// Packer tells its two languages by the file's name.
pub(super) fn is_hcl(name: &str) -> bool {
    [".hcl", ".pkr.json", ".pkrvars.json"]
        .iter()
        .any(|end| name.ends_with(end))
}

pub(super) fn hcl(name: &str, typed: Span) -> Diagnostic {
    let text = format!("`{name}` is HCL, and kiln reads Packer's JSON templates");
    Diagnostic::error("template::hcl", text)
        .at(typed, "not this language")
        .help("bake it with Packer; there is no way back from HCL to JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_looked_for_up_to_the_projects_root() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path());
        let names = |template| {
            folder
                .role_folders(template)
                .iter()
                .map(|f| f.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("web.json"), ["roles"]);
        assert_eq!(
            names("a/b/c/web.json"),
            ["roles", "a/b/c/roles", "a/b/roles"]
        );
        std::fs::create_dir_all(home.path().join("a/.git")).unwrap();
        assert_eq!(
            names("a/b/c/web.json"),
            ["roles", "a/b/c/roles", "a/b/roles", "a/roles"]
        );
    }
}
