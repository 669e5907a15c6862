//! Rollbacks, each in a process of its own.

use kiln::roll::{RolledBack, Way, rollback};
use kiln::run::{Clock as _, Events, Leases as _, RunId, Silent};

use super::Bench;
use super::world::holder;

impl Bench {
    pub async fn rollback(&self) -> RolledBack {
        self.rollback_by(None).await
    }

    /// Goes back; by force where there is a reason.
    pub async fn rollback_by(&self, force: Option<&str>) -> RolledBack {
        self.go_back(self.next_run(), force, &Silent).await
    }

    /// Goes back under the service's lease; nothing where somebody else has it.
    pub async fn rollback_leased(&self, force: Option<&str>) -> Option<RolledBack> {
        let run = self.next_run();
        let holder = holder(run, self.cloud.now());
        let _lease = self.store.take("web", &holder).ok()?;
        Some(self.go_back(run, force, &Silent).await)
    }

    /// Goes back, and somebody listens.
    pub async fn go_back(
        &self,
        run: RunId,
        force: Option<&str>,
        events: &dyn Events,
    ) -> RolledBack {
        let client = self.process(run).await;
        let journal = self.journals.begin(run);
        let way = Way {
            service: "web",
            run,
            clock: &self.cloud,
            events,
            journal: &journal,
            stop: self.stop.clone(),
            force,
        };
        rollback(&way, &client).await
    }
}
