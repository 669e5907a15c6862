//! `RunInstances`: one reservation, all its instances or none.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    launch, show,
    spec::{self, LaunchSpec},
    templates::{self, Choice},
};

pub(super) const ACTIONS: &[Action] = &[Action::new(
    Service::Ec2,
    "RunInstances",
    "MinCount MaxCount ClientToken LaunchTemplate SubnetId PrivateIpAddress",
    run_instances,
)
.with(spec::TAKES)];

fn run_instances(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if let Some(ids) = state.tokens.replay("RunInstances", args)? {
        return Ok(show::reservation(state, &ids));
    }
    let count = count(args)?;
    let mut spec = read_spec(state, args)?;
    spec.client_token = args.maybe_text("ClientToken")?.map(String::from);
    if spec.address.is_some() && count > 1 {
        let message = "You cannot specify a primary private IP address if you're launching more than one instance.";
        return Err(Fault::new("InvalidParameterCombination", message));
    }
    let ids = launch(state, &spec, None, count)?;
    state.tokens.remember("RunInstances", args, &ids);
    Ok(show::reservation(state, &ids))
}

fn count(args: &Args<'_>) -> Result<usize, Fault> {
    // The usual quota of one account; more is a mistake here.
    let most = args
        .int_in("MaxCount", 1..=100)?
        .ok_or_else(|| args.missing("MaxCount"))?;
    let least = args
        .int_in("MinCount", 1..=100)?
        .ok_or_else(|| args.missing("MinCount"))?;
    if least > most {
        let why = "The minimum count must not be greater than the maximum count.";
        return Err(args.invalid("MinCount", &least.to_string(), why));
    }
    Ok(usize::try_from(most).unwrap_or(1))
}

fn read_spec(state: &State, args: &Args<'_>) -> Result<LaunchSpec, Fault> {
    let Some(template) = args.map("LaunchTemplate")? else {
        return LaunchSpec::read(args);
    };
    let mut over = args.raw().clone();
    over.retain(|name, _| {
        ![
            "LaunchTemplate",
            "MinCount",
            "MaxCount",
            "ClientToken",
            "DryRun",
        ]
        .contains(&name.as_str())
    });
    templates::spec(state, &Choice::read(&template)?, &over)
}
