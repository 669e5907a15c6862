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
pub const ROLL: [&str; 3] = ["roll", SERVICE, "vars/common.json"];

/// Writes the demo's files below `folder`.
pub fn write(folder: &Path) -> io::Result<()> {
    for (path, text) in FILES {
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
        for path in LAYERS.into_iter().chain([TEMPLATE, SERVICE]) {
            assert!(folder.path().join(path).exists(), "{path}");
        }
    }
}
