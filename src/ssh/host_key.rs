//! Host keys: what a server shows, and what is known about it beforehand.

use std::fmt;
use std::path::PathBuf;

use ssh_key::{Fingerprint, HashAlg, PublicKey};

use crate::ssh::known_hosts;

/// A server's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey(PublicKey);

/// What is known about a server's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeys {
    /// The server must show one of these. None at all means that no server will do.
    Known(Vec<Known>),
    /// Whatever the server shows is taken; the caller pins [`crate::ssh::Session::host_key`] for later connections.
    PinFirst,
    /// The server must show a key that one of these `known_hosts` files has for it.
    Files(Vec<PathBuf>),
}

/// One known key, whole or by its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Key(HostKey),
    /// As `SHA256:…`, with the algorithm's SSH name when it is known.
    Fingerprint {
        fingerprint: String,
        algorithm: Option<String>,
    },
}

impl HostKey {
    /// Reads `algorithm base64 [comment]`; nothing when it is no whole key.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (algorithm, key) = (words.next()?, words.next()?);
        let key = PublicKey::from_openssh(&format!("{algorithm} {key}")).ok()?;
        Some(Self(key))
    }

    /// From the bytes that a server shows.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        PublicKey::from_bytes(bytes).ok().map(Self)
    }

    /// The algorithm's SSH name, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> String {
        self.0.algorithm().as_str().to_owned()
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        let fingerprint: Fingerprint = self.0.fingerprint(HashAlg::Sha256);
        fingerprint.to_string()
    }

    /// Whether it is the same key, whatever its comment.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.key_data() == other.0.key_data()
    }

    /// `algorithm base64`, as in a `known_hosts` file after the host's name.
    pub fn line(&self) -> String {
        self.0.to_openssh().unwrap_or_default()
    }
}

impl From<PublicKey> for HostKey {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

impl Known {
    fn matches(&self, seen: &HostKey) -> bool {
        match self {
            Self::Key(key) => key.is(seen),
            Self::Fingerprint { fingerprint, .. } => *fingerprint == seen.fingerprint(),
        }
    }

    fn algorithm(&self) -> Option<String> {
        match self {
            Self::Key(key) => Some(key.algorithm()),
            Self::Fingerprint { algorithm, .. } => algorithm.clone(),
        }
    }
}

impl HostKeys {
    /// With files read, for this host.
    pub(super) fn settle(&self, host: &str, port: u16) -> Self {
        match self {
            Self::Files(files) => Self::Known(known_hosts::known(files, host, port)),
            settled => settled.clone(),
        }
    }

    /// How many keys are known.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Known(known) => known.len(),
            Self::PinFirst | Self::Files(_) => 0,
        }
    }

    /// Whether the server may show this key.
    pub(super) fn accept(&self, seen: &HostKey) -> bool {
        match self {
            Self::Known(known) => known.iter().any(|known| known.matches(seen)),
            Self::PinFirst => true,
            Self::Files(_) => false,
        }
    }

    /// The signature methods to ask for, so that the server shows a key that is known; nothing when any will do.
    pub(super) fn preference(&self) -> Option<String> {
        let Self::Known(known) = self else {
            return None;
        };
        let methods: Option<Vec<_>> = known
            .iter()
            .map(|known| known.algorithm().map(|name| methods(&name)))
            .collect();
        methods
            .filter(|all| !all.is_empty())
            .map(|all| all.join(","))
    }
}

/// An RSA key signs with three methods (RFC 8332), every other key with the one of its name.
fn methods(algorithm: &str) -> String {
    match algorithm {
        "ssh-rsa" => "rsa-sha2-512,rsa-sha2-256,ssh-rsa".to_owned(),
        other => other.to_owned(),
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm(), self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::keys;

    fn key() -> HostKey {
        HostKey::parse(keys::generate("test").unwrap().public()).unwrap()
    }

    #[test]
    fn only_known_keys_are_accepted() {
        let (ours, other) = (key(), key());
        let known = HostKeys::Known(vec![Known::Key(ours.clone())]);
        assert!(known.accept(&ours) && !known.accept(&other));
        let printed = HostKeys::Known(vec![Known::Fingerprint {
            fingerprint: ours.fingerprint(),
            algorithm: None,
        }]);
        assert!(printed.accept(&ours) && !printed.accept(&other));
        assert!(!HostKeys::Known(vec![]).accept(&ours));
        assert!(HostKeys::PinFirst.accept(&other));
    }

    #[test]
    fn a_comment_or_a_pinned_line_makes_no_other_key() {
        let ours = key();
        let again = HostKey::parse(&format!("{} root@web", ours.line())).unwrap();
        assert_eq!(ours.line(), again.line());
        assert!(HostKeys::Known(vec![Known::Key(again)]).accept(&ours));
    }

    #[test]
    fn the_server_is_asked_for_a_key_that_is_known() {
        let known = |algorithm: &str| Known::Fingerprint {
            fingerprint: "SHA256:x".into(),
            algorithm: Some(algorithm.into()),
        };
        let keys = HostKeys::Known(vec![known("ssh-ed25519"), known("ssh-rsa")]);
        assert_eq!(
            keys.preference().unwrap(),
            "ssh-ed25519,rsa-sha2-512,rsa-sha2-256,ssh-rsa"
        );
        assert_eq!(HostKeys::Known(vec![]).preference(), None);
        assert_eq!(HostKeys::PinFirst.preference(), None);
    }

    #[test]
    fn half_a_key_is_none() {
        let line = key().line();
        assert_eq!(HostKey::parse(&line[..line.len() - 8]), None);
        assert_eq!(HostKey::parse("ssh-ed25519"), None);
    }
}
