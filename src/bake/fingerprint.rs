//! What an image comes of, as digests: the template with its values, the files it takes to the machine, the source image.
//!
//! The whole is the fingerprint, a tag of the image; the parts stay with the store, so that a later bake can say what has
//! changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cloud::ImageId;
use crate::provision;
use crate::template::bake::{Build, Family, Template};

/// Raised when kiln makes another image of the same inputs, so that `--if-changed` bakes again.
const FORMAT: &str = "1";
/// How deep options are told apart by name: `instance.block_devices` is one input.
const DEPTH: usize = 3;
/// Options that say how to reach the account and for how long to wait, and nothing about the image.
const WITHOUT: [&str; 1] = ["access"];

/// A fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Every input of an image by name, with its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// The inputs of a build of a template that was loaded to stand still (`template::load::still`).
    ///
    /// `directory` is where it was loaded: a checkout elsewhere comes to the same. Errors when a file cannot be read.
    pub fn of(
        template: &Template,
        build: &Build,
        source: &ImageId,
        directory: &Path,
    ) -> io::Result<Self> {
        let mut words = Words {
            inputs: Self::default(),
            directory: directory.to_string_lossy().into_owned(),
        };
        words.add("kiln", FORMAT);
        words.add("source image", source.as_str());
        words.add("build name", &build.name.value);
        if let Some(family) = &template.family {
            let Family {
                name,
                version,
                verify,
                ..
            } = family;
            words.json("kiln.family", &serde_json::to_value(name)?);
            words.json("kiln.version", &serde_json::to_value(version)?);
            words.json("kiln.verify", &serde_json::to_value(verify)?);
        }
        words.options("", serde_json::to_value(&build.builder)?, DEPTH);
        for (index, provisioner) in build.provisioners.iter().enumerate() {
            let name = format!("provisioner {}", index + 1);
            words.json(&name, &serde_json::to_value(provisioner)?);
            if let Some(values) = provision::values(&provisioner.kind) {
                words.json(&format!("{name}, variables"), &values);
            }
            for path in provision::local_files(&provisioner.kind)? {
                words.inputs.tree(&path, directory, &mut Vec::new())?;
            }
        }
        Ok(words.inputs)
    }

    /// The same with one more, which only this host can tell.
    #[must_use]
    pub fn with(mut self, name: &str, digest: String) -> Self {
        self.0.insert(name.to_owned(), digest);
        self
    }

    /// The digest of one input.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The whole.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut all = Sha256::new();
        for (name, digest) in &self.0 {
            all.update(name.as_bytes());
            all.update([0]);
            all.update(digest.as_bytes());
            all.update([0]);
        }
        Fingerprint(all.finalize().into())
    }

    /// The names of what is not as `before` has it, sorted.
    pub fn changed(&self, before: &Self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, digest) in &self.0 {
            match before.0.get(name) {
                None => names.push(format!("{name} (new)")),
                Some(old) if old != digest => names.push(name.clone()),
                Some(_) => {}
            }
        }
        let gone = before.0.keys().filter(|name| !self.0.contains_key(*name));
        names.extend(gone.map(|name| format!("{name} (gone)")));
        names.sort();
        names
    }

    /// A file, or everything below a folder: content and mode of files, links and what they point at, names of folders.
    ///
    /// `within` are the folders that links have led into: what links lead to in a circle is read once.
    fn tree(&mut self, path: &Path, directory: &Path, within: &mut Vec<PathBuf>) -> io::Result<()> {
        let name = path.strip_prefix(directory).unwrap_or(path);
        let name = name.to_string_lossy().into_owned();
        let about = fs::symlink_metadata(directory.join(path))?;
        let whole = directory.join(path);
        if about.is_symlink() {
            let target = fs::read_link(&whole)?;
            self.put(
                name.clone(),
                &[b"link", target.as_os_str().as_encoded_bytes()],
            );
            // What is sent, and what a playbook reads, is what it points at.
            return match fs::metadata(&whole) {
                Ok(about) if about.is_dir() => {
                    let folder = fs::canonicalize(&whole)?;
                    let from = whole.parent().unwrap_or(&whole);
                    if within.contains(&folder) || fs::canonicalize(from)?.starts_with(&folder) {
                        return Ok(());
                    }
                    within.push(folder);
                    let read = self.folder(path, directory, within);
                    within.pop();
                    read
                }
                Ok(about) => self.file(format!("{name} (target)"), &whole, &about),
                Err(_) => Ok(()),
            };
        }
        if about.is_dir() {
            self.put(name, &[b"folder"]);
            return self.folder(path, directory, within);
        }
        self.file(name, &whole, &about)
    }

    fn folder(
        &mut self,
        path: &Path,
        directory: &Path,
        within: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory.join(path))? {
            entries.push(path.join(entry?.file_name()));
        }
        entries.sort();
        entries
            .iter()
            .try_for_each(|entry| self.tree(entry, directory, within))
    }

    fn file(&mut self, name: String, path: &Path, about: &fs::Metadata) -> io::Result<()> {
        // To open a pipe is to wait for who writes into it.
        if !about.is_file() {
            self.put(name, &[b"special"]);
            return Ok(());
        }
        let mut content = Sha256::new();
        io::copy(&mut fs::File::open(path)?, &mut Writer(&mut content))?;
        let mode = (about.permissions().mode() & 0o7777).to_string();
        self.put(name, &[mode.as_bytes(), &content.finalize()]);
        Ok(())
    }

    fn put(&mut self, name: String, parts: &[&[u8]]) {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        self.0.insert(name, hex(&digest.finalize()));
    }
}

/// Adds texts.
struct Words {
    inputs: Inputs,
    directory: String,
}

impl Words {
    fn add(&mut self, name: &str, text: &str) {
        self.inputs.put(name.to_owned(), &[text.as_bytes()]);
    }

    /// Paths below the directory are the same wherever that is.
    fn json(&mut self, name: &str, value: &Value) {
        let text = value.to_string().replace(&self.directory, ".");
        self.add(name, &text);
    }

    fn options(&mut self, above: &str, value: Value, depth: usize) {
        let Value::Object(fields) = value else {
            return self.json(above, &value);
        };
        if depth == 0 {
            return self.json(above, &Value::Object(fields));
        }
        for (key, value) in fields {
            if above.is_empty() && WITHOUT.contains(&key.as_str()) {
                continue;
            }
            let name = if above.is_empty() {
                key
            } else {
                format!("{above}.{key}")
            };
            self.options(&name, value, depth - 1);
        }
    }
}

struct Writer<'d>(&'d mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}
