//! `CreateFleet` of type instant: one synchronous launch, tried over the overrides in order. No fleet outlives its launch.

use super::{
    super::{Fault, Params, Service, Tree, actions::Action, args::Args, state::State, tags},
    launch,
    spec::LaunchSpec,
    templates::{self, Choice, Data},
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateFleet",
        "ClientToken SpotOptions OnDemandOptions ExcessCapacityTerminationPolicy LaunchTemplateConfigs \
         TargetCapacitySpecification TerminateInstancesWithExpiration Type ReplaceUnhealthyInstances TagSpecification",
        create_fleet,
    ),
    // "If a fleet is of type instant, you must specify the fleet ID in the request, otherwise the fleet does not appear".
    Action::new(
        Service::Ec2,
        "DescribeFleets",
        "MaxResults NextToken",
        |_, _| Ok(Tree::new().put("fleetSet", Vec::<Tree>::new())),
    ),
    // Nobody can request one here.
    Action::new(
        Service::Ec2,
        "DescribeSpotFleetRequests",
        "MaxResults NextToken",
        |_, _| Ok(Tree::new().put("spotFleetRequestConfigSet", Vec::<Tree>::new())),
    ),
];

/// Kept in the place of the choice that went.
const REFUSED: &str = "refused";

fn create_fleet(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if args.word("Type", "instant request maintain")? != Some("instant") {
        let message = "Only fleets of type instant can be had here.";
        return Err(Fault::new("UnsupportedOperation", message));
    }
    if let Some(made) = state.tokens.replay("CreateFleet", args)? {
        return replayed(state, args, &made);
    }
    let mut tags = tags::read_specification(args, "fleet instance")?;
    let (count, spot) = capacity(args)?;
    let choices = choices(args)?;
    let id = format!("fleet-{}", state.ids.uuid());
    let mut failures: Vec<(Tree, Fault)> = Vec::new();
    for (index, (choice, over, shown)) in choices.into_iter().enumerate() {
        let mut spec = prepare(state, &choice, &over)?;
        spec.spot = spot;
        spec.instance_tags
            .extend(tags.get("instance").cloned().unwrap_or_default());
        spec.instance_tags
            .insert("aws:ec2:fleet-id".into(), id.clone());
        match launch(state, &spec, None, count) {
            Ok(ids) => {
                state
                    .ec2
                    .tag(&id, &tags.remove("fleet").unwrap_or_default());
                let kept = [vec![id.clone(), index.to_string()], ids.clone()].concat();
                state.tokens.remember("CreateFleet", args, &kept);
                return Ok(launched(&id, &spec.instance_type, shown, &ids, spot));
            }
            Err(fault) => failures.push((shown, fault)),
        }
    }
    let texts = failures
        .iter()
        .flat_map(|(_, fault)| [&fault.code, &fault.message]);
    let kept = [&id, REFUSED].map(String::from).into_iter();
    let kept: Vec<String> = kept.chain(texts.cloned()).collect();
    state.tokens.remember("CreateFleet", args, &kept);
    Ok(refused(&id, failures, spot))
}

/// The answer of a fleet that launched nothing.
fn refused(id: &str, failures: Vec<(Tree, Fault)>, spot: bool) -> Tree {
    let errors = failures.into_iter().map(|(shown, fault)| {
        let tree = Tree::new()
            .put("launchTemplateAndOverrides", shown)
            .put("lifecycle", lifecycle(spot));
        tree.put("errorCode", fault.code)
            .put("errorMessage", fault.message)
    });
    Tree::new()
        .put("fleetId", id)
        .put("errorSet", errors.collect::<Vec<_>>())
        .put("fleetInstanceSet", Vec::new())
}

fn lifecycle(spot: bool) -> &'static str {
    if spot { "spot" } else { "on-demand" }
}

fn capacity(args: &Args<'_>) -> Result<(usize, bool), Fault> {
    let target = args
        .map("TargetCapacitySpecification")?
        .ok_or_else(|| args.missing("TargetCapacitySpecification"))?;
    let total = target
        .int_in("TotalTargetCapacity", 1..=100)?
        .ok_or_else(|| target.missing("TotalTargetCapacity"))?;
    let spot = target.word("DefaultTargetCapacityType", "spot on-demand")? == Some("spot");
    Ok((usize::try_from(total).unwrap_or(1), spot))
}

type Override = (Choice, Data, Tree);

/// Each template with each of its overrides, in the order given.
fn choices(args: &Args<'_>) -> Result<Vec<Override>, Fault> {
    let mut choices = Vec::new();
    for config in args.maps("LaunchTemplateConfigs")? {
        let template = config.map("LaunchTemplateSpecification")?;
        let template = template.ok_or_else(|| config.missing("LaunchTemplateSpecification"))?;
        let choice = Choice::read(&template)?;
        let mut overrides: Vec<Data> = config
            .maps("Overrides")?
            .iter()
            .map(|over| over.raw().clone())
            .collect();
        if overrides.is_empty() {
            overrides.push(Data::new());
        }
        for over in overrides {
            let shown = shown(&choice, &over);
            choices.push((choice.clone(), over, shown));
        }
    }
    if choices.is_empty() {
        Err(args.missing("LaunchTemplateConfigs"))
    } else {
        Ok(choices)
    }
}

fn shown(choice: &Choice, over: &Data) -> Tree {
    let text = |name: &str| match over.get(name) {
        Some(Params::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let template = Tree::new()
        .put_some("launchTemplateId", choice.id.as_ref())
        .put_some("launchTemplateName", choice.name.as_ref())
        .put_some("version", choice.version.as_ref());
    let overrides = Tree::new()
        .put_some("instanceType", text("InstanceType"))
        .put_some("subnetId", text("SubnetId"))
        .put_some("availabilityZone", text("AvailabilityZone"));
    Tree::new()
        .put("launchTemplateSpecification", template)
        .put("overrides", overrides)
}

/// An override names type, subnet, zone and image; a template may carry its groups in an interface, where the subnet goes too.
fn prepare(state: &State, choice: &Choice, over: &Data) -> Result<LaunchSpec, Fault> {
    let mut spec = templates::spec(state, choice, &Data::new())?;
    let over = Args::of_map(Service::Ec2, over);
    over.only("InstanceType SubnetId AvailabilityZone ImageId MaxPrice Priority WeightedCapacity Placement")?;
    let text = |name| {
        Ok::<_, Fault>(
            over.maybe_text(name)?
                .filter(|text| !text.is_empty())
                .map(String::from),
        )
    };
    spec.instance_type = text("InstanceType")?.unwrap_or(spec.instance_type);
    spec.image = text("ImageId")?.unwrap_or(spec.image);
    spec.subnet = text("SubnetId")?.or(spec.subnet);
    spec.zone = text("AvailabilityZone")?.or(spec.zone);
    Ok(spec)
}

/// What the first call with this token was answered: the fleet, which choice it was and its instances, or what stood
/// against each choice. A fleet that launched nothing has spent its token like any other.
fn replayed(state: &State, args: &Args<'_>, made: &[String]) -> Result<Tree, Fault> {
    let [id, index, ids @ ..] = made else {
        return Err(Fault::new("InternalError", "A fleet was kept in part."));
    };
    let shown = choices(args)?.into_iter().map(|(_, _, shown)| shown);
    if index == REFUSED {
        let faults = ids
            .chunks_exact(2)
            .map(|pair| Fault::new(&pair[0], &pair[1]));
        let (_, spot) = capacity(args)?;
        return Ok(refused(id, shown.zip(faults).collect(), spot));
    }
    let shown = shown.into_iter().nth(index.parse().unwrap_or_default());
    let first = ids.first().and_then(|id| state.ec2.instances.get(id));
    let kind = first.map_or("", |instance| instance.instance_type.as_str());
    let (_, spot) = capacity(args)?;
    Ok(launched(
        id,
        kind,
        shown.unwrap_or_else(Tree::new),
        ids,
        spot,
    ))
}

fn launched(id: &str, instance_type: &str, shown: Tree, ids: &[String], spot: bool) -> Tree {
    let instances = Tree::new()
        .put("launchTemplateAndOverrides", shown)
        .put("lifecycle", lifecycle(spot))
        .put(
            "instanceIds",
            ids.iter().map(Tree::from).collect::<Vec<_>>(),
        )
        .put("instanceType", instance_type);
    Tree::new()
        .put("fleetId", id)
        .put("errorSet", Vec::new())
        .put("fleetInstanceSet", vec![instances])
}
