//! Host keys from OpenSSH's `known_hosts` files, as sshd(8) describes them.

use std::path::PathBuf;

use sha1::{Digest, Sha1};
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};

use crate::ssh::{HostKey, Known};

/// The block of SHA-1, by its definition.
const BLOCK: usize = 64;
/// SSH's own port, which the files leave out.
const PORT: u16 = 22;

/// The keys that these files hold for a host; files that are not there, and lines that nobody can read, hold none. Keys of
/// authorities are none either, since libssh2 takes no certificates from hosts.
pub(super) fn known(files: &[PathBuf], host: &str, port: u16) -> Vec<Known> {
    let texts = files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok());
    let (mut known, mut revoked) = (Vec::new(), Vec::new());
    for text in texts {
        let entries = text
            .lines()
            .filter_map(|line| line.trim().parse::<Entry>().ok());
        for entry in entries.filter(|entry| names(entry.host_patterns(), host, port)) {
            let key = HostKey::from(entry.public_key().clone());
            match entry.marker() {
                None => known.push(key),
                Some(Marker::Revoked) => revoked.push(key),
                Some(Marker::CertAuthority) => {}
            }
        }
    }
    known.retain(|key| !revoked.iter().any(|gone| gone.is(key)));
    known.into_iter().map(Known::Key).collect()
}

/// The name of a host in these files.
pub(super) fn name(host: &str, port: u16) -> String {
    if port == PORT {
        host.to_lowercase()
    } else {
        format!("[{}]:{port}", host.to_lowercase())
    }
}

fn names(patterns: &HostPatterns, host: &str, port: u16) -> bool {
    let name = name(host, port);
    match patterns {
        HostPatterns::HashedName { salt, hash } => hmac(salt, name.as_bytes()) == *hash,
        HostPatterns::Patterns(patterns) => {
            let is = |pattern: &str| fits(&pattern.to_lowercase(), &name);
            let not = |pattern: &String| pattern.strip_prefix('!').is_some_and(is);
            !patterns.iter().any(not) && patterns.iter().any(|pattern| is(pattern))
        }
    }
}

/// Whether a text fits a pattern, in which `*` is anything and `?` any one character.
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = name.chars();
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '*' => {
                let (after, name) = (signs.as_str(), rest.as_str());
                let starts = name.char_indices().map(|(at, _)| at).chain([name.len()]);
                return starts.into_iter().any(|at| fits(after, &name[at..]));
            }
            '?' => {
                if rest.next().is_none() {
                    return false;
                }
            }
            sign => {
                if rest.next() != Some(sign) {
                    return false;
                }
            }
        }
    }
    rest.as_str().is_empty()
}

/// HMAC with SHA-1 (RFC 2104), by which the files hide names.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 20] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha1::new().chain_update(pad(0x36)).chain_update(text);
    let outer = Sha1::new()
        .chain_update(pad(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::keys;

    fn read(text: &str, host: &str, port: u16) -> usize {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        known(
            &[PathBuf::from("/nowhere"), file.path().to_owned()],
            host,
            port,
        )
        .len()
    }

    #[test]
    fn names_ports_patterns_and_their_opposites() {
        let key = keys::generate("x").unwrap().public().to_owned();
        let one = |names: &str, host, port| read(&format!("# all\n{names} {key}\n"), host, port);
        assert_eq!(one("jump.example.com,192.0.2.1", "Jump.example.com", 22), 1);
        assert_eq!(one("jump.example.com", "jump.example.org", 22), 0);
        assert_eq!(one("jump.example.com", "jump.example.com", 2222), 0);
        assert_eq!(one("[jump.example.com]:2222", "jump.example.com", 2222), 1);
        assert_eq!(one("*.example.com,!old.*", "jump.example.com", 22), 1);
        assert_eq!(one("*.example.com,!old.*", "old.example.com", 22), 0);
        assert_eq!(one("jump?.example.com", "jump1.example.com", 22), 1);
        assert_eq!(one("jump?.example.com", "jump.example.com", 22), 0);
        assert_eq!(one("@cert-authority *", "jump", 22), 0);
        let twice = format!("jump {key}\n@revoked * {key}\n garbage\n");
        assert_eq!(read(&twice, "jump", 22), 0);
    }

    #[test]
    fn hidden_names_are_found_as_openssh_hides_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        let key = keys::generate("x").unwrap().public().to_owned();
        std::fs::write(&file, format!("[jump.example.com]:2222 {key}\n")).unwrap();
        let mut hide = std::process::Command::new("ssh-keygen");
        assert!(
            hide.args(["-q", "-H", "-f"])
                .arg(&file)
                .status()
                .unwrap()
                .success()
        );
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("|1|"), "{text}");
        let files = [file];
        assert_eq!(known(&files, "jump.example.com", 2222).len(), 1);
        assert_eq!(known(&files, "jump.example.com", 22).len(), 0);
    }
}
