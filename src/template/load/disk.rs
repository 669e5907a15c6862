//! The disk as checks see it, from one working directory.

use super::Disk;
use std::path::{Path, PathBuf};

/// How far up from the template a project's root is looked for.
const LEVELS: usize = 8;

/// A working directory.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The disk as seen from a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// `roles/` here, beside the template, and beside its parents up to the one that holds `.git`.
    pub(super) fn role_folders(&self, template: &str) -> Vec<PathBuf> {
        let mut folders = vec![PathBuf::from("roles")];
        let mut at = Path::new(template).parent().map(Path::to_path_buf);
        for _ in 0..LEVELS {
            let Some(folder) = at else { break };
            folders.push(folder.join("roles"));
            let is_root = self.0.join(&folder).join(".git").exists();
            at = if is_root {
                None
            } else {
                folder.parent().map(Path::to_path_buf)
            };
        }
        folders.retain({
            let mut seen = std::collections::BTreeSet::new();
            move |folder| seen.insert(folder.clone())
        });
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
