//! Parameters of Systems Manager, as far as they name public images.

use super::{Fault, Service, Tree, actions::Action, args::Args, state::State};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ssm,
        "GetParameter",
        "Name WithDecryption",
        get_parameter,
    ),
    Action::new(
        Service::Ssm,
        "GetParameters",
        "Names WithDecryption",
        get_parameters,
    ),
];

fn get_parameter(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("Name")?;
    let parameter = show(state, name)
        .ok_or_else(|| Fault::new("ParameterNotFound", format!("Parameter {name} not found.")))?;
    Ok(Tree::new().put("Parameter", parameter))
}

fn get_parameters(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let names = args.texts("Names")?;
    let (found, lost): (Vec<&str>, Vec<&str>) = names
        .into_iter()
        .partition(|name| value(state, name).is_some());
    let parameters: Vec<Tree> = found
        .into_iter()
        .filter_map(|name| show(state, name))
        .collect();
    let lost: Vec<Tree> = lost.into_iter().map(Tree::from).collect();
    Ok(Tree::new()
        .put("Parameters", parameters)
        .put("InvalidParameters", lost))
}

fn show(state: &State, name: &str) -> Option<Tree> {
    let resource = format!("parameter{name}");
    Some(
        Tree::new()
            .put("Name", name)
            .put("Type", "String")
            .put("Value", value(state, name)?)
            .put("Version", 1_i64)
            .put("LastModifiedDate", state.config.opened.as_second())
            .put(
                "ARN",
                format!("arn:aws:ssm:{}::{resource}", state.config.region),
            )
            .put("DataType", "aws:ec2:image"),
    )
}

fn value(state: &State, name: &str) -> Option<String> {
    state
        .config
        .parameters
        .get(name)
        .cloned()
        .or_else(|| debian(state, name))
}

/// The parameter that Debian keeps for its newest image, `/aws/service/debian/release/12/latest/amd64`.
fn debian(state: &State, name: &str) -> Option<String> {
    let rest = name.strip_prefix("/aws/service/debian/release/")?;
    let (release, architecture) = rest.split_once("/latest/")?;
    let prefix = format!("debian-{release}-{architecture}-");
    let newest = state
        .config
        .images
        .iter()
        .filter(|image| image.name.starts_with(&prefix))
        .max_by_key(|image| image.created);
    newest.map(|image| image.id.clone())
}
