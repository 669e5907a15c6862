//! History: what the last bake of each build came of, `history/bakes/<name>.json`, replaced whole.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cloud::ImageId;
use crate::run::RunId;
use crate::store::Store;
use crate::store::durable::replace;

/// A finished bake. `I` is what it came of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baked<I> {
    pub template: String,
    pub build: String,
    pub run: RunId,
    pub image: ImageId,
    pub at: jiff::Timestamp,
    pub inputs: I,
    /// A post-processor of it has failed or was stopped, and is still to be run.
    #[serde(default)]
    pub post_due: bool,
}

impl Store {
    /// The last bake of a build that this store knows; nothing when there is none.
    pub fn last_bake<I: for<'d> Deserialize<'d>>(
        &self,
        template: &str,
        build: &str,
    ) -> io::Result<Option<Baked<I>>> {
        match fs::read_to_string(
            self.root()
                .join("history/bakes")
                .join(name(template, build)),
        ) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(serde_json::from_str(&text?)?)),
        }
    }

    /// Notes a finished bake.
    pub fn note_bake<I: Serialize>(&self, baked: &Baked<I>) -> io::Result<()> {
        let path = self.folder("history/bakes")?;
        let path = path.join(name(&baked.template, &baked.build));
        replace(&path, &serde_json::to_string_pretty(baked)?)
    }
}

impl Store {
    /// A digest of secrets that only this store can compare: its salt never leaves it. Files of the store that tell of
    /// secrets at all tell no more than whether they are the same as before.
    pub fn salted(&self, secrets: &[&str]) -> io::Result<String> {
        let mut digest = Sha256::new();
        digest.update(self.salt()?);
        for secret in secrets {
            digest.update((secret.len() as u64).to_le_bytes());
            digest.update(secret.as_bytes());
        }
        Ok(hex(&digest.finalize()))
    }

    fn salt(&self) -> io::Result<Vec<u8>> {
        let path = self.folder("history")?.join("salt");
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        match options.open(&path) {
            Ok(mut file) => {
                let (one, other) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
                file.write_all(&[one.into_bytes(), other.into_bytes()].concat())?;
                file.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        fs::read(path)
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

/// A file's name that a person recognises and that no two builds share.
fn name(template: &str, build: &str) -> PathBuf {
    let digest = Sha256::digest(format!("{template}\0{build}"));
    let mut text: String = build
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    text.push('-');
    PathBuf::from(text + &hex(&digest[..8]) + ".json")
}
