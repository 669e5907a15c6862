//! A role's folder, read and checked: nothing in it is silently left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::template::jinja::Unrendered;

/// The folders of a role, and the file that describes it.
const PARTS: [&str; 4] = ["scripts", "files", "templates", "verify"];
const ABOUT: &str = "role.json";

/// A role as its folder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub dir: PathBuf,
    pub description: String,
    /// The variables it sees when nobody sets them.
    pub defaults: serde_json::Map<String, serde_json::Value>,
    /// Names of the roles that run before it; they stand beside it.
    pub needs: Vec<String>,
    /// Names in `scripts/`, in the order in which they run.
    pub scripts: Vec<String>,
    /// Names in `verify/`, in the order in which they run.
    pub verify: Vec<String>,
}

/// Why a role is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no role {name}{}: {} does not exist", needed(by.as_deref()), dir.display())]
    Missing {
        name: String,
        dir: PathBuf,
        /// The role that needs it.
        by: Option<String>,
    },
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} does not describe a role", path.display())]
    About {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} is no part of a role: those are role.json, scripts, files, templates and verify", path.display())]
    Unknown { path: PathBuf },
    #[error("{} needs a number and an end, as in 10-install.sh, to be run", path.display())]
    Unnumbered { path: PathBuf },
    #[error("{} is not a template: its name must end with .j2", path.display())]
    NoTemplate { path: PathBuf },
    #[error("role {name} does nothing: it has no scripts, files or templates")]
    Empty { name: String },
    #[error("roles need each other in a ring: {}", ring.join(" needs "))]
    Ring { ring: Vec<String> },
    #[error("both {} and {} make the file {target}", one.display(), other.display())]
    Twice {
        target: String,
        one: PathBuf,
        other: PathBuf,
    },
    #[error("cannot render {}", path.display())]
    Render {
        path: PathBuf,
        #[source]
        source: Unrendered,
    },
    #[error(transparent)]
    Tree(#[from] crate::ssh::Error),
}

/// `role.json`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    #[serde(default)]
    description: String,
    #[serde(default)]
    defaults: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    needs: Vec<String>,
}

/// Reads the role in a folder.
pub fn load(dir: &Path, name: &str) -> Result<Role, Error> {
    let present = names(dir).map_err(|error| match error {
        Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Error::Missing {
            name: name.to_owned(),
            dir: dir.to_owned(),
            by: None,
        },
        other => other,
    })?;
    // A README is read by people and left at home.
    let known = |part: &String| {
        PARTS.contains(&part.as_str()) || part == ABOUT || part.starts_with("README")
    };
    if let Some(odd) = present.iter().find(|part| !known(part)) {
        return Err(Error::Unknown {
            path: dir.join(odd),
        });
    }
    if !PARTS
        .iter()
        .any(|part| present.iter().any(|name| name == part))
    {
        return Err(Error::Empty {
            name: name.to_owned(),
        });
    }
    let about = about(&dir.join(ABOUT))?;
    Ok(Role {
        name: name.to_owned(),
        dir: dir.to_owned(),
        description: about.description,
        defaults: about.defaults,
        needs: about.needs,
        scripts: scripts(&dir.join("scripts"))?,
        verify: scripts(&dir.join("verify"))?,
    })
}

fn about(path: &Path) -> Result<About, Error> {
    match fs::read_to_string(path) {
        // As an object first: serde would take a list of the right length too.
        Ok(text) => serde_json::from_str::<serde_json::Map<_, _>>(&text)
            .and_then(|_| serde_json::from_str(&text))
            .map_err(|source| Error::About {
                path: path.to_owned(),
                source,
            }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(About::default()),
        Err(source) => Err(read(path)(source)),
    }
}

/// The numbered scripts of a folder. Other names may stand there for the scripts' own use; a script without a number may not,
/// for nobody would notice that it does not run.
fn scripts(dir: &Path) -> Result<Vec<String>, Error> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut scripts = names(dir)?;
    scripts.retain(|name| has_end(name) || is_numbered(name));
    match scripts
        .iter()
        .find(|name| !(has_end(name) && is_numbered(name)))
    {
        Some(odd) => Err(Error::Unnumbered {
            path: dir.join(odd),
        }),
        None => Ok(scripts),
    }
}

fn has_end(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "sh")
}

fn is_numbered(name: &str) -> bool {
    let number = name.split('-').next().unwrap_or_default();
    number.len() == 2 && name.len() > 3 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The names in a folder, sorted, but for those that editors and file systems leave behind.
fn names(dir: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(dir).map_err(read(dir))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(read(dir))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Read {
        path: path.to_owned(),
        source,
    }
}

fn needed(by: Option<&str>) -> String {
    by.map(|by| format!(", which {by} needs"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn role(files: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn error(files: &[(&str, &str)]) -> Error {
        load(role(files).path(), "web").unwrap_err()
    }

    #[test]
    fn all_parts() {
        let dir = role(&[
            (
                "role.json",
                r#"{"description": "Web", "defaults": {"port": 80}, "needs": ["base"]}"#,
            ),
            ("scripts/20-b.sh", ""),
            ("scripts/10-a.sh", ""),
            ("scripts/list.txt", ""),
            ("verify/10-up.sh", ""),
            ("README.md", ""),
            (".gitignore", ""),
        ]);
        let role = load(dir.path(), "web").unwrap();
        assert_eq!(role.scripts, ["10-a.sh", "20-b.sh"]);
        assert_eq!(role.verify, ["10-up.sh"]);
        assert_eq!(role.needs, ["base"]);
        assert_eq!(role.defaults["port"], 80);
    }

    #[test]
    fn what_would_be_left_out_silently_is_an_error() {
        let unnumbered = |name| error(&[(name, "")]);
        assert!(matches!(
            unnumbered("scripts/install.sh"),
            Error::Unnumbered { .. }
        ));
        assert!(matches!(
            unnumbered("scripts/1-install.sh"),
            Error::Unnumbered { .. }
        ));
        assert!(matches!(
            unnumbered("scripts/10-install"),
            Error::Unnumbered { .. }
        ));
        assert!(matches!(
            unnumbered("verify/up.sh"),
            Error::Unnumbered { .. }
        ));
        assert!(matches!(
            error(&[("tasks/main.yml", ""), ("scripts/10-a.sh", "")]),
            Error::Unknown { .. }
        ));
        assert!(matches!(error(&[("role.json", "{}")]), Error::Empty { .. }));
    }

    #[test]
    fn a_description_must_be_one() {
        for text in ["", "[]", r#"{"need": []}"#, r#"{"needs": "base"}"#] {
            let error = error(&[("role.json", text), ("scripts/10-a.sh", "")]);
            assert!(matches!(error, Error::About { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn no_such_role() {
        let error = load(Path::new("/nowhere/web"), "web").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no role web: /nowhere/web does not exist"
        );
    }
}
