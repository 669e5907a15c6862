//! A machine whose root volume is replaced under it: what was noted when that began, and the way back to the old root.
//!
//! The note is a lease of the group, so that whoever finds it, with or without a journal, can bring the old root back. What
//! the machine is on tells how far that is, never what a run remembers.

mod due;
mod way;

use std::time::Duration;

use jiff::Timestamp;

pub(super) use due::{delete_replaced, delete_snapshots};
pub(super) use way::take_back;

use super::lease::{Lease, Leased};
use crate::cloud::{Filter, Group, ImageId, InstanceId, LaunchTemplateVersion, VolumeId, tag};
use crate::run::RunId;

/// How long the way back may take.
pub const LIMIT: Duration = Duration::from_hours(1);
/// What EC2 says of a machine is of before its restart for so long: it looks once a minute ("Status checks for Amazon EC2
/// instances").
pub const BLIND: Duration = Duration::from_mins(2);

/// The words of a lease that say what comes back with the old root.
const LASTS: &str = "lasts";
const GOES: &str = "goes";
const STOPPED: &str = "stopped";

/// What a roll does to the machine of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rerooting {
    pub run: RunId,
    /// The version that the group ran before.
    pub before: LaunchTemplateVersion,
    /// The image that it is to run.
    pub image: ImageId,
    pub instance: InstanceId,
    /// The root that it had.
    pub root: VolumeId,
    /// How often its root had been replaced then.
    pub replaced: usize,
    /// The root stays when the machine goes.
    pub lasts: bool,
    /// Commands have stopped what runs on it: without a restart nothing would.
    pub stopped: bool,
}

impl Rerooting {
    /// What stands in the lease, beside run and end.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![
            self.before.to_string(),
            self.image.to_string(),
            self.instance.to_string(),
            self.root.to_string(),
            self.replaced.to_string(),
            lasting(self.lasts).to_owned(),
        ];
        words.extend(self.stopped.then(|| STOPPED.to_owned()));
        words
    }

    /// What a group's lease says; `None` when there is none, or the roll has gone through.
    pub fn of(group: &Group) -> Option<Self> {
        let lease = Lease::of(group, Leased::Root)?;
        if rerooted(group).is_some_and(|one| one.run == lease.run) {
            return None;
        }
        let [before, image, instance, root, replaced, lasts, rest @ ..] = lease.before.as_slice()
        else {
            return None;
        };
        Some(Self {
            run: lease.run,
            before: LaunchTemplateVersion(before.parse().ok()?),
            image: ImageId::new(image),
            instance: InstanceId::new(instance),
            root: VolumeId::new(root),
            replaced: replaced.parse().ok()?,
            lasts: lasts == LASTS,
            stopped: rest.iter().any(|word| word == STOPPED),
        })
    }
}

/// A replacement that went through: what there was before it, and until when the old root is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rerooted {
    pub run: RunId,
    pub before: LaunchTemplateVersion,
    pub instance: InstanceId,
    pub root: VolumeId,
    pub lasts: bool,
    pub until: Timestamp,
}

impl Rerooted {
    /// The text of the tag that says so.
    pub fn text(&self) -> String {
        let (run, before, instance, root) = (self.run, self.before, &self.instance, &self.root);
        let lasts = lasting(self.lasts);
        format!("{run} {before} {instance} {root} {lasts} {}", self.until)
    }

    /// The same as what is to be taken back. How often the root had been replaced before is not known any more, and less than now.
    pub fn unfinished(&self, image: ImageId) -> Rerooting {
        Rerooting {
            run: self.run,
            before: self.before,
            image,
            instance: self.instance.clone(),
            root: self.root.clone(),
            replaced: 0,
            lasts: self.lasts,
            stopped: false,
        }
    }
}

/// What the tag of a group says whose machine got another root.
pub fn rerooted(group: &Group) -> Option<Rerooted> {
    let mut words = group.tag(tag::REROOTED)?.split_whitespace();
    Some(Rerooted {
        run: words.next()?.parse().ok()?,
        before: LaunchTemplateVersion(words.next()?.parse().ok()?),
        instance: InstanceId::new(words.next()?),
        root: VolumeId::new(words.next()?),
        lasts: words.next()? == LASTS,
        until: words.next()?.parse().ok()?,
    })
}

/// Filters for what a run of a service has made of data volumes.
pub fn of_service(run: RunId, service: &str) -> Vec<Filter> {
    vec![
        Filter::tag(tag::RUN, run.to_string()),
        Filter::tag(tag::SERVICE, service),
    ]
}

fn lasting(lasts: bool) -> &'static str {
    if lasts { LASTS } else { GOES }
}
