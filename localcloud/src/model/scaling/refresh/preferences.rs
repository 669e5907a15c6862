//! `RefreshPreferences`: read with the bounds of the API, and shown again.

use crate::model::{Fault, Tree, args::Args, scaling::settings::Settings};

/// Alarms are no part of this cloud, and its groups have no instances in standby; both are refused by name.
const TAKES: &str = "MinHealthyPercentage MaxHealthyPercentage InstanceWarmup CheckpointPercentages CheckpointDelay \
    SkipMatching AutoRollback ScaleInProtectedInstances StandbyInstances BakeTime";
/// The longest pauses, in seconds (`BakeTime`, `CheckpointDelay`).
const LONGEST: i64 = 172_800;
/// What is kept in service when neither the refresh nor the group says (`MinHealthyPercentage`).
const USUAL_MIN: i64 = 90;

#[derive(Clone, Debug, Default)]
pub(super) struct Preferences {
    given_min: Option<i64>,
    given_max: Option<i64>,
    given_warmup: Option<i64>,
    pub(super) checkpoints: Vec<i64>,
    delay: Option<i64>,
    skip: Option<bool>,
    back: Option<bool>,
    protected: Option<String>,
    standby: Option<String>,
    /// Seconds.
    pub(super) bake: Option<i64>,
}

/// What is done about instances that are protected from scale-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protected {
    Refresh,
    Ignore,
    Wait,
}

impl Preferences {
    pub(super) fn read(args: Option<Args<'_>>) -> Result<Self, Fault> {
        let Some(args) = args else {
            return Ok(Self::default());
        };
        args.only(TAKES)?;
        let mut checkpoints = Vec::new();
        for text in args.texts("CheckpointPercentages")? {
            let why = "Member must have value between 1 and 100";
            let percent = text
                .parse()
                .ok()
                .filter(|percent| (1..=100).contains(percent));
            checkpoints
                .push(percent.ok_or_else(|| args.invalid("CheckpointPercentages", text, why))?);
        }
        if checkpoints.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Fault::validation(
                "The checkpoint percentages must be unique and in ascending order",
            ));
        }
        let read = Self {
            given_min: args.int_in("MinHealthyPercentage", 0..=100)?,
            given_max: args.int_in("MaxHealthyPercentage", 100..=200)?,
            given_warmup: args.int_in("InstanceWarmup", 0..=i64::from(i32::MAX))?,
            delay: args.int_in("CheckpointDelay", 0..=LONGEST)?,
            skip: args.flag("SkipMatching")?,
            back: args.flag("AutoRollback")?,
            protected: text(&args, "ScaleInProtectedInstances", "Refresh Ignore Wait")?,
            standby: text(&args, "StandbyInstances", "Terminate Ignore Wait")?,
            bake: args.int_in("BakeTime", 0..=LONGEST)?,
            checkpoints,
        };
        if read.delay.is_some() && read.checkpoints.is_empty() {
            return Err(Fault::validation(
                "CheckpointDelay needs CheckpointPercentages",
            ));
        }
        match (read.given_min, read.given_max) {
            (None, Some(_)) => Err(Fault::validation(
                "MaxHealthyPercentage needs MinHealthyPercentage",
            )),
            (Some(min), Some(max)) if max - min > 100 => Err(Fault::validation(
                "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100",
            )),
            _ => Ok(read),
        }
    }

    pub(super) fn skips_matching(&self) -> bool {
        self.skip.unwrap_or(false)
    }

    pub(super) fn rolls_back(&self) -> bool {
        self.back.unwrap_or(false)
    }

    pub(super) fn protected(&self) -> Protected {
        match self.protected.as_deref() {
            Some("Refresh") => Protected::Refresh,
            Some("Ignore") => Protected::Ignore,
            _ => Protected::Wait,
        }
    }

    /// Seconds that it waits at a checkpoint; an hour when nothing is said.
    pub(super) fn delay(&self) -> i64 {
        self.delay.unwrap_or(3600)
    }

    /// Seconds from being in service to being warm.
    pub(super) fn warmup(&self, settings: &Settings) -> i64 {
        let usual = settings
            .kept_number("DefaultInstanceWarmup")
            .filter(|seconds| *seconds >= 0);
        self.given_warmup.or(usual).unwrap_or(settings.grace)
    }

    /// The percentage that stays in service.
    pub(super) fn min(&self, settings: &Settings) -> i64 {
        let policy = settings.maintenance("MinHealthyPercentage");
        self.given_min.or(policy).unwrap_or(USUAL_MIN)
    }

    /// The percentage that may be there at once; nothing said is not the same as 100.
    pub(super) fn max(&self, settings: &Settings) -> Option<i64> {
        let policy = settings.maintenance("MaxHealthyPercentage");
        match self.given_min {
            Some(_) => self.given_max,
            None => policy,
        }
    }

    pub(super) fn tree(&self) -> Tree {
        let checkpoints = self.checkpoints.iter().map(|percent| Tree::Int(*percent));
        let checkpoints: Vec<Tree> = checkpoints.collect();
        let delay = (!checkpoints.is_empty()).then(|| self.delay());
        Tree::new()
            .put_some("MinHealthyPercentage", self.given_min)
            .put_some("InstanceWarmup", self.given_warmup)
            .put_some(
                "CheckpointPercentages",
                (!checkpoints.is_empty()).then_some(checkpoints),
            )
            .put_some("CheckpointDelay", delay)
            .put("SkipMatching", self.skips_matching())
            .put("AutoRollback", self.rolls_back())
            .put(
                "ScaleInProtectedInstances",
                self.protected.as_deref().unwrap_or("Wait"),
            )
            .put(
                "StandbyInstances",
                self.standby.as_deref().unwrap_or("Wait"),
            )
            .put_some("MaxHealthyPercentage", self.given_max)
            .put_some("BakeTime", self.bake)
    }
}

fn text(args: &Args<'_>, name: &str, among: &str) -> Result<Option<String>, Fault> {
    Ok(args.word(name, among)?.map(String::from))
}
