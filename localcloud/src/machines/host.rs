//! What a host needs before machines can run on it, and how it says what is missing.

use std::path::{Path, PathBuf};

/// Tools that machines, network and load balancers are made with, and the Debian package of each.
const TOOLS: [(&str, &str); 11] = [
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("haproxy", "haproxy"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("umount", "mount"),
    ("kill", "procps"),
    ("cp", "coreutils"),
    ("gpgv", "gpgv"),
];

/// Namespaces that a machine lives in, by their names in `/proc/self/ns`.
const NAMESPACES: [&str; 5] = ["mnt", "pid", "net", "uts", "ipc"];

/// Where machines and images lie.
const FOLDER: &str = "/var/lib/kiln-local";

/// What there is to see of a host.
#[derive(Clone, Debug)]
struct Host {
    linux: bool,
    root: bool,
    /// Whether a tool is installed.
    has: fn(&str) -> bool,
    /// What the kernel does not offer.
    kernel_lacks: Vec<String>,
    /// The kind of file system that the machines' folder is on.
    disk: String,
}

/// One sentence on what this host lacks and how to get it; nothing when machines can run.
pub fn missing() -> Option<String> {
    lacks(&Host {
        linux: cfg!(target_os = "linux"),
        root: effective_user() == Some(0),
        has: |tool| find(tool).is_some(),
        kernel_lacks: kernel_lacks(),
        disk: file_system(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()),
    })
}

fn lacks(host: &Host) -> Option<String> {
    if !host.linux {
        return Some(
            "kiln local needs Linux, for its instances are containers: use a Debian machine, a virtual one for example"
                .to_owned(),
        );
    }
    let packages = packages(host.has).join(" ");
    if !packages.is_empty() {
        return Some(format!(
            "kiln local needs programs that are not installed; get them with: \
             sudo apt-get install --no-install-recommends {packages}"
        ));
    }
    if !host.root {
        return Some(
            "kiln local needs root for namespaces and mounts: run it with sudo".to_owned(),
        );
    }
    let lacks = host.kernel_lacks.join(", ");
    if !lacks.is_empty() {
        return Some(format!(
            "kiln local needs what this kernel does not offer: {lacks}"
        ));
    }
    (host.disk == "overlay").then(|| {
        format!("kiln local needs {FOLDER} on a disk, and here it is on an overlay, which cannot carry another: mount a volume there")
    })
}

fn kernel_lacks() -> Vec<String> {
    let is_missing = |kind: &&&str| !Path::new("/proc/self/ns").join(kind).exists();
    let namespaces = NAMESPACES
        .iter()
        .filter(is_missing)
        .map(|kind| format!("{kind} namespaces"));
    let overlay = (!knows_overlay()).then(|| "overlayfs (try: sudo modprobe overlay)".to_owned());
    namespaces.chain(overlay).collect()
}

/// The file system that carries the machines' folder, from the text of a mountinfo (proc(5)): that of the longest mount
/// point above it, and of several at one point the last.
fn file_system(mounts: &str) -> String {
    let points = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        Some((before.split(' ').nth(4)?, after.split(' ').next()?))
    });
    let above = points.filter(|(point, _)| Path::new(FOLDER).starts_with(point));
    above
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind.to_owned())
        .unwrap_or_default()
}

fn packages(has: fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<&str> = TOOLS
        .iter()
        .filter(|(tool, _)| !has(tool))
        .map(|(_, package)| *package)
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Administrators' tools lie in folders that an ordinary user's search path lacks.
fn find(tool: &str) -> Option<PathBuf> {
    let folders = [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ];
    folders
        .iter()
        .map(|folder| Path::new(folder).join(tool))
        .find(|path| path.exists())
}

fn effective_user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

/// The kernel loads the module at the first mount where it is not built in.
fn knows_overlay() -> bool {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = Path::new("/lib/modules")
        .join(release.trim())
        .join("kernel/fs/overlayfs");
    known.lines().any(|line| line.ends_with("\toverlay")) || modules.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Host {
        Host {
            linux: true,
            root: true,
            has: |_| true,
            kernel_lacks: Vec::new(),
            disk: "ext4".to_owned(),
        }
    }

    #[test]
    fn a_whole_host_lacks_nothing() {
        assert_eq!(lacks(&whole()), None);
    }

    #[test]
    fn packages_are_named_once_with_the_line_that_installs_them() {
        let host = Host {
            has: |tool| !["mount", "umount", "haproxy"].contains(&tool),
            root: false,
            ..whole()
        };
        let said = lacks(&host).unwrap();
        assert!(
            said.ends_with("apt-get install --no-install-recommends haproxy mount"),
            "{said}"
        );
    }

    #[test]
    fn each_lack_is_one_sentence_that_says_what_to_do() {
        let said = |host: Host| lacks(&host).unwrap();
        assert!(
            said(Host {
                linux: false,
                ..whole()
            })
            .contains("needs Linux")
        );
        assert!(
            said(Host {
                root: false,
                ..whole()
            })
            .contains("sudo")
        );
        let kernel_lacks = vec!["net namespaces".to_owned(), "overlayfs".to_owned()];
        assert!(
            said(Host {
                kernel_lacks,
                ..whole()
            })
            .ends_with("not offer: net namespaces, overlayfs")
        );
    }

    #[test]
    fn an_overlay_does_not_carry_another() {
        let mounts = "20 1 0:30 / / rw - overlay overlay rw\n21 20 8:1 / /var/lib/kiln rw - ext4 /dev/sda rw\n";
        assert_eq!(file_system(mounts), "overlay");
        let volume = format!("{mounts}22 20 8:2 / /var/lib/kiln-local rw - xfs /dev/sdb rw\n");
        assert_eq!(file_system(&volume), "xfs");
        let said = lacks(&Host {
            disk: "overlay".to_owned(),
            ..whole()
        })
        .unwrap();
        assert!(said.ends_with("mount a volume there"), "{said}");
    }
}
