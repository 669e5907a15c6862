//! The table of everything that is answered, and the one place where a call finds its handler.

use super::{
    Fault, Request, Service, Tree, args::Args, dns, ec2, elb, iam, injection::Launches, kms,
    scaling, sessions, ssm, state::State, sts, watch,
};

pub(super) type Handler = fn(&mut State, &Args<'_>) -> Result<Tree, Fault>;

/// One action that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    pub service: Service,
    pub name: &'static str,
    /// The parameters it takes, separated by blanks, in the names of the wire. EC2's `DryRun` is taken by all.
    pub takes: &'static str,
    /// A set of parameters that it shares with others.
    pub also: &'static str,
    pub(super) run: Handler,
}

impl Action {
    /// Takes a shared set of parameters too.
    pub(super) const fn with(self, also: &'static str) -> Self {
        Self { also, ..self }
    }

    pub(super) const fn new(
        service: Service,
        name: &'static str,
        takes: &'static str,
        run: Handler,
    ) -> Self {
        Self {
            service,
            name,
            takes,
            also: "",
            run,
        }
    }
}

pub(super) fn all() -> impl Iterator<Item = &'static Action> {
    let tables: Vec<&'static [Action]> = [
        ec2::TABLES,
        scaling::TABLES,
        elb::TABLES,
        &[
            iam::ACTIONS,
            sts::ACTIONS,
            ssm::ACTIONS,
            sessions::ACTIONS,
            kms::ACTIONS,
            dns::ACTIONS,
            watch::ALARMS,
            watch::METRICS,
        ],
    ]
    .concat();
    tables.into_iter().flatten()
}

/// Answers one call, or refuses it for its name, its parameters or what it asks.
pub(super) fn dispatch(state: &mut State, request: &Request) -> Result<Tree, Fault> {
    let action = all()
        .find(|action| action.service == request.service && action.name == request.action)
        .ok_or_else(|| unknown(request.service, &request.action))?;
    let args = Args::new(request.service, &request.params);
    let ec2 = request.service == Service::Ec2;
    let dry = if ec2 { "DryRun" } else { "" };
    args.only(&format!("{dry} {} {}", action.takes, action.also))?;
    if ec2 && args.flag("DryRun")? == Some(true) {
        // On a copy, so that a dry run finds every refusal and changes nothing; but whether there is a machine right now
        // only a launch can tell.
        let mut copy = state.clone();
        copy.launches = Launches::default();
        (action.run)(&mut copy, &args)?;
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(Fault::new("DryRunOperation", message).with_status(412));
    }
    all_or_nothing(state, action, &args)
}

/// Runs a handler; one that refuses half-way leaves everything as it was.
fn all_or_nothing(state: &mut State, action: &Action, args: &Args<'_>) -> Result<Tree, Fault> {
    if ["Describe", "Get"]
        .iter()
        .any(|look| action.name.starts_with(look))
    {
        return (action.run)(state, args);
    }
    let before = state.clone();
    let result = (action.run)(state, args);
    if result.is_err() {
        let after = std::mem::replace(state, before);
        // A launch that was to fail has failed.
        state.launches = after.launches;
    }
    result
}

fn unknown(service: Service, action: &str) -> Fault {
    let code = if service.speaks_json() {
        "UnknownOperationException"
    } else {
        "InvalidAction"
    };
    Fault::new(
        code,
        format!("The action {action} is not valid for this web service."),
    )
}
