//! Key pairs for one run. The private half lives in memory only, does not print, and is wiped when dropped.

use std::fmt;

use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

/// A key pair.
#[derive(Clone)]
pub struct KeyPair {
    private: PrivateKey,
    public: String,
}

/// Makes a new ed25519 key pair; the comment is the public key's last word.
pub fn generate(comment: &str) -> Result<KeyPair, ssh_key::Error> {
    of(PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?, comment)
}

/// Makes a new RSA key pair of so many bits, which takes a second or more.
pub fn generate_rsa(bits: u16, comment: &str) -> Result<KeyPair, ssh_key::Error> {
    let pair = RsaKeypair::random(&mut OsRng, bits.into())?;
    of(PrivateKey::new(KeypairData::Rsa(pair), "")?, comment)
}

fn of(mut private: PrivateKey, comment: &str) -> Result<KeyPair, ssh_key::Error> {
    private.set_comment(comment);
    let public = private.public_key().to_openssh()?;
    Ok(KeyPair { private, public })
}

impl KeyPair {
    /// The public key as one line of an `authorized_keys` file.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The private key in OpenSSH's text form.
    ///
    /// Errors only when the key cannot be encoded, which one from [`generate`] always can.
    pub fn private(&self) -> Result<String, ssh_key::Error> {
        Ok(self.private.to_openssh(LineEnding::LF)?.to_string())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_another_one_and_its_halves_belong_together() {
        let (one, other) = (generate("kiln run").unwrap(), generate("kiln run").unwrap());
        assert_ne!(one.public(), other.public());
        let read = PrivateKey::from_openssh(one.private().unwrap()).unwrap();
        assert_eq!(read.public_key().to_openssh().unwrap(), one.public());
        assert!(one.public().starts_with("ssh-ed25519 ") && one.public().ends_with(" kiln run"));
    }

    #[test]
    fn an_rsa_pair_has_the_length_that_is_asked_for() {
        let pair = generate_rsa(2048, "kiln run").unwrap();
        let read = PrivateKey::from_openssh(pair.private().unwrap()).unwrap();
        let modulus = read.key_data().rsa().unwrap().public.n.as_positive_bytes();
        assert_eq!(modulus.unwrap().len() * 8, 2048);
        assert!(pair.public().starts_with("ssh-rsa ") && pair.public().ends_with(" kiln run"));
    }

    #[test]
    fn the_private_half_does_not_print() {
        assert!(!format!("{:?}", generate("x").unwrap()).contains("private"));
    }
}
