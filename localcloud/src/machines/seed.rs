//! What a machine is told at each launch: the `NoCloud` seed for cloud-init and the nameservers.
//!
//! The seed lies outside of the machine's own tree and is shown to it read-only, so nothing of it gets into an image.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::json;

use crate::model::Boot;

/// Where cloud-init looks for the seed (cloud-init's documentation, "`NoCloud`").
pub(super) const PLACE: &str = "/var/lib/cloud/seed/nocloud";

/// Writes the seed into a folder.
pub(super) fn write(folder: &Path, boot: &Boot) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("meta-data"), meta_data(boot))?;
    fs::write(
        folder.join("user-data"),
        boot.user_data.as_deref().unwrap_or_default(),
    )
}

fn meta_data(boot: &Boot) -> String {
    let data = json!({
        "instance-id": boot.instance,
        "local-hostname": boot.hostname,
        "public-keys": boot.public_keys,
    });
    format!("{data:#}\n")
}

/// Writes the nameservers of the host into a machine's root, as a VPC's DHCP would.
pub(super) fn write_nameservers(root: &Path) -> io::Result<()> {
    let own = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let upstream = fs::read_to_string("/run/systemd/resolve/resolv.conf").unwrap_or_default();
    let text = nameservers(&own, &upstream);
    // Links inside the machine's tree must not lead to files of the host.
    let etc = Dir::open_ambient_dir(root, ambient_authority())?.open_dir("etc")?;
    match etc.remove_file("resolv.conf") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    etc.write("resolv.conf", text)
}

/// The lines of the host's resolv.conf that hold in a machine too. A nameserver on the host's loopback does not; then
/// the ones behind it are taken, where systemd-resolved names them.
fn nameservers(own: &str, upstream: &str) -> String {
    let servers = reachable(own);
    let servers = if servers.is_empty() {
        reachable(upstream)
    } else {
        servers
    };
    if servers.is_empty() {
        tracing::warn!(
            "no nameserver of this host can be reached from machines: names will not resolve in them"
        );
    }
    let search = own.lines().filter(|line| line.starts_with("search "));
    search
        .chain(servers)
        .flat_map(|line| [line, "\n"])
        .collect()
}

fn reachable(text: &str) -> Vec<&str> {
    let is_reachable = |line: &&str| {
        let server = line.strip_prefix("nameserver").map(str::trim);
        server
            .and_then(|server| server.parse::<IpAddr>().ok())
            .is_some_and(|server| server.is_ipv4() && !server.is_loopback())
    };
    text.lines().filter(is_reachable).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::model::Metadata;

    fn boot() -> Boot {
        Boot {
            instance: "i-1".to_owned(),
            image: "ami-1".to_owned(),
            address: Ipv4Addr::new(172, 31, 0, 9),
            hostname: "ip-172-31-0-9".to_owned(),
            public_keys: vec!["ssh-ed25519 AAAA \"quoted\"".to_owned()],
            user_data: Some(b"#!/bin/sh\necho \xff\n".to_vec()),
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn the_seed_names_the_instance_and_carries_user_data_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &boot()).unwrap();
        let text = fs::read_to_string(folder.path().join("meta-data")).unwrap();
        let data: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(data["instance-id"], "i-1");
        assert_eq!(data["local-hostname"], "ip-172-31-0-9");
        assert_eq!(data["public-keys"][0], "ssh-ed25519 AAAA \"quoted\"");
        assert_eq!(
            fs::read(folder.path().join("user-data")).unwrap(),
            b"#!/bin/sh\necho \xff\n"
        );
    }

    #[test]
    fn a_nameserver_on_loopback_is_replaced_by_those_behind_it() {
        let stub = "search corp.example\nnameserver 127.0.0.53\noptions edns0\n";
        assert_eq!(
            nameservers(stub, "nameserver 192.0.2.53\n"),
            "search corp.example\nnameserver 192.0.2.53\n"
        );
        assert_eq!(
            nameservers("nameserver 192.0.2.1\n", "nameserver 192.0.2.53\n"),
            "nameserver 192.0.2.1\n"
        );
    }

    #[test]
    fn links_in_the_machine_do_not_lead_to_the_host() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("etc")).unwrap();
        assert!(write_nameservers(root.path()).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);

        fs::remove_file(root.path().join("etc")).unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let precious = outside.path().join("precious");
        fs::write(&precious, "kept").unwrap();
        std::os::unix::fs::symlink(&precious, root.path().join("etc/resolv.conf")).unwrap();
        write_nameservers(root.path()).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
        assert!(
            root.path()
                .join("etc/resolv.conf")
                .symlink_metadata()
                .unwrap()
                .is_file()
        );
    }
}
