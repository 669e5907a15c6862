//! Proving to a server who we are.

use std::fmt;
use std::path::PathBuf;

use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt};

use crate::ssh::ConnectError;

/// How to prove it.
#[derive(Clone)]
pub enum Auth {
    /// A private key's text, as OpenSSH or PEM.
    Memory {
        private_key: String,
    },
    /// A private key's file.
    File {
        path: PathBuf,
        passphrase: Option<String>,
    },
    /// Any key of the user's agent.
    Agent,
    Password(String),
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
            with_key(session, user, private_key, None, "in memory").map_err(or(denied("key")))
        }
        Auth::File { path, passphrase } => {
            let text = std::fs::read_to_string(path).map_err(|source| ConnectError::KeyFile {
                path: path.clone(),
                source,
            })?;
            let name = path.display().to_string();
            with_key(session, user, &text, passphrase.as_deref(), &name).map_err(or(denied("key")))
        }
        Auth::Agent => with_agent(session, user)?.map_err(denied("agent's keys")),
        Auth::Password(password) => {
            with_password(session, user, password).map_err(denied("password"))
        }
    }
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

fn with_key(
    session: &ssh2::Session,
    user: &str,
    text: &str,
    passphrase: Option<&str>,
    name: &str,
) -> Result<(), KeyError> {
    session
        .userauth_pubkey_memory(user, None, text, passphrase)
        .map_err(|source| match source.code() {
            BAD_KEY => KeyError::Bad(ConnectError::BadKey {
                name: name.to_owned(),
                source,
            }),
            _ => KeyError::Denied(source),
        })
}

/// Tries the agent's keys one after the other; the inner error is the last refusal.
fn with_agent(
    session: &ssh2::Session,
    user: &str,
) -> Result<Result<(), ssh2::Error>, ConnectError> {
    let mut agent = session.agent().map_err(ConnectError::Agent)?;
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
            Self::Agent => "Agent",
            Self::Password(_) => "Password",
        })
    }
}
