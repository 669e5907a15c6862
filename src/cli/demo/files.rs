//! The shipped template, layers, roles and service that the demo uses, so that it runs without a checkout.

use std::fs;
use std::io;
use std::path::Path;

/// Paths of the checkout with what stands there.
macro_rules! shipped {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)))),+]
    };
}

/// Below the demo's folder.
pub const TEMPLATE: &str = "templates/web.json";
/// The service file.
pub const SERVICE: &str = "services/web.json";
/// The service's name.
pub const NAME: &str = "web";
/// The host name that the service's rule matches.
pub const HOST: &str = "web.example";
/// Var files, weakest first.
pub const LAYERS: [&str; 2] = ["vars/common.json", "vars/os/debian-12.json"];

/// Every file that the demo writes, by its path in the checkout.
const FILES: [(&str, &str); 14] = shipped![
    "templates/web.json",
    "services/web.json",
    "vars/common.json",
    "vars/os/debian-12.json",
    "roles/base-packages/role.json",
    "roles/base-packages/scripts/10-install.sh",
    "roles/nginx/role.json",
    "roles/nginx/scripts/10-install.sh",
    "roles/nginx/scripts/20-enable.sh",
    "roles/nginx/scripts/90-clean.sh",
    "roles/nginx/files/etc/systemd/system/nginx.service",
    "roles/nginx/templates/etc/nginx/conf.d/web.conf.j2",
    "roles/nginx/templates/var/www/web/index.html.j2",
    "roles/nginx/verify/10-serves.sh",
];

/// The service file with its var file, as `roll` takes them.
pub const ROLL: [&str; 4] = ["roll", SERVICE, "vars/common.json", "--local-state"];
/// The same service with a strategy that moves traffic by shares.
pub const ROLL_CANARY: [&str; 4] = ["roll", CANARY_SERVICE, "vars/common.json", "--local-state"];
const CANARY_SERVICE: &str = "services/web-canary.json";
const BLUE_GREEN: &str = r#"{ "type": "blue_green" }"#;
const CANARY: &str = r#"{
    "type": "canary",
    "steps": [ { "weight": 10, "hold": "5s" }, { "weight": 50, "hold": "5s" }, { "weight": 100, "hold": "5s" } ]
  }"#;
/// The template of a version that is broken in a way which its bake does not see: it is made from the one before.
pub const BROKEN: &str = "templates/broken.json";
const BROKEN_TEMPLATE: &str = r#"{
  "variables": { "region": null, "instance_type": null, "ssh_username": null, "good": null, "version": null },
  "kiln": { "family": "web", "version": "{{ version }}" },
  "builders": [ {
    "type": "amazon-ebs",
    "name": "web",
    "region": "{{ region }}",
    "ami_name": "web-{{ version }}-{{ timestamp() }}",
    "source_ami_filter": { "filters": { "tag:version": "{{ good }}" }, "owners": ["self"], "most_recent": true },
    "instance_type": "{{ instance_type }}",
    "ssh_username": "{{ ssh_username }}",
    "tags": { "version": "{{ version }}" }
  } ],
  "provisioners": [
    { "type": "shell", "inline": ["sudo sed -i 's/{{ good }}/oops/' /etc/nginx/conf.d/web.conf"] }
  ]
}"#;

/// Writes the demo's files below `folder`.
pub fn write(folder: &Path) -> io::Result<()> {
    let service = FILES.iter().find(|(path, _)| *path == SERVICE);
    let canary = service.map(|(_, text)| text.replace(BLUE_GREEN, CANARY));
    let made = [
        (CANARY_SERVICE, canary.unwrap_or_default()),
        (BROKEN, BROKEN_TEMPLATE.to_owned()),
    ];
    let shipped = FILES.iter().map(|(path, text)| (*path, (*text).to_owned()));
    for (path, text) in shipped.chain(made) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn below(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| {
                if path.is_dir() {
                    below(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }

    #[test]
    fn roles_are_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for role in ["roles/base-packages", "roles/nginx"] {
            for path in below(&root.join(role)) {
                let written = folder.path().join(path.strip_prefix(root).unwrap());
                assert_eq!(fs::read(&path).unwrap(), fs::read(written).unwrap());
            }
        }
        let canary = fs::read_to_string(folder.path().join(CANARY_SERVICE)).unwrap();
        assert!(canary.contains(CANARY) && !canary.contains(BLUE_GREEN));
        for path in LAYERS.into_iter().chain([TEMPLATE, SERVICE, BROKEN]) {
            assert!(folder.path().join(path).exists(), "{path}");
        }
    }
}
