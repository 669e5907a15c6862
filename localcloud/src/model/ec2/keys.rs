//! Key pairs; only the public half is kept.

use jiff::Timestamp;

#[derive(Clone, Debug)]
pub(in crate::model) struct KeyPair {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    /// `rsa` or `ed25519`.
    pub(in crate::model) kind: &'static str,
    pub(in crate::model) fingerprint: String,
    /// One line of an authorized_keys file.
    pub(in crate::model) public: String,
    pub(in crate::model) created: Timestamp,
}
