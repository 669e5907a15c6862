//! What a run can take back, as data, and the one place that does it.
//!
//! Each thing has two forms: as intended, found by the run's tag because no id is known yet, and as made, by its id.
//! When something is recorded, and in which order it goes, is the flows' and the engine's affair.

pub mod alarms;
mod emptied;
pub mod floor;
pub mod held;
mod images;
pub mod lease;
mod making;
pub mod mend;
pub mod pool;
pub mod prune;
mod publication;
pub mod question;
pub mod records;
pub mod refresh;
mod retire;
mod roll;
pub mod root;
mod rules;
pub mod serving;
mod sessions;
pub mod share;
mod taken;
mod targets;
pub mod tested;
mod traffic;
mod versions;

pub use emptied::ended;
pub use making::{Unmade, ask, make};
pub use publication::{Publication, Settings, TakesName};
pub use retire::{Retire, begin as begin_to_retire, end as end_retirement};
pub use roll::{Change, Moved, OfRoll, Purpose, description, refuse_serving};
pub use taken::Taken;

use std::fmt;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::cloud::{
    Cloud, Error as CloudError, Filter, ImageId, InstanceId, KeyPairName, Kind, LaunchTemplateId,
    Region, SecurityGroupId, SnapshotId, VolumeId, tag,
};
use crate::run::{RunId, UNDO_LIMIT, Unwind};

/// How long a thing may refuse to go because another still needs it. AWS takes up to ten minutes to end a large
/// instance; the engine's own limit for an undo is a little above this.
const DEPENDENCY_LIMIT: Duration = Duration::from_mins(9);
/// The longest pause between two tries of one undo; `DescribeInstances` and the like notice an ended instance within seconds.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often something is looked for whose making got no answer, with doubling pauses from a second on. EC2 shows new
/// things within seconds ("Eventual consistency in the Amazon EC2 API").
const LOOKS: u32 = 5;

/// One thing to take back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// Its name holds the run id, so it is the run's own.
    DeleteKeyPair {
        name: KeyPairName,
    },
    /// One under a name of the user's, which somebody else's may bear: it is found by the run's tag only.
    DeleteKeyPairsOf {
        run: RunId,
    },
    DeleteSecurityGroup {
        id: SecurityGroupId,
    },
    DeleteSecurityGroupsOf {
        run: RunId,
    },
    TerminateInstance {
        id: InstanceId,
    },
    TerminateInstancesOf {
        run: RunId,
    },
    /// A launch template of a fleet for the run's machine.
    DeleteLaunchTemplate {
        id: LaunchTemplateId,
    },
    DeleteLaunchTemplatesOf {
        run: RunId,
    },
    /// Volumes that outlive their instance.
    DeleteVolumesOf {
        run: RunId,
    },
    DeleteVolumes {
        ids: Vec<VolumeId>,
    },
    /// The image and its snapshots.
    RemoveImage {
        id: ImageId,
        run: RunId,
    },
    RemoveImagesOf {
        run: RunId,
    },
    /// Sessions of Session Manager to a machine; they end with it at the latest.
    EndSessionsTo {
        instance: InstanceId,
    },
    /// A snapshot that has lost its image.
    DeleteSnapshot {
        id: SnapshotId,
    },
    /// An instance profile for the run only, by its name, which holds the run id.
    DeleteProfile {
        name: String,
    },
    /// Its role, with its policy.
    DeleteRole {
        name: String,
    },
    /// Something in another region than the run's.
    In {
        region: Region,
        thing: Box<Undo>,
    },
    /// A publication that has begun: it is finished, not taken back.
    Publish(Box<Publication>),
    /// What a roll made or changed.
    Roll(OfRoll),
    /// A group that no longer serves.
    Retire(Retire),
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeleteKeyPair { name } => write!(f, "key pair {name}"),
            Self::DeleteKeyPairsOf { run } => write!(f, "key pair of run {run}"),
            Self::DeleteSecurityGroup { id } => write!(f, "security group {id}"),
            Self::DeleteSecurityGroupsOf { run } => write!(f, "security group of run {run}"),
            Self::TerminateInstance { id } => write!(f, "instance {id}"),
            Self::TerminateInstancesOf { run } => write!(f, "instance of run {run}"),
            Self::DeleteLaunchTemplate { id } => write!(f, "launch template {id}"),
            Self::DeleteLaunchTemplatesOf { run } => write!(f, "launch template of run {run}"),
            Self::DeleteVolumesOf { run } => write!(f, "volumes of run {run}"),
            Self::DeleteVolumes { ids } => {
                let ids: Vec<_> = ids.iter().map(VolumeId::as_str).collect();
                write!(f, "volumes {}", ids.join(", "))
            }
            Self::RemoveImage { id, .. } => write!(f, "image {id}"),
            Self::RemoveImagesOf { run } => write!(f, "image of run {run}"),
            Self::EndSessionsTo { instance } => write!(f, "sessions to {instance}"),
            Self::DeleteSnapshot { id } => write!(f, "snapshot {id}"),
            Self::DeleteProfile { name } => write!(f, "instance profile {name}"),
            Self::DeleteRole { name } => write!(f, "role {name}"),
            Self::In { region, thing } => write!(f, "{thing} in {region}"),
            Self::Publish(publication) => publication.fmt(f),
            Self::Roll(of) => of.fmt(f),
            Self::Retire(retire) => retire.fmt(f),
        }
    }
}

impl Undo {
    /// The things of EC2 that it names by id, as far as they carry an expiry.
    pub fn tagged_ids(&self) -> Vec<String> {
        match self {
            Self::DeleteSecurityGroup { id } => vec![id.to_string()],
            Self::TerminateInstance { id } => vec![id.to_string()],
            Self::DeleteVolumes { ids } => ids.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }
}

/// Why something was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error("the journal cannot be written")]
    Journal(#[from] io::Error),
}

/// Filters for what carries the run's tag.
pub fn of(run: RunId) -> Vec<Filter> {
    vec![Filter::tag(tag::RUN, run.to_string())]
}

/// Carries undos out in one account and region.
#[derive(Debug)]
pub struct Unwinder<'a, C> {
    cloud: &'a C,
}

impl<'a, C: Cloud> Unwinder<'a, C> {
    /// Takes things back in `cloud`.
    pub fn new(cloud: &'a C) -> Self {
        Self { cloud }
    }

    async fn delete_security_groups(&self, run: RunId) -> Result<(), CloudError> {
        let found = look(async || self.cloud.find_security_groups(&of(run)).await).await?;
        for id in found {
            persist(async || self.cloud.delete_security_group(&id).await).await?;
        }
        Ok(())
    }

    async fn delete_key_pairs(&self, run: RunId) -> Result<(), CloudError> {
        let found = look(async || self.cloud.find_key_pairs(&of(run)).await).await?;
        for name in found {
            persist(async || self.cloud.delete_key_pair(&name).await).await?;
        }
        Ok(())
    }

    async fn terminate_instances(&self, run: RunId) -> Result<(), CloudError> {
        let found = look(async || self.cloud.find_instances(&of(run)).await).await?;
        for instance in found {
            if !instance.state.is_ending() {
                persist(async || self.cloud.terminate_instance(&instance.id).await).await?;
            }
        }
        Ok(())
    }

    async fn delete_launch_templates(&self, run: RunId) -> Result<(), CloudError> {
        let found = look(async || self.cloud.find_launch_templates(&of(run)).await).await?;
        for id in found {
            persist(async || self.cloud.delete_template(&id).await).await?;
        }
        Ok(())
    }

    async fn delete_volumes(&self, run: RunId) -> Result<(), CloudError> {
        let found = look(async || self.cloud.find_volumes(&of(run)).await).await?;
        self.delete_each_volume(&found).await
    }

    async fn delete_each_volume(&self, ids: &[VolumeId]) -> Result<(), CloudError> {
        for id in ids {
            persist(async || self.cloud.delete_volume(id).await).await?;
        }
        Ok(())
    }
}

impl<C: Cloud> Unwind<Undo> for Unwinder<'_, C> {
    type Error = CloudError;

    fn limit(&self, undo: &Undo) -> Duration {
        match undo {
            Undo::Roll(of) if of.releases(lease::Leased::Refresh) => refresh::LIMIT,
            // Volumes of the run are deleted behind it.
            Undo::Roll(of) if of.releases(lease::Leased::Root) => root::LIMIT + UNDO_LIMIT,
            Undo::Roll(of) => UNDO_LIMIT + 2 * of.follows(),
            _ => UNDO_LIMIT,
        }
    }

    async fn undo(&self, undo: &Undo) -> Result<(), CloudError> {
        match undo {
            Undo::DeleteKeyPair { name } => {
                persist(async || self.cloud.delete_key_pair(name).await).await
            }
            Undo::DeleteKeyPairsOf { run } => self.delete_key_pairs(*run).await,
            Undo::DeleteSecurityGroup { id } => {
                persist(async || self.cloud.delete_security_group(id).await).await
            }
            Undo::DeleteSecurityGroupsOf { run } => self.delete_security_groups(*run).await,
            Undo::TerminateInstance { id } => {
                persist(async || self.cloud.terminate_instance(id).await).await
            }
            Undo::TerminateInstancesOf { run } => self.terminate_instances(*run).await,
            Undo::DeleteLaunchTemplate { id } => {
                persist(async || self.cloud.delete_template(id).await).await
            }
            Undo::DeleteLaunchTemplatesOf { run } => self.delete_launch_templates(*run).await,
            Undo::DeleteVolumesOf { run } => self.delete_volumes(*run).await,
            Undo::DeleteVolumes { ids } => self.delete_each_volume(ids).await,
            Undo::RemoveImage { id, run } => self.remove_made_image(id, *run).await,
            Undo::RemoveImagesOf { run } => self.remove_images(*run).await,
            Undo::EndSessionsTo { instance } => sessions::end_all(instance, self.cloud).await,
            Undo::DeleteSnapshot { id } => {
                persist(async || self.cloud.delete_snapshot(id).await).await
            }
            Undo::DeleteProfile { name } => {
                persist(async || self.cloud.delete_profile(name).await).await
            }
            Undo::DeleteRole { name } => persist(async || self.cloud.delete_role(name).await).await,
            Undo::In { region, thing } => {
                let there = self.cloud.in_region(region);
                Box::pin(Unwinder::new(&there).undo(thing)).await
            }
            Undo::Publish(publication) => Box::pin(publication.settle(self.cloud)).await,
            Undo::Roll(of) => Box::pin(roll::undo(self.cloud, of)).await,
            Undo::Retire(retire) => Box::pin(retire::retire(self.cloud, retire)).await,
        }
    }
}

/// Tries until it goes, is gone already, or can never go.
pub(crate) async fn persist(
    mut call: impl AsyncFnMut() -> Result<(), CloudError>,
) -> Result<(), CloudError> {
    let began = Instant::now();
    let mut pause = Duration::from_secs(1);
    loop {
        let error = match call().await {
            Err(error) if !error.is_not_found() => error,
            Ok(()) | Err(_) => return Ok(()),
        };
        let may_go = error.is_passing() || error.kind == Kind::Dependency;
        if !may_go || began.elapsed() + pause > DEPENDENCY_LIMIT {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Looks for things that may appear late.
async fn look<T>(
    mut find: impl AsyncFnMut() -> Result<Vec<T>, CloudError>,
) -> Result<Vec<T>, CloudError> {
    let mut pause = Duration::from_secs(1);
    for _ in 1..LOOKS {
        match find().await {
            Ok(found) if found.is_empty() => {}
            Err(error) if error.is_passing() => {}
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    find().await
}
