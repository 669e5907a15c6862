//! What proves to a server who we are: keys of each kind, certificates, an agent, passwords; and the algorithms on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kiln::ssh::{Auth, ConnectError, Remote, Session, Target, Verdict, connect, keys};

use super::server::{Server, user};

/// An agent of our own: its socket is in its folder, and it ends with its handle.
pub struct Agent {
    pub socket: PathBuf,
    process: Child,
}

impl Agent {
    pub fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        // `-D` keeps it in the foreground.
        let mut agent = Command::new("ssh-agent");
        agent.args(["-D", "-a"]).arg(&socket).stdout(Stdio::piped());
        let mut process = agent.spawn().unwrap();
        // It says where its socket is once it listens.
        let mut said = std::io::BufReader::new(process.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut said, &mut String::new()).unwrap();
        Self { socket, process }
    }

    pub fn add(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket);
        assert!(add.status().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Makes a key pair in the server's folder with these words for `ssh-keygen`.
fn keygen(server: &Server, name: &str, words: &[&str]) -> PathBuf {
    let path = server.folder.path().join(name);
    let mut keygen = Command::new("ssh-keygen");
    keygen.arg("-q").args(words).arg("-f").arg(&path);
    assert!(keygen.status().unwrap().success());
    path
}

fn let_in(server: &Server, key: &Path) {
    let public = key.with_extension("pub");
    fs::copy(public, server.folder.path().join("authorized")).unwrap();
}

fn file(path: &Path) -> Auth {
    Auth::File {
        path: path.to_owned(),
        passphrase: None,
        certificate: None,
    }
}

fn with(server: &Server, auth: Auth) -> Target {
    Target {
        auth,
        ..server.target()
    }
}

async fn echo(session: &Session) -> Vec<u8> {
    let command = kiln::ssh::Command::new("echo in");
    session.capture(command).await.unwrap()
}

#[tokio::test]
async fn rsa_keys_sign_with_sha2() {
    // As Debian 12, Ubuntu 22.04 and RHEL 9 have it: `ssh-rsa`, which signs with SHA-1, is not in the list.
    let server = Server::start_with("PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256");
    let key = keygen(&server, "rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    let_in(&server, &key);
    let session = connect(with(&server, file(&key))).await.unwrap();
    assert_eq!(echo(&session).await, b"in\n");
}

#[tokio::test]
async fn an_agent_proves_it_with_whichever_key_fits() {
    let server = Server::start();
    let agent = Agent::start(server.folder.path());
    let auth = Auth::Agent {
        socket: Some(agent.socket.clone()),
    };
    let error = connect(with(&server, auth.clone())).await.unwrap_err();
    assert!(matches!(error, ConnectError::Denied { .. }), "{error}");

    agent.add(&keygen(&server, "other", &["-t", "ed25519", "-N", ""]));
    let key = keygen(&server, "rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    agent.add(&key);
    let_in(&server, &key);
    let session = connect(with(&server, auth)).await.unwrap();
    assert_eq!(echo(&session).await, b"in\n");

    let nobody = Auth::Agent {
        socket: Some(server.folder.path().join("nobody")),
    };
    let error = connect(with(&server, nobody)).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Never, "{error}");
}

#[tokio::test]
async fn an_encrypted_key_says_what_to_do() {
    let server = Server::start();
    for (name, words) in [
        ("new", &["-t", "ed25519", "-N", "secret"][..]),
        (
            "pem",
            &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret"],
        ),
        (
            "pkcs8",
            &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "secret"],
        ),
    ] {
        let key = keygen(&server, name, words);
        let error = connect(with(&server, file(&key))).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::EncryptedKey { .. }),
            "{error}"
        );
        assert_eq!(error.verdict(), Verdict::Never);
        assert!(error.to_string().contains("ssh-add"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_lets_in_who_is_in_no_list() {
    let authority = tempfile::tempdir().unwrap();
    let ca = authority.path().join("ca");
    let mut keygen_ca = Command::new("ssh-keygen");
    keygen_ca
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&ca);
    assert!(keygen_ca.status().unwrap().success());
    let trust = format!("TrustedUserCAKeys {}.pub", ca.display());
    let server = Server::start_with(&trust);
    for words in [
        &["-t", "ed25519", "-N", ""][..],
        &["-t", "rsa", "-b", "2048", "-N", ""],
        &["-t", "ecdsa", "-N", ""],
    ] {
        let key = keygen(&server, words[1], words);
        let error = connect(with(&server, file(&key))).await.unwrap_err();
        assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
        let certificate = sign(&ca, &key, &user());
        let session = connect(with(&server, certified(&key, certificate)))
            .await
            .unwrap();
        assert_eq!(echo(&session).await, b"in\n", "{words:?}");
    }

    let key = keygen(&server, "elsewhere", &["-t", "ed25519", "-N", ""]);
    let certificate = sign(&ca, &key, "somebody-else");
    let error = connect(with(&server, certified(&key, certificate)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");

    let none = certified(&key, key.with_extension("pub"));
    let error = connect(with(&server, none)).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::BadCertificate { .. }),
        "{error}"
    );
    assert_eq!(error.verdict(), Verdict::Never);
}

fn certified(key: &Path, certificate: PathBuf) -> Auth {
    Auth::File {
        path: key.to_owned(),
        passphrase: None,
        certificate: Some(certificate),
    }
}

fn sign(ca: &Path, key: &Path, principal: &str) -> PathBuf {
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-I", "test", "-n", principal, "-s"])
        .arg(ca);
    let public = key.with_extension("pub");
    assert!(sign.arg(&public).status().unwrap().success());
    let name = key.file_name().unwrap().to_str().unwrap();
    key.with_file_name(format!("{name}-cert.pub"))
}

#[tokio::test]
async fn the_first_of_several_ways_that_is_accepted_counts() {
    let server = Server::start();
    let refused = keygen(&server, "refused", &["-t", "ed25519", "-N", ""]);
    let ways = vec![file(&refused), server.target().auth];
    let session = connect(with(&server, Auth::Any(ways))).await.unwrap();
    assert_eq!(echo(&session).await, b"in\n");
}

#[tokio::test]
async fn only_the_wanted_algorithms_are_offered() {
    let server = Server::start_with(
        "Ciphers aes256-ctr\nKexAlgorithms curve25519-sha256,ecdh-sha2-nistp521",
    );
    let mut target = server.target();
    assert_eq!(echo(&connect(target.clone()).await.unwrap()).await, b"in\n");
    target.algorithms.ciphers = vec!["aes256-ctr".to_owned()];
    target.algorithms.key_exchanges = vec!["ecdh-sha2-nistp521".to_owned()];
    assert_eq!(echo(&connect(target.clone()).await.unwrap()).await, b"in\n");

    target.algorithms.ciphers = vec!["aes128-gcm@openssh.com".to_owned()];
    let error = connect(target.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error}");
    target.algorithms.ciphers.clear();
    target.algorithms.key_exchanges = vec!["diffie-hellman-group14-sha256".to_owned()];
    let error = connect(target.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error}");
    target.algorithms.key_exchanges = vec!["rot13".to_owned()];
    let error = connect(target).await.unwrap_err();
    assert!(matches!(error, ConnectError::Algorithms { .. }), "{error}");
    assert_eq!(error.verdict(), Verdict::Never);
}

/// OpenSSH takes no signature with SHA-1 any more.
#[tokio::test]
async fn a_key_of_a_run_that_is_rsa_lets_us_in() {
    let server = Server::start();
    let pair = keys::generate_rsa(2048, "rsa").unwrap();
    fs::write(server.folder.path().join("authorized"), pair.public()).unwrap();
    let mut target = server.target();
    target.auth = Auth::Memory {
        private_key: pair.private().unwrap(),
    };
    connect(target).await.unwrap().close().await;
}
