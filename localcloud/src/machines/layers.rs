//! Images as chains of layers: which folders a machine stands on, and when a layer may go.
//!
//! A layer is held by every image and machine that stands on it and is removed with the last of them. The folders have
//! short names because a mount takes only so much text.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::base::Base;

/// Where the default user stands, for cloud-init; a layer of its own, so that images made from it keep the user.
const USER_CONFIG: &str = "etc/cloud/cloud.cfg.d/91_default_user.cfg";

/// One folder of an overlay.
#[derive(Debug)]
pub(super) struct Layer {
    folder: PathBuf,
    /// The base image outlives every cloud.
    kept: bool,
}

/// Layers from the top down.
pub(super) type Chain = Vec<Arc<Layer>>;

/// All images that can be booted.
#[derive(Debug)]
pub(super) struct Layers {
    folder: PathBuf,
    images: HashMap<String, Chain>,
    made: u32,
}

impl Layers {
    pub(super) fn new(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            images: HashMap::new(),
            made: 0,
        })
    }

    /// Makes the base image known under an id, with the user that its key is for.
    pub(super) fn publish(&mut self, image: &str, base: &Base, user: &str) -> io::Result<()> {
        let folder = self.next_folder();
        make_folder(&folder)?;
        let mut parent = folder.clone();
        for part in ["etc", "cloud", "cloud.cfg.d"] {
            parent.push(part);
            make_folder(&parent)?;
        }
        fs::write(folder.join(USER_CONFIG), default_user(user))?;
        let chain = vec![layer(folder, false), layer(base.root.clone(), true)];
        self.images.insert(image.to_owned(), chain);
        Ok(())
    }

    pub(super) fn chain(&self, image: &str) -> Option<Chain> {
        self.images.get(image).cloned()
    }

    /// A place for a new layer; `add` makes it one.
    pub(super) fn next_folder(&mut self) -> PathBuf {
        self.made += 1;
        self.folder.join(self.made.to_string())
    }

    /// Makes a filled folder the top layer of a new image, and returns the image's chain.
    pub(super) fn add(&mut self, image: &str, folder: PathBuf, below: &[Arc<Layer>]) -> Chain {
        let chain: Chain = std::iter::once(layer(folder, false))
            .chain(below.iter().cloned())
            .collect();
        self.images.insert(image.to_owned(), chain.clone());
        chain
    }

    /// Makes an image known under a second id; returns whether there is such an image.
    pub(super) fn alias(&mut self, image: &str, of: &str) -> bool {
        let chain = self.chain(of);
        chain.is_some_and(|chain| {
            self.images.insert(image.to_owned(), chain);
            true
        })
    }

    /// Forgets an image; returns the folders that nothing stands on any more.
    pub(super) fn discard(&mut self, image: &str) -> Vec<PathBuf> {
        self.images.remove(image).map(release).unwrap_or_default()
    }
}

/// Gives up a chain; returns the folders that nothing stands on any more.
pub(super) fn release(chain: Chain) -> Vec<PathBuf> {
    chain
        .into_iter()
        .filter_map(Arc::into_inner)
        .filter(|layer| !layer.kept)
        .map(|layer| layer.folder)
        .collect()
}

/// The folders of a chain, from the top down.
pub(super) fn folders(chain: &[Arc<Layer>]) -> impl Iterator<Item = &Path> {
    chain.iter().map(|layer| layer.folder.as_path())
}

/// Makes a folder as the root of a tree must be, whatever the mask of this process.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn layer(folder: PathBuf, kept: bool) -> Arc<Layer> {
    Arc::new(Layer { folder, kept })
}

fn default_user(name: &str) -> String {
    format!(
        "system_info:\n  default_user:\n    name: {name}\n    lock_passwd: true\n    shell: /bin/bash\n    \
         groups: [adm, sudo]\n    sudo: [\"ALL=(ALL) NOPASSWD:ALL\"]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folders: &[PathBuf]) -> Vec<String> {
        folders
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_layer_goes_with_the_last_that_stands_on_it() {
        let state = tempfile::tempdir().unwrap();
        let base = Base {
            root: state.path().join("base"),
        };
        let mut layers = Layers::new(state.path().join("layers")).unwrap();
        layers.publish("ami-base", &base, "admin").unwrap();
        let below = layers.chain("ami-base").unwrap();
        let folder = layers.next_folder();
        let machine = layers.add("ami-web", folder, &below);
        drop(below);
        assert!(layers.alias("ami-copy", "ami-web"));

        assert!(layers.discard("ami-web").is_empty());
        assert!(layers.discard("ami-base").is_empty());
        assert!(layers.discard("ami-copy").is_empty());
        assert_eq!(names(&release(machine)), ["2", "1"], "the base stays");
    }

    #[test]
    fn the_default_user_is_part_of_the_image() {
        let state = tempfile::tempdir().unwrap();
        let base = Base {
            root: state.path().join("base"),
        };
        let mut layers = Layers::new(state.path().join("layers")).unwrap();
        layers.publish("ami-ubuntu", &base, "ubuntu").unwrap();
        let chain = layers.chain("ami-ubuntu").unwrap();
        let top = folders(&chain).next().unwrap();
        assert!(
            fs::read_to_string(top.join(USER_CONFIG))
                .unwrap()
                .contains("name: ubuntu\n")
        );
        let mode = fs::metadata(top.join("etc/cloud"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn an_unknown_image_has_no_second_name() {
        let state = tempfile::tempdir().unwrap();
        let mut layers = Layers::new(state.path().to_owned()).unwrap();
        assert!(!layers.alias("ami-2", "ami-1"));
        assert!(layers.discard("ami-1").is_empty());
    }
}
