//! Folders of machines and layers, made and removed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Makes a folder that only root may look into: it holds user data, host keys and whole disks.
pub(super) fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Removes folders with all that is in them; what cannot be removed is left to `sweep`.
pub(super) async fn remove_folders(folders: Vec<PathBuf>) {
    let removing = tokio::task::spawn_blocking(move || {
        for folder in folders {
            if let Err(error) = std::fs::remove_dir_all(&folder)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, folder = %folder.display(), "a folder of the local cloud is left");
            }
        }
    });
    drop(removing.await);
}
