//! Proving to a server who we are.

use std::fmt;
use std::path::{Path, PathBuf};

use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt};

use crate::ssh::terminal::User;
use crate::ssh::{Answers, ConnectError};

/// How to prove it.
#[derive(Clone)]
pub enum Auth {
    /// A private key's text, as OpenSSH or PEM.
    Memory {
        private_key: String,
    },
    /// A private key's file, and the file of the OpenSSH certificate that vouches for it, as `ssh-keygen -s` makes one.
    File {
        path: PathBuf,
        passphrase: Option<String>,
        certificate: Option<PathBuf>,
    },
    /// Any key of the agent behind this socket, or of the one at `SSH_AUTH_SOCK`.
    Agent {
        socket: Option<PathBuf>,
    },
    Password(String),
    /// The user answers the server's questions at the terminal.
    Terminal(Answers),
    /// One after the other until one is accepted.
    Any(Vec<Auth>),
}

/// `LIBSSH2_ERROR_FILE` of libssh2.h: the key is none, or the passphrase does not open it.
const BAD_KEY: ErrorCode = ErrorCode::Session(-16);

/// Proves it. The session blocks, up to its own timeout.
pub fn authenticate(
    session: &ssh2::Session,
    user: &str,
    address: &str,
    auth: &Auth,
) -> Result<(), ConnectError> {
    let denied = |method| {
        move |source| ConnectError::Denied {
            user: user.to_owned(),
            address: address.to_owned(),
            method,
            source,
        }
    };
    match auth {
        Auth::Memory { private_key } => {
            let key = Key {
                name: "in memory",
                text: private_key,
                passphrase: None,
                certificate: None,
            };
            key.show(session, user).map_err(or(denied("key")))
        }
        Auth::File {
            path,
            passphrase,
            certificate,
        } => {
            let text = read(path)?;
            let certificate = certificate.as_deref().map(read_certificate).transpose()?;
            let key = Key {
                name: &path.display().to_string(),
                text: &text,
                passphrase: passphrase.as_deref(),
                certificate: certificate.as_deref(),
            };
            let method = key.certificate.map_or("key", |_| "certificate");
            key.show(session, user).map_err(or(denied(method)))
        }
        Auth::Agent { socket } => {
            with_agent(session, user, socket.as_deref())?.map_err(denied("agent's keys"))
        }
        Auth::Password(password) => {
            with_password(session, user, password).map_err(denied("password"))
        }
        Auth::Terminal(answers) => {
            let mut user_at = User::new(answers).map_err(ConnectError::NoTerminal)?;
            let done = session.userauth_keyboard_interactive(user, &mut user_at);
            done.inspect_err(|_| answers.forget())
                .map_err(denied("answers"))
        }
        Auth::Any(ways) => {
            let mut last = None;
            for way in ways {
                match authenticate(session, user, address, way) {
                    Ok(()) => return Ok(()),
                    Err(error) => last = Some(error),
                }
            }
            let none = ssh2::Error::new(BAD_KEY, "there is nothing to prove it with");
            Err(last.unwrap_or_else(|| denied("nothing")(none)))
        }
    }
}

fn read(path: &Path) -> Result<String, ConnectError> {
    std::fs::read_to_string(path).map_err(|source| ConnectError::KeyFile {
        path: path.to_owned(),
        source,
    })
}

/// A certificate's line, seen to be one: libssh2 would only say that the server refused it. What stands in it is the
/// server's to judge.
fn read_certificate(path: &Path) -> Result<String, ConnectError> {
    let text = read(path)?;
    let kind = text.split_whitespace().next().unwrap_or_default();
    if kind.ends_with("-cert-v01@openssh.com") {
        return Ok(text);
    }
    Err(ConnectError::BadCertificate {
        path: path.to_owned(),
    })
}

/// A private key with what belongs to it.
struct Key<'a> {
    name: &'a str,
    text: &'a str,
    passphrase: Option<&'a str>,
    certificate: Option<&'a str>,
}

/// A key is either unusable, or usable and refused.
enum KeyError {
    Bad(ConnectError),
    Denied(ssh2::Error),
}

fn or(denied: impl FnOnce(ssh2::Error) -> ConnectError) -> impl FnOnce(KeyError) -> ConnectError {
    move |error| match error {
        KeyError::Bad(error) => error,
        KeyError::Denied(source) => denied(source),
    }
}

impl Key<'_> {
    fn show(&self, session: &ssh2::Session, user: &str) -> Result<(), KeyError> {
        if self.passphrase.is_none() && is_encrypted(self.text) {
            return Err(KeyError::Bad(ConnectError::EncryptedKey {
                name: self.name.to_owned(),
            }));
        }
        session
            .userauth_pubkey_memory(user, self.certificate, self.text, self.passphrase)
            .map_err(|source| match source.code() {
                BAD_KEY => KeyError::Bad(ConnectError::BadKey {
                    name: self.name.to_owned(),
                    source,
                }),
                _ => KeyError::Denied(source),
            })
    }
}

/// Whether a key's text asks for a passphrase: in OpenSSH's form inside, in PEM by a header or a label.
pub fn is_encrypted(text: &str) -> bool {
    let pem =
        text.contains("Proc-Type: 4,ENCRYPTED") || text.contains("BEGIN ENCRYPTED PRIVATE KEY");
    pem || ssh_key::PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted())
}

/// Tries the agent's keys one after the other; the inner error is the last refusal.
fn with_agent(
    session: &ssh2::Session,
    user: &str,
    socket: Option<&Path>,
) -> Result<Result<(), ssh2::Error>, ConnectError> {
    let mut agent = session.agent().map_err(ConnectError::Agent)?;
    if let Some(socket) = socket {
        agent
            .set_identity_path(socket)
            .map_err(ConnectError::Agent)?;
    }
    agent.connect().map_err(ConnectError::Agent)?;
    agent.list_identities().map_err(ConnectError::Agent)?;
    let mut last = ssh2::Error::new(BAD_KEY, "the agent has no keys");
    for identity in agent.identities().map_err(ConnectError::Agent)? {
        match agent.userauth(user, &identity) {
            Ok(()) => return Ok(Ok(())),
            Err(refusal) => last = refusal,
        }
    }
    Ok(Err(last))
}

/// Servers with PAM often take passwords only as an answer to a question.
fn with_password(session: &ssh2::Session, user: &str, password: &str) -> Result<(), ssh2::Error> {
    session
        .userauth_password(user, password)
        .or_else(|refusal| {
            session
                .userauth_keyboard_interactive(user, &mut Answer(password))
                .map_err(|_| refusal)
        })
}

/// Answers every hidden question with the password.
struct Answer<'a>(&'a str);

impl KeyboardInteractivePrompt for Answer<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        let answer = |prompt: &Prompt<'_>| if prompt.echo { "" } else { self.0 };
        prompts
            .iter()
            .map(|prompt| answer(prompt).to_owned())
            .collect()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory { .. } => "Memory",
            Self::File { .. } => "File",
            Self::Agent { .. } => "Agent",
            Self::Password(_) => "Password",
            Self::Terminal(_) => "Terminal",
            Self::Any(_) => "Any",
        })
    }
}
