//! Which ciphers and key exchanges are offered to a server, in which order.

use ssh2::MethodType;

use crate::ssh::ConnectError;

/// AES in GCM first: with the instructions that every EC2 machine and most others have for it, it is several times as fast
/// as libssh2's own `ChaCha20`, which is in portable C. No CBC, and nothing without a name in OpenSSH's own defaults.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,\
                       aes128-ctr,aes192-ctr,aes256-ctr";

/// What the user wants instead of the defaults; empty lists are the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// By preference, by their SSH names.
    pub ciphers: Vec<String>,
    pub key_exchanges: Vec<String>,
}

impl Algorithms {
    /// The names of all ciphers and of all key exchanges that there are here. Errors when libssh2 has no memory for them.
    pub fn supported() -> Result<(Vec<&'static str>, Vec<&'static str>), ssh2::Error> {
        let session = ssh2::Session::new()?;
        let ciphers = session.supported_algs(MethodType::CryptCs)?;
        let mut exchanges = session.supported_algs(MethodType::Kex)?;
        // Words of the protocol's extensions among them.
        exchanges.retain(|name| !name.starts_with("ext-info") && !name.starts_with("kex-strict"));
        Ok((ciphers, exchanges))
    }

    /// Sets them on a session that has not shaken hands yet.
    pub(super) fn set(&self, session: &ssh2::Session) -> Result<(), ConnectError> {
        let ciphers = if self.ciphers.is_empty() {
            CIPHERS.to_owned()
        } else {
            self.ciphers.join(",")
        };
        prefer(session, MethodType::CryptCs, &ciphers)?;
        prefer(session, MethodType::CryptSc, &ciphers)?;
        if self.key_exchanges.is_empty() {
            return Ok(());
        }
        prefer(session, MethodType::Kex, &self.key_exchanges.join(","))
    }
}

/// libssh2 leaves out the names that it does not know, and complains when none is left.
pub(super) fn prefer(
    session: &ssh2::Session,
    what: MethodType,
    names: &str,
) -> Result<(), ConnectError> {
    session
        .method_pref(what, names)
        .map_err(|source| ConnectError::Algorithms {
            names: names.to_owned(),
            source,
        })
}
