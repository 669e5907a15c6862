//! A machine's root: its image's layers and its own upper layer, mounted as one tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::layers::{self, Chain};
use crate::command::{self, run};

/// The folders of one machine's tree.
#[derive(Debug)]
pub(super) struct Overlay {
    pub(super) upper: PathBuf,
    work: PathBuf,
    /// Where it is mounted.
    pub(super) root: PathBuf,
    mounted: bool,
}

impl Overlay {
    /// Makes the folders of a fresh tree below a machine's folder.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let overlay = Self {
            upper: folder.join("upper"),
            work: folder.join("work"),
            root: folder.join("root"),
            mounted: false,
        };
        layers::make_folder(&overlay.upper)?;
        fs::create_dir_all(&overlay.work)?;
        fs::create_dir_all(&overlay.root)?;
        Ok(overlay)
    }

    /// Mounts the tree over these layers.
    pub(super) async fn mount(&mut self, below: &Chain) -> Result<(), command::Error> {
        let lower: Vec<String> = layers::folders(below)
            .map(|folder| folder.display().to_string())
            .collect();
        // Neither inode indexes nor metadata-only copies: a layer must be whole when it is moved or copied.
        let options = format!(
            "lowerdir={},upperdir={},workdir={},redirect_dir=on,index=off,metacopy=off",
            lower.join(":"),
            self.upper.display(),
            self.work.display()
        );
        // Newer versions of mount hand each option over by itself, and the kernel takes no more than 256 bytes of one.
        let plainly = [
            "LIBMOUNT_FORCE_MOUNT2=always",
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            &options,
        ];
        run(
            "env",
            &[&plainly[..], &[&self.root.display().to_string()]].concat(),
        )
        .await?;
        self.mounted = true;
        Ok(())
    }

    /// Unmounts the tree, if it is mounted.
    pub(super) async fn unmount(&mut self) -> Result<(), command::Error> {
        if std::mem::take(&mut self.mounted) {
            run("umount", &[&self.root.display().to_string()]).await?;
        }
        Ok(())
    }

    /// Moves the upper layer of a tree at rest away and starts a new one.
    pub(super) fn take_upper(&self, to: &Path) -> io::Result<()> {
        fs::rename(&self.upper, to)?;
        layers::make_folder(&self.upper)?;
        fs::remove_dir_all(&self.work)?;
        fs::create_dir_all(&self.work)
    }

    /// Puts an upper layer in the place of a tree's own, which is taken away already.
    pub(super) fn give_upper(&self, from: &Path) -> io::Result<()> {
        fs::remove_dir(&self.upper)?;
        fs::rename(from, &self.upper)
    }

    /// Copies the upper layer with all that overlayfs keeps in it: whiteouts, attributes, links.
    pub(super) async fn copy_upper(&self, to: &Path) -> Result<(), command::Error> {
        let (from, to) = (self.upper.display().to_string(), to.display().to_string());
        run(
            "cp",
            &[
                "--archive",
                "--reflink=auto",
                "--no-target-directory",
                &from,
                &to,
            ],
        )
        .await?;
        Ok(())
    }
}
