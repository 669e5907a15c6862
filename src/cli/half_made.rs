//! What becomes of a roll that a dead run left half-made, where it is not gone on with or taken back as the image asks.

use clap::Args;

use crate::cloud::Cloud;
use crate::roll::{self, Ended, Probe, Request, Tools};
use crate::run::{LaterLists, Leases};
use crate::undo::Undo;

/// Flags of it.
#[derive(Args, Debug)]
#[group(multiple = true)]
pub struct HalfMade {
    /// Only go on with a roll that a dead run left half-made; exit 2 where there is none
    #[arg(long, conflicts_with_all = ["approve", "finish"])]
    resume: bool,
    /// Take back what dead runs left half-made, and roll nothing
    #[arg(long, conflicts_with_all = ["plan", "plan_out", "apply", "approve", "finish", "resume"])]
    abandon: bool,
}

impl HalfMade {
    /// Whether nothing else is to be rolled.
    pub fn only_resumes(&self) -> bool {
        self.resume
    }

    /// Rolls, or gives up.
    pub async fn carry_out<C: Cloud, P: Probe, S: Leases + LaterLists<Undo>>(
        &self,
        request: &Request<'_>,
        tools: &Tools<'_, C, P, S>,
    ) -> Ended {
        if self.abandon {
            roll::abandon(request, tools).await
        } else {
            roll::roll(request, tools).await
        }
    }
}
