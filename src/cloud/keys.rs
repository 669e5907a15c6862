//! Key pairs.

use crate::cloud::{Filter, KeyPairName, Result, Tags};

/// Key pairs, of which the cloud only ever sees the public half.
pub trait Keys {
    /// Makes a key pair of a public key in OpenSSH's one-line form.
    fn import_key_pair(
        &self,
        name: &KeyPairName,
        public_key: &str,
        tags: &Tags,
    ) -> impl Future<Output = Result<()>>;

    /// Names of the key pairs that match all filters.
    fn find_key_pairs(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<KeyPairName>>>;

    /// Deletes a key pair; one that is not there is no error (as "`DeleteKeyPair`" has it).
    fn delete_key_pair(&self, name: &KeyPairName) -> impl Future<Output = Result<()>>;
}
