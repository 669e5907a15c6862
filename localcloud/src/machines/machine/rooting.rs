//! A machine that gets another root: at rest at once, running once it has been shut down for it.

use tokio::time::Instant;

use super::super::roots::{Change, Found, PutAway};
use super::super::{Error, chain};
use super::{Aim, Machine};
use crate::model::Fact;

impl Machine {
    /// Shuts the machine down for another root, if it runs.
    pub(super) fn reroot(&mut self, change: Change) {
        let Some(running) = &mut self.running else {
            if change.running && self.aim == Aim::Rest {
                // It did not come up with the root that it has.
                self.aim = Aim::Run;
            }
            return self.apply(change);
        };
        let now = Instant::now();
        running.ending = Some((now + self.inner.config.stop_within, now));
        self.change = Some(change);
    }

    /// Changes the root of a machine at rest.
    pub(super) fn apply(&mut self, change: Change) {
        let instance = self.boot.instance.clone();
        let had = !self.below.is_empty();
        let fact = match self.change_root(change) {
            Ok(()) => Fact::Rooted { instance },
            Err(error) => Fact::RootFailed {
                instance,
                reason: chain(&error),
                detached: had && self.below.is_empty(),
            },
        };
        self.tell(fact);
    }

    fn change_root(&mut self, change: Change) -> Result<(), Error> {
        // What is not there is found out before the old root is gone.
        let root = change.root.map(|root| self.inner.find(root)).transpose()?;
        if let Some(volume) = change.away {
            let upper = self.inner.next_root();
            let parent = upper.parent().unwrap_or(&upper);
            std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
            self.take_upper(&upper)?;
            let below = std::mem::take(&mut self.below);
            self.inner.put_away(volume, PutAway { upper, below });
        }
        if let Some(Found { below, kept }) = root {
            if let Some((volume, upper)) = kept {
                let given = self.overlay.give_upper(&upper);
                given.map_err(Error::file(&upper))?;
                self.inner.forget_root(&volume);
            }
            self.below = below;
        }
        Ok(())
    }
}
