//! The settings of a group: read from Create and Update, checked as AWS checks them, and shown.

use super::echo::{echo, known};
use super::template::{Mixed, Template};
use crate::model::{Fault, Params, Tree, args::Args, state::State};
use std::collections::{BTreeMap, BTreeSet};

/// The parameters of `CreateAutoScalingGroup` and `UpdateAutoScalingGroup` alike.
pub(super) const TAKES: &str = "AutoScalingGroupName LaunchTemplate MixedInstancesPolicy MinSize MaxSize DesiredCapacity \
    AvailabilityZones VPCZoneIdentifier HealthCheckType HealthCheckGracePeriod TerminationPolicies \
    NewInstancesProtectedFromScaleIn SkipZonalShiftValidation DefaultCooldown PlacementGroup CapacityRebalance \
    ServiceLinkedRoleARN MaxInstanceLifetime Context DesiredCapacityType DefaultInstanceWarmup InstanceMaintenancePolicy \
    AvailabilityZoneDistribution AvailabilityZoneImpairmentPolicy CapacityReservationSpecification InstanceLifecyclePolicy \
    DeletionProtection";

/// Settings that are kept and shown. Only those that other modules ask for by name do anything here.
const KEPT: &str = "DefaultCooldown PlacementGroup CapacityRebalance ServiceLinkedRoleARN MaxInstanceLifetime Context \
    DesiredCapacityType DefaultInstanceWarmup InstanceMaintenancePolicy AvailabilityZoneDistribution \
    AvailabilityZoneImpairmentPolicy CapacityReservationSpecification InstanceLifecyclePolicy DeletionProtection";

/// `DescribeTerminationPolicyTypes`, without Lambda functions.
const TERMINATION_POLICIES: &str = "AllocationStrategy ClosestToNextInstanceHour Default NewestInstance OldestInstance \
    OldestLaunchConfiguration OldestLaunchTemplate";

/// What a group was told to be.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Settings {
    pub(in crate::model) min: i64,
    pub(in crate::model) max: i64,
    pub(in crate::model) desired: i64,
    pub(in crate::model) template: Option<Template>,
    pub(super) mixed: Option<Mixed>,
    pub(in crate::model) subnets: Vec<String>,
    pub(in crate::model) zones: Vec<String>,
    pub(super) health_check_type: String,
    /// Seconds.
    pub(super) grace: i64,
    pub(super) termination_policies: Vec<String>,
    pub(super) protect_new: bool,
    kept: BTreeMap<&'static str, Params>,
}

impl Settings {
    /// The API's defaults: checks by EC2 only, and no grace period at all.
    pub(super) fn fresh(state: &State) -> Self {
        let role = format!(
            "arn:aws:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            state.config.account
        );
        Self {
            health_check_type: "EC2".to_owned(),
            termination_policies: vec!["Default".to_owned()],
            kept: BTreeMap::from([
                ("DefaultCooldown", Params::Text("300".to_owned())),
                ("ServiceLinkedRoleARN", Params::Text(role)),
            ]),
            ..Self::default()
        }
    }

    /// Takes over what a call names. Sizes are checked by the caller, who knows what was there before.
    pub(super) fn read(&mut self, state: &State, args: &Args<'_>) -> Result<(), Fault> {
        self.read_places(state, args)?;
        self.read_template(state, args)?;
        if let Some(kind) = args.maybe_text("HealthCheckType")? {
            if kind.split(',').any(|one| !matches!(one, "EC2" | "ELB")) {
                return Err(Fault::validation(format!(
                    "Health check type '{kind}' is not served by this cloud; use EC2 or ELB"
                )));
            }
            kind.clone_into(&mut self.health_check_type);
        }
        if let Some(grace) = args.int_in("HealthCheckGracePeriod", 0..=i64::from(i32::MAX))? {
            self.grace = grace;
        }
        if let Some(protect) = args.flag("NewInstancesProtectedFromScaleIn")? {
            self.protect_new = protect;
        }
        let policies = args.texts("TerminationPolicies")?;
        if let Some(unknown) = policies.iter().find(|policy| {
            TERMINATION_POLICIES
                .split_whitespace()
                .all(|known| known != **policy)
        }) {
            return Err(Fault::validation(format!(
                "Termination policy '{unknown}' is not valid"
            )));
        }
        if !policies.is_empty() {
            self.termination_policies = policies.into_iter().map(String::from).collect();
        }
        self.read_kept(args)
    }

    fn read_kept(&mut self, args: &Args<'_>) -> Result<(), Fault> {
        args.int_in("DefaultCooldown", 0..=i64::from(i32::MAX))?;
        args.int_in("DefaultInstanceWarmup", -1..=i64::from(i32::MAX))?;
        args.word(
            "DeletionProtection",
            "none prevent-force-deletion prevent-all-deletion",
        )?;
        if args
            .int("MaxInstanceLifetime")?
            .is_some_and(|seconds| seconds != 0 && seconds < 86_400)
        {
            return Err(Fault::validation(
                "MaxInstanceLifetime must be 0 or at least 86400 seconds",
            ));
        }
        for name in KEPT.split_whitespace() {
            if let (Some(name), Some(value)) = (known(name), args.raw().get(name)) {
                echo(value)?;
                self.kept.insert(name, value.clone());
            }
        }
        Ok(())
    }

    fn read_places(&mut self, state: &State, args: &Args<'_>) -> Result<(), Fault> {
        let zones = args.texts("AvailabilityZones")?;
        if let Some(list) = args
            .maybe_text("VPCZoneIdentifier")?
            .filter(|list| !list.is_empty())
        {
            let subnets: Vec<String> = list.split(',').map(|id| id.trim().to_owned()).collect();
            let mut found = BTreeSet::new();
            for id in &subnets {
                let missing = || Fault::validation(format!("The subnet ID '{id}' does not exist"));
                found.insert(state.ec2.subnets.get(id).ok_or_else(missing)?.zone.clone());
            }
            if zones.iter().any(|zone| !found.contains(*zone)) {
                return Err(Fault::validation(
                    "The availability zones of the specified subnets and the Auto Scaling group do not match",
                ));
            }
            self.subnets = subnets;
            self.zones = found.into_iter().collect();
        } else if !zones.is_empty() {
            self.subnets = zones
                .iter()
                .map(|zone| default_subnet(state, zone))
                .collect::<Result<_, _>>()?;
            self.zones = zones.into_iter().map(String::from).collect();
        }
        if self.subnets.is_empty() {
            return Err(Fault::validation(
                "At least one Availability Zone or VPC Subnet is required.",
            ));
        }
        Ok(())
    }

    fn read_template(&mut self, state: &State, args: &Args<'_>) -> Result<(), Fault> {
        match (
            args.map("LaunchTemplate")?,
            args.map("MixedInstancesPolicy")?,
        ) {
            (Some(_), Some(_)) => return Err(neither_or_both()),
            (Some(template), None) => {
                self.template = Some(Template::read(state, &template)?);
                self.mixed = None;
            }
            (None, Some(policy)) => {
                let (template, mixed) = Mixed::read(state, &policy)?;
                self.template = Some(template);
                self.mixed = Some(mixed);
            }
            (None, None) => {}
        }
        let template = self.template.as_ref().ok_or_else(neither_or_both)?;
        let subnet = self.subnets.first().map(String::as_str);
        super::template::check(state, subnet, template, self.mixed.as_ref())
    }

    /// Takes over the sizes that a call names: an update moves the desired capacity into its new bounds.
    pub(super) fn read_sizes(&mut self, args: &Args<'_>) -> Result<(), Fault> {
        let size = |name| args.int_in(name, 0..=i64::from(i32::MAX));
        self.min = size("MinSize")?.unwrap_or(self.min);
        self.max = size("MaxSize")?.unwrap_or(self.max);
        if self.min > self.max {
            let message = format!(
                "Max bound, {}, must be greater than or equal to min bound, {}",
                self.max, self.min
            );
            return Err(Fault::validation(message));
        }
        self.desired = match size("DesiredCapacity")? {
            Some(desired) => desired,
            None => self.desired.clamp(self.min, self.max),
        };
        if !(self.min..=self.max).contains(&self.desired) {
            return Err(Fault::validation(format!(
                "Desired capacity:{} must be between the specified min size:{} and max size:{}",
                self.desired, self.min, self.max
            )));
        }
        Ok(())
    }

    /// Whether target groups have a say in the health of instances.
    pub(super) fn asks_balancers(&self) -> bool {
        self.health_check_type.split(',').any(|kind| kind == "ELB")
    }

    /// A kept setting that is a number.
    pub(super) fn kept_number(&self, name: &str) -> Option<i64> {
        self.kept_text(name)?.parse().ok()
    }

    /// A kept setting that is a text.
    pub(super) fn kept_text(&self, name: &str) -> Option<&str> {
        match self.kept.get(name)? {
            Params::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A percentage of the instance maintenance policy; -1 stands for none.
    pub(super) fn maintenance(&self, name: &str) -> Option<i64> {
        let Params::Map(policy) = self.kept.get("InstanceMaintenancePolicy")? else {
            return None;
        };
        let Params::Text(text) = policy.get(name)? else {
            return None;
        };
        text.parse().ok().filter(|percent| *percent >= 0)
    }

    pub(super) fn put_on(&self, tree: Tree) -> Result<Tree, Fault> {
        let texts = |list: &[String]| list.iter().map(Tree::from).collect::<Vec<_>>();
        let mut tree = tree
            .put("MinSize", self.min)
            .put("MaxSize", self.max)
            .put("DesiredCapacity", self.desired);
        tree = match &self.mixed {
            Some(mixed) => tree.put("MixedInstancesPolicy", echo(&mixed.raw)?),
            None => tree.put_some("LaunchTemplate", self.template.as_ref().map(Template::tree)),
        };
        tree = tree
            .put("AvailabilityZones", texts(&self.zones))
            .put("VPCZoneIdentifier", self.subnets.join(","))
            .put("HealthCheckType", &self.health_check_type)
            .put("HealthCheckGracePeriod", self.grace)
            .put("TerminationPolicies", texts(&self.termination_policies))
            .put("NewInstancesProtectedFromScaleIn", self.protect_new);
        for (name, value) in &self.kept {
            tree = tree.put(name, echo(value)?);
        }
        Ok(tree)
    }
}

fn neither_or_both() -> Fault {
    Fault::validation(
        "Valid requests must contain either LaunchTemplate or MixedInstancesPolicy parameter.",
    )
}

fn default_subnet(state: &State, zone: &str) -> Result<String, Fault> {
    let subnet = state
        .ec2
        .subnets
        .values()
        .find(|subnet| subnet.zone == zone);
    let missing = || Fault::validation(format!("Invalid availability zone: [{zone}]"));
    subnet.map(|subnet| subnet.id.clone()).ok_or_else(missing)
}
