//! A role as the tree that is sent: its scripts, its files as on the target's root, its templates rendered, its variables.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::provision::roles::load::read;
use crate::provision::roles::{Error, Role};
use crate::ssh::{Entry, Tree, quote};
use crate::template::jinja;

/// Answers for `dpkg` and patience with whoever holds its lock on first boot; a role's files stand before its packages come,
/// and stay. Translations of descriptions are a third of what `apt-get update` fetches, and nobody reads them here.
const APT_CONF: &str = "Dpkg::Options { \"--force-confdef\"; \"--force-confold\"; };\n\
    DPkg::Lock::Timeout \"300\";\n\
    Acquire::Retries \"3\";\n\
    Acquire::Languages \"none\";\n";

/// Variables by name; what the template and the provisioner say lies over the role's defaults.
type Vars = BTreeMap<String, Json>;

/// Everything of a role but its checks.
pub(super) fn pack(role: &Role, vars: &Vars) -> Result<Tree, Error> {
    let vars = layered(role, vars);
    let mut tree = head(&vars);
    add_scripts(&mut tree, role, "scripts")?;
    add_root(&mut tree, role, &vars)?;
    Ok(tree)
}

/// A role's checks.
pub(super) fn pack_verify(role: &Role, vars: &Vars) -> Result<Tree, Error> {
    let mut tree = head(&layered(role, vars));
    add_scripts(&mut tree, role, "verify")?;
    Ok(tree)
}

fn layered(role: &Role, vars: &Vars) -> Vars {
    let defaults = role.defaults.clone().into_iter();
    defaults.chain(vars.clone()).collect()
}

/// What the driver itself needs. Variables may be secret.
fn head(vars: &Vars) -> Tree {
    let mut tree = Tree::new();
    let mut add = |name: &str, content: String, mode| {
        let content = content.into_bytes();
        tree.add(name, Entry::Bytes { content, mode });
    };
    add("vars.sh", assignments(vars), 0o600);
    let json: serde_json::Map<_, _> = vars.clone().into_iter().collect();
    add("vars.json", Json::Object(json).to_string(), 0o600);
    add("apt.conf", APT_CONF.to_owned(), 0o644);
    tree
}

/// `export KILN_VAR_name='value'`, under the names by which kiln itself reads variables from the environment. A name that no
/// shell takes is in `vars.json` only.
fn assignments(vars: &Vars) -> String {
    let fits = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let named = vars.iter().filter(|(name, _)| fits(name));
    let line = |(name, value): (&String, &Json)| {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        format!("export KILN_VAR_{name}={}\n", quote(&text))
    };
    named.map(line).collect()
}

fn add_scripts(tree: &mut Tree, role: &Role, part: &str) -> Result<(), Error> {
    let dir = role.dir.join(part);
    if dir.is_dir() {
        tree.add_folder(Path::new(part), &dir)?;
    }
    Ok(())
}

/// Files and rendered templates. Folders are left to the other end, but for those on their way: a checkout's modes of folders
/// are the umask's, and so are a file's but for the right to run it.
fn add_root(tree: &mut Tree, role: &Role, vars: &Vars) -> Result<(), Error> {
    let mut targets = BTreeMap::new();
    for (path, entry) in below(&role.dir.join("files"))? {
        claim(&mut targets, &path, role.dir.join("files").join(&path))?;
        let entry = match entry {
            Entry::File { source, mode } => Entry::File {
                source,
                mode: plain(mode),
            },
            other => other,
        };
        tree.add(Path::new("root").join(path), entry);
    }
    let dir = role.dir.join("templates");
    for (path, entry) in below(&dir)? {
        let source = dir.join(&path);
        let Some(target) = path.to_str().and_then(|path| path.strip_suffix(".j2")) else {
            return Err(Error::NoTemplate { path: source });
        };
        claim(&mut targets, Path::new(target), source.clone())?;
        let mode = mode_of(&entry, &source)?;
        let content = render(&source, vars)?.into_bytes();
        tree.add(
            Path::new("root").join(target),
            Entry::Bytes { content, mode },
        );
    }
    Ok(())
}

/// What is below a folder of the role, without the folders.
fn below(dir: &Path) -> Result<Vec<(PathBuf, Entry)>, Error> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let tree = Tree::read(dir)?;
    let no_folder = |(_, entry): &&(PathBuf, Entry)| !matches!(entry, Entry::Folder { .. });
    Ok(tree.entries().iter().filter(no_folder).cloned().collect())
}

fn claim(
    targets: &mut BTreeMap<PathBuf, PathBuf>,
    target: &Path,
    source: PathBuf,
) -> Result<(), Error> {
    match targets.insert(target.to_owned(), source.clone()) {
        Some(one) => Err(Error::Twice {
            target: format!("/{}", target.display()),
            one,
            other: source,
        }),
        None => Ok(()),
    }
}

fn mode_of(entry: &Entry, source: &Path) -> Result<u32, Error> {
    let mode = match entry {
        Entry::File { mode, .. } => *mode,
        _ => fs::metadata(source)
            .map_err(read(source))?
            .permissions()
            .mode(),
    };
    Ok(plain(mode))
}

/// A file's mode as git keeps it.
fn plain(mode: u32) -> u32 {
    if mode & 0o100 == 0 { 0o644 } else { 0o755 }
}

fn render(path: &Path, vars: &Vars) -> Result<String, Error> {
    let text = fs::read_to_string(path).map_err(read(path))?;
    jinja::render(&text, vars).map_err(|source| Error::Render {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::roles::load;
    use serde_json::json;
    use tempfile::TempDir;

    fn role(files: &[(&str, &str)]) -> (TempDir, Role) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let role = load(dir.path(), "web").unwrap();
        (dir, role)
    }

    fn vars(values: Json) -> Vars {
        serde_json::from_value(values).unwrap()
    }

    fn content(tree: &Tree, name: &str) -> String {
        let found = tree
            .entries()
            .iter()
            .find(|(path, _)| path == Path::new(name));
        match &found.unwrap_or_else(|| panic!("no {name}")).1 {
            Entry::Bytes { content, .. } => String::from_utf8(content.clone()).unwrap(),
            Entry::File { source, .. } => fs::read_to_string(source).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn templates_see_defaults_below_variables() {
        let (_dir, role) = role(&[
            (
                "role.json",
                r#"{"defaults": {"port": 80, "name": "default"}}"#,
            ),
            ("templates/etc/web.conf.j2", "{{ name }}:{{ port }}<>\n"),
        ]);
        let tree = pack(&role, &vars(json!({"name": "it's", "list": [1, "a"]}))).unwrap();
        assert_eq!(content(&tree, "root/etc/web.conf"), "it's:80<>\n");
        let assigned = content(&tree, "vars.sh");
        assert_eq!(
            assigned,
            "export KILN_VAR_list='[1,\"a\"]'\nexport KILN_VAR_name='it'\\''s'\nexport KILN_VAR_port=80\n"
        );
    }

    #[test]
    fn a_name_that_no_shell_takes_is_in_the_json_only() {
        let (_dir, role) = role(&[("scripts/10-a.sh", "")]);
        let tree = pack(&role, &vars(json!({"a-b; reboot": 1}))).unwrap();
        assert_eq!(content(&tree, "vars.sh"), "");
        assert_eq!(content(&tree, "vars.json"), r#"{"a-b; reboot":1}"#);
    }

    #[test]
    fn an_undefined_name_is_an_error_with_its_file() {
        let (_dir, role) = role(&[("templates/a.j2", "\n{{ prot }}")]);
        let error = pack(&role, &vars(json!({"port": 80}))).unwrap_err();
        let Error::Render { path, source } = error else {
            panic!("{error}")
        };
        assert!(path.ends_with("templates/a.j2"));
        assert_eq!(source.line, 2);
    }

    #[test]
    fn a_template_that_never_ends_is_an_error() {
        let loops = "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}";
        let (_dir, role) = role(&[("templates/a.j2", loops)]);
        let error = pack(&role, &vars(json!({}))).unwrap_err();
        let Error::Render { source, .. } = error else {
            panic!("{error}")
        };
        assert!(source.reason.contains("half a million steps"), "{source}");
    }

    #[test]
    fn folders_and_modes_of_the_checkout_stay_at_home() {
        let (dir, role) = role(&[("files/tmp/run.sh", "x"), ("files/etc/conf", "x")]);
        let run = dir.path().join("files/tmp/run.sh");
        fs::set_permissions(run, fs::Permissions::from_mode(0o700)).unwrap();
        let conf = dir.path().join("files/etc/conf");
        fs::set_permissions(conf, fs::Permissions::from_mode(0o666)).unwrap();
        let tree = pack(&role, &Vars::new()).unwrap();
        let root: Vec<_> = tree
            .entries()
            .iter()
            .filter_map(|(path, entry)| match entry {
                Entry::File { mode, .. } => Some((path.to_str().unwrap(), *mode)),
                Entry::Folder { .. } => panic!("{}", path.display()),
                _ => None,
            })
            .collect();
        assert_eq!(root, [("root/etc/conf", 0o644), ("root/tmp/run.sh", 0o755)]);
    }

    #[test]
    fn one_file_has_one_maker() {
        let (_dir, role) = role(&[("files/etc/a", ""), ("templates/etc/a.j2", "")]);
        let error = pack(&role, &Vars::new()).unwrap_err();
        assert!(matches!(error, Error::Twice { target, .. } if target == "/etc/a"));
    }

    #[test]
    fn a_template_is_named_so() {
        let (_dir, role) = role(&[("templates/etc/a", "")]);
        let error = pack(&role, &Vars::new()).unwrap_err();
        assert!(matches!(error, Error::NoTemplate { .. }));
    }
}
