//! How a template's words on SSH are read: ways, logins, limits, and what is wrong with each.

use super::bad_input::builder;
use kiln::template::bake::{CIPHERS, KEY_EXCHANGES, KeyKind, Login, SessionManager, Ssh, Tunnel};
use std::time::Duration;

fn ssh(options: &str) -> Ssh {
    let mut case = builder(options)
        .beside("key", "x")
        .beside("key-cert.pub", "x");
    let read = case.bake();
    let template = read.unwrap_or_else(|findings| panic!("{}", case.draw(&findings)));
    template.0.builds[0].builder.ssh.clone()
}

/// What is said of these options, each with the place's own text.
fn said(options: &str) -> Vec<(String, String, String)> {
    let mut case = builder(options)
        .beside("key", "x")
        .beside("key-cert.pub", "x");
    let findings = case.bake().map(|_| ()).unwrap_err();
    let told = findings
        .into_iter()
        .filter(|finding| finding.code != "template::missing_file");
    told.map(|finding| {
        let help = finding.help.clone().unwrap_or_default();
        (finding.code.to_string(), finding.message, help)
    })
    .collect()
}

#[test]
fn a_bastion_takes_the_machines_key_unless_it_has_its_own() {
    let read = ssh(
        r#""ssh_private_key_file": "key", "ssh_certificate_file": "key-cert.pub", "ssh_password": "s3cret",
        "ssh_bastion_host": "jump", "ssh_bastion_port": "2222", "ssh_bastion_username": "ops""#,
    );
    let bastion = read.bastion.unwrap();
    assert_eq!(
        (bastion.port, bastion.key_file.unwrap().value),
        (2222, "key".into())
    );
    assert_eq!(
        bastion.certificate.unwrap().value.to_str(),
        Some("key-cert.pub")
    );
    assert!(
        bastion
            .known_hosts
            .iter()
            .any(|file| file.ends_with(".ssh/known_hosts"))
    );
    assert!(matches!(read.login, Login::KeyFile { .. }));
    assert_eq!(read.also.password.unwrap().reveal(), "s3cret");

    let nothing = said(r#""ssh_bastion_host": "jump", "ssh_bastion_username": "ops""#);
    assert_eq!(nothing.len(), 1, "{nothing:?}");
    assert!(
        nothing[0].2.contains("ssh_bastion_agent_auth"),
        "{nothing:?}"
    );
    let nobody = said(r#""ssh_bastion_host": "jump", "ssh_bastion_agent_auth": true"#);
    assert!(nobody[0].1.contains("ssh_bastion_username"), "{nobody:?}");
}

#[test]
fn a_proxy_and_a_bastion_are_one_too_many() {
    let proxy = ssh(
        r#""ssh_proxy_host": "gate", "ssh_proxy_username": "me", "ssh_proxy_password": "s3cret""#,
    );
    let proxy = proxy.proxy.unwrap();
    assert_eq!(
        (proxy.port, proxy.username.unwrap().value),
        (1080, "me".to_owned())
    );
    let both = said(
        r#""ssh_proxy_host": "gate", "ssh_bastion_host": "jump",
        "ssh_bastion_username": "ops", "ssh_bastion_agent_auth": true"#,
    );
    assert_eq!(both[0].0, "template::exclusive", "{both:?}");
}

#[test]
fn unknown_algorithms_have_a_nearest_one() {
    let read = ssh(
        r#""ssh_ciphers": ["aes128-gcm@openssh.com"], "ssh_key_exchange_algorithms": "curve25519-sha256""#,
    );
    assert_eq!(read.ciphers, ["aes128-gcm@openssh.com"]);
    assert_eq!(read.key_exchanges, ["curve25519-sha256"]);
    let wrong = said(
        r#""ssh_ciphers": ["aes128-gcm@opensh.com"], "ssh_key_exchange_algorithms": ["curve25519-sha265"]"#,
    );
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].2.contains("aes128-gcm@openssh.com"), "{wrong:?}");
    assert!(wrong[1].2.contains("curve25519-sha256"), "{wrong:?}");
}

#[test]
fn the_lists_of_algorithms_are_libssh2s_own() {
    let (ciphers, exchanges) = kiln::ssh::Algorithms::supported().unwrap();
    assert_eq!(ciphers, CIPHERS);
    assert_eq!(exchanges, KEY_EXCHANGES);
}

#[test]
fn tunnels_are_read_and_a_wrong_one_is_shown() {
    let read = ssh(
        r#""ssh_local_tunnels": ["8080:db:5432"], "ssh_remote_tunnels": "0.0.0.0:3128:proxy:3128""#,
    );
    let tunnel = |listen: (&str, u16), to: (&str, u16)| Tunnel {
        listen: (listen.0.to_owned(), listen.1),
        to: (to.0.to_owned(), to.1),
    };
    assert_eq!(
        read.local_tunnels,
        [tunnel(("127.0.0.1", 8080), ("db", 5432))]
    );
    assert_eq!(
        read.remote_tunnels,
        [tunnel(("0.0.0.0", 3128), ("proxy", 3128))]
    );
    let wrong = said(r#""ssh_local_tunnels": ["8080:db:5432", "8080"]"#);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].2.contains("PORT:HOST:PORT"), "{wrong:?}");
}

#[test]
fn session_manager_needs_a_profile_and_is_the_only_way() {
    let profile = r#""iam_instance_profile": "ssm", "ssh_interface": "session_manager""#;
    let read = ssh(profile).session_manager;
    let usual = SessionManager {
        local_port: None,
        pause: Duration::ZERO,
    };
    assert_eq!(read, Some(usual));
    let named = ssh(&format!(
        r#"{profile}, "session_manager_port": "8022", "pause_before_ssm": "10s""#
    ));
    let named = named.session_manager.unwrap();
    let wanted = (Some(8022), Duration::from_secs(10));
    assert_eq!((named.local_port, named.pause), wanted);

    let bare = said(
        r#""ssh_interface": "session_manager", "iam_instance_profile": "", "ssh_bastion_host": """#,
    );
    assert_eq!(bare.len(), 1, "{bare:?}");
    assert_eq!(bare[0].0, "template::missing_option");
    assert!(
        bare[0].2.contains("AmazonSSMManagedInstanceCore"),
        "{bare:?}"
    );
    let two = said(&format!(r#"{profile}, "ssh_host": "10.0.0.9""#));
    assert_eq!(two.len(), 1, "{two:?}");
    assert_eq!(two[0].0, "template::exclusive");
    let misspelt = said(r#""ssh_interface": "session_manger""#);
    assert!(misspelt[0].2.contains("session_manager"), "{misspelt:?}");
}

#[test]
fn options_of_session_manager_are_noted_where_there_is_none() {
    let mut case = builder(r#""session_manager_port": 8022, "pause_before_ssm": "10s""#);
    let (_, notes) = case.bake().unwrap();
    let idle = notes
        .iter()
        .filter(|note| note.code == "template::idle_option");
    assert_eq!(idle.count(), 2, "{notes:?}");
}

#[test]
fn a_certificate_needs_its_key() {
    let alone = said(r#""ssh_certificate_file": "key-cert.pub""#);
    assert_eq!(alone[0].0, "template::missing_option");
    assert!(alone[0].2.contains("ssh_private_key_file"), "{alone:?}");
}

#[test]
fn limits_are_packers() {
    let seconds = Duration::from_secs;
    let usual = ssh("\"ssh_pty\": true");
    assert_eq!(usual.timeout, seconds(300));
    assert_eq!(usual.keep_alive_interval, Some(seconds(5)));
    assert!(usual.wait_for_cloud_init && usual.pty);
    assert_eq!(ssh(r#""ssh_timeout": "90s""#).timeout, seconds(90));
    let counted = ssh(r#""ssh_handshake_attempts": 3"#);
    assert_eq!(counted.handshake_attempts, Some(3));
    assert!(
        counted.timeout > seconds(3600),
        "the count is the limit then"
    );
    let off = ssh(r#""ssh_keep_alive_interval": "-1s", "wait_for_cloud_init": "false""#);
    assert_eq!(
        (off.keep_alive_interval, off.wait_for_cloud_init),
        (None, false)
    );
    assert_eq!(
        ssh(r#""ssh_keep_alive_interval": "0s""#).keep_alive_interval,
        Some(seconds(5))
    );
    let wrong = said(r#""ssh_keep_alive_interval": "-x""#);
    assert_eq!(wrong[0].0, "template::wrong_type", "{wrong:?}");
}

/// The key pair that a template's options come to, and what is said about them.
fn key_pair(options: &str) -> (Option<KeyKind>, Vec<String>) {
    match builder(options).bake() {
        Ok((template, notes)) => {
            let kind = match &template.builds[0].builder.ssh.login {
                Login::Temporary { kind, .. } => Some(*kind),
                _ => None,
            };
            (kind, notes.into_iter().map(|note| note.message).collect())
        }
        Err(findings) => (None, findings.into_iter().map(|f| f.message).collect()),
    }
}

#[test]
fn a_runs_key_pair_is_of_the_kind_and_length_that_ec2_takes() {
    let kind = |options: &str| key_pair(options).0;
    assert_eq!(kind(""), Some(KeyKind::Ed25519));
    let rsa = r#""temporary_key_pair_type": "rsa""#;
    assert_eq!(kind(rsa), Some(KeyKind::Rsa(2048)));
    let long = format!(r#"{rsa}, "temporary_key_pair_bits": "4096""#);
    assert_eq!(kind(&long), Some(KeyKind::Rsa(4096)));
    let (none, said) = key_pair(&long.replace("4096", "1024"));
    assert_eq!(
        (none, &*said[0]),
        (None, "an RSA key cannot have 1024 bits here")
    );
    for word in ["ecdsa", "dsa"] {
        let (none, said) = key_pair(&rsa.replace("rsa", word));
        assert!(none.is_none() && said[0].contains(word), "{said:?}");
    }
    let (kept, said) = key_pair(r#""temporary_key_pair_bits": 521"#);
    assert_eq!(kept, Some(KeyKind::Ed25519));
    assert!(said[0].contains("has no effect"), "{said:?}");
}
