//! The launch template of a group, and what is launched from it.

use crate::model::{
    Fault, Params, Tree,
    args::Args,
    ec2::{self, LaunchSpec, templates},
    state::State,
};

/// A launch template as a group names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Template {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    /// As it was given: a number, `$Latest` or `$Default`.
    pub(in crate::model) version: String,
}

/// A mixed instances policy: types in order of preference, and how much of them is spot.
#[derive(Clone, Debug)]
pub(super) struct Mixed {
    /// As it came, but that it names its launch templates by id and by name.
    pub(super) raw: Params,
    pub(super) types: Vec<OfType>,
    pub(super) on_demand_base: i64,
    pub(super) on_demand_percent: i64,
}

/// An instance type of a mix.
#[derive(Clone, Debug)]
pub(super) struct OfType {
    pub(super) name: String,
    /// What it is launched from instead of the policy's own.
    pub(super) template: Option<Template>,
}

fn not_formed(fault: &Fault) -> Fault {
    Fault::validation(format!(
        "You must use a valid fully-formed launch template. {}",
        fault.message
    ))
}

impl Template {
    /// Reads a `LaunchTemplateSpecification` and checks that it names something.
    pub(super) fn read(state: &State, args: &Args<'_>) -> Result<Self, Fault> {
        args.only("LaunchTemplateId LaunchTemplateName Version")?;
        let choice = templates::Choice::read(args).map_err(|_| {
            Fault::validation(
                "Valid requests must contain either launchTemplateId or LaunchTemplateName",
            )
        })?;
        let (found, _) = templates::resolve(state, &choice).map_err(|fault| not_formed(&fault))?;
        let version = choice.version.unwrap_or_else(|| "$Default".to_owned());
        Ok(Self {
            id: found.id,
            name: found.name,
            version,
        })
    }

    fn choice(&self) -> templates::Choice {
        templates::Choice {
            id: Some(self.id.clone()),
            name: None,
            version: Some(self.version.clone()),
        }
    }

    /// What a launch from it is now.
    pub(super) fn spec(&self, state: &State) -> Result<LaunchSpec, Fault> {
        templates::spec(state, &self.choice(), &templates::Data::new())
    }

    /// The number that its version means now; nothing when the template is gone.
    pub(super) fn number(&self, state: &State) -> Option<u64> {
        templates::resolve(state, &self.choice())
            .ok()
            .map(|(found, _)| found.version)
    }

    /// Refuses what could not be launched, as AWS does with a dry run.
    pub(super) fn check(
        &self,
        state: &State,
        subnet: Option<&str>,
        instance_type: Option<&str>,
    ) -> Result<(), Fault> {
        let spec = self.spec(state).map(|spec| typed(spec, instance_type));
        let checked = spec.and_then(|spec| ec2::launch::check_launch(state, &spec, subnet));
        checked.map_err(|fault| not_formed(&fault))
    }

    /// Has the template of a mix, or of one of its types, name it as the API shows it.
    fn name_in(&self, of: &mut Params) {
        let fields = [
            ("LaunchTemplateId", &self.id),
            ("LaunchTemplateName", &self.name),
            ("Version", &self.version),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), Params::Text(value.clone())));
        if let Params::Map(of) = of {
            let named = Params::Map(fields.into());
            of.insert("LaunchTemplateSpecification".to_owned(), named);
        }
    }

    pub(super) fn tree(&self) -> Tree {
        Tree::new()
            .put("LaunchTemplateId", &self.id)
            .put("LaunchTemplateName", &self.name)
            .put("Version", &self.version)
    }
}

/// The same launch on another instance type.
pub(super) fn typed(mut spec: LaunchSpec, instance_type: Option<&str>) -> LaunchSpec {
    if let Some(instance_type) = instance_type {
        instance_type.clone_into(&mut spec.instance_type);
    }
    spec
}

impl Mixed {
    pub(super) fn read(state: &State, args: &Args<'_>) -> Result<(Template, Self), Fault> {
        args.only("LaunchTemplate InstancesDistribution")?;
        let launch = args
            .map("LaunchTemplate")?
            .ok_or_else(|| args.missing("LaunchTemplate"))?;
        launch.only("LaunchTemplateSpecification Overrides")?;
        let template = launch.map("LaunchTemplateSpecification")?;
        let template = template.ok_or_else(|| launch.missing("LaunchTemplateSpecification"))?;
        let mut types = Vec::new();
        for over in launch.maps("Overrides")? {
            let served = ["InstanceType", "LaunchTemplateSpecification"];
            if over
                .raw()
                .keys()
                .any(|name| !served.contains(&name.as_str()))
            {
                let message = "Overrides of anything but InstanceType and LaunchTemplateSpecification are not served by this cloud";
                return Err(Fault::validation(message));
            }
            let own = over.map("LaunchTemplateSpecification")?;
            types.push(OfType {
                name: over.text("InstanceType")?.to_owned(),
                template: own.map(|own| Template::read(state, &own)).transpose()?,
            });
        }
        let distribution = args.map("InstancesDistribution")?;
        let number = |name, range, usual| match &distribution {
            Some(distribution) => {
                Ok::<_, Fault>(distribution.int_in(name, range)?.unwrap_or(usual))
            }
            None => Ok(usual),
        };
        let template = Template::read(state, &template)?;
        let mut raw = Params::Map(args.raw().clone());
        super::echo::echo(&raw)?;
        name_in(&mut raw, &template, &types);
        let mixed = Self {
            raw,
            types,
            on_demand_base: number("OnDemandBaseCapacity", 0..=i64::from(i32::MAX), 0)?,
            on_demand_percent: number("OnDemandPercentageAboveBaseCapacity", 0..=100, 100)?,
        };
        Ok((template, mixed))
    }

    /// What an instance of that type is launched from, by a policy whose own template is `template`.
    pub(super) fn launched_from<'a>(
        &'a self,
        instance_type: &str,
        template: &'a Template,
    ) -> Option<&'a Template> {
        let mut types = self.types.iter();
        let of = types.find(|of| of.name == instance_type)?;
        Some(of.template.as_ref().unwrap_or(template))
    }

    /// How many of `total` instances are on demand; the rest is spot.
    pub(super) fn on_demand(&self, total: i64) -> i64 {
        let above = (total - self.on_demand_base).max(0);
        total.min(self.on_demand_base) + (above * self.on_demand_percent + 99) / 100
    }
}

/// Has a policy name its launch templates as the API shows them.
fn name_in(policy: &mut Params, template: &Template, types: &[OfType]) {
    let Params::Map(policy) = policy else { return };
    let Some(launch) = policy.get_mut("LaunchTemplate") else {
        return;
    };
    template.name_in(launch);
    let Params::Map(launch) = launch else { return };
    if let Some(Params::List(shown)) = launch.get_mut("Overrides") {
        for (of, shown) in types.iter().zip(shown) {
            if let Some(own) = &of.template {
                own.name_in(shown);
            }
        }
    }
}

/// Refuses what could not be launched of a template, or of a mix of it: its first type, and each that has a template of its own.
pub(super) fn check(
    state: &State,
    subnet: Option<&str>,
    template: &Template,
    mixed: Option<&Mixed>,
) -> Result<(), Fault> {
    let types = mixed.map_or(&[][..], |mixed| &mixed.types);
    let first = types.first().filter(|of| of.template.is_none());
    template.check(state, subnet, first.map(|of| of.name.as_str()))?;
    for of in types {
        if let Some(own) = &of.template {
            own.check(state, subnet, Some(&of.name))?;
        }
    }
    Ok(())
}
