//! Root volumes: what a machine finds on a new one, and what was put away when it got another.
//!
//! A root is an upper layer and what it lies on. On a machine the machine has it; put away it is kept here, under its
//! volume's id, and outlives the machine.

use std::collections::HashMap;
use std::path::PathBuf;

use super::layers::{self, Chain};
use super::machine::Order;
use super::{Error, Inner, Machines, remove_folders};
use crate::model::{Fact, Root};

/// A root that is on no machine.
#[derive(Debug)]
pub(super) struct PutAway {
    pub(super) upper: PathBuf,
    pub(super) below: Chain,
}

/// The roots that are on no machine, by the ids of their volumes.
#[derive(Debug, Default)]
pub(super) struct Roots {
    kept: HashMap<String, PutAway>,
    made: u32,
}

/// A new root: what lies below, and of one that was put away its volume and its upper layer.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) below: Chain,
    pub(super) kept: Option<(String, PathBuf)>,
}

/// One change of a machine's root.
#[derive(Debug)]
pub(super) struct Change {
    /// The volume under whose id the old one is put away.
    pub(super) away: Option<String>,
    pub(super) root: Option<Root>,
    /// The machine runs, and is started again with it.
    pub(super) running: bool,
}

impl Inner {
    /// A place for a root that is put away.
    pub(super) fn next_root(&self) -> PathBuf {
        let mut roots = self.roots();
        roots.made += 1;
        self.config.state.join("roots").join(roots.made.to_string())
    }

    pub(super) fn put_away(&self, volume: String, root: PutAway) {
        self.roots().kept.insert(volume, root);
    }

    /// Takes in that a machine has a root that was put away.
    pub(super) fn forget_root(&self, volume: &str) {
        drop(self.roots().kept.remove(volume));
    }

    /// What a machine finds on a new root.
    pub(super) fn find(&self, root: Root) -> Result<Found, Error> {
        match root {
            Root::Fresh { image } => {
                let below = self.layers().chain(&image);
                let below = below.ok_or(Error::NoImage(image))?;
                Ok(Found { below, kept: None })
            }
            Root::Kept { volume } => {
                let roots = self.roots();
                let Some(root) = roots.kept.get(&volume) else {
                    return Err(Error::NoRoot(volume));
                };
                Ok(Found {
                    below: root.below.clone(),
                    kept: Some((volume, root.upper.clone())),
                })
            }
        }
    }
}

impl Machines {
    /// Gives a machine another root.
    pub(super) fn reroot(&self, instance: &str, change: Change) {
        if !self.order(instance, Order::Root(change)) {
            self.tell(Fact::RootFailed {
                instance: instance.to_owned(),
                reason: "there is no such machine".to_owned(),
                detached: false,
            });
        }
    }

    /// Forgets a root that was put away, and removes what nothing else stands on.
    pub(super) fn scrap(&self, volume: &str) {
        let kept = self.inner.roots().kept.remove(volume);
        if let Some(root) = kept {
            let mut folders = layers::release(root.below);
            folders.push(root.upper);
            self.inner.tasks.spawn(remove_folders(folders));
        }
    }
}
