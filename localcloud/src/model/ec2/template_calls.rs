//! The calls on launch templates and their versions.

use super::{
    super::{
        Fault, Params, Service, Tree, actions::Action, args::Args, paging::Paging, state::State,
        tags,
    },
    describe::{Kind, one},
    spec::LaunchSpec,
    template_data,
    templates::{self, Data, Template, Version},
};
use std::collections::BTreeMap;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateLaunchTemplate",
        "ClientToken LaunchTemplateName VersionDescription LaunchTemplateData TagSpecification",
        create,
    ),
    Action::new(
        Service::Ec2,
        "CreateLaunchTemplateVersion",
        "ClientToken LaunchTemplateId LaunchTemplateName SourceVersion VersionDescription LaunchTemplateData",
        create_version,
    ),
    Action::new(
        Service::Ec2,
        "DescribeLaunchTemplates",
        "LaunchTemplateId LaunchTemplateName Filter MaxResults NextToken",
        describe,
    ),
    Action::new(
        Service::Ec2,
        "ModifyLaunchTemplate",
        "ClientToken LaunchTemplateId LaunchTemplateName SetDefaultVersion",
        modify,
    ),
    Action::new(
        Service::Ec2,
        "DeleteLaunchTemplate",
        "LaunchTemplateId LaunchTemplateName",
        delete,
    ),
];

/// `DescribeLaunchTemplates` gives at most 200 a page.
const PAGED: Paging = Paging {
    size: "MaxResults",
    token: "NextToken",
    range: (1, 200),
    usual: 200,
};

const TEMPLATES: Kind = Kind {
    ids: "LaunchTemplateId",
    set: "launchTemplates",
    filters: "create-time launch-template-name",
    paging: PAGED,
    all: |state| state.ec2.templates.keys().cloned().collect(),
    missing: |id| {
        super::no_such(
            "InvalidLaunchTemplateId",
            "launch template, with template id",
            "lt-",
            id,
        )
    },
    field: |state, id, _| {
        state
            .ec2
            .templates
            .get(id)
            .map(|template| one(&template.name))
            .unwrap_or_default()
    },
    show: |state, id| {
        state
            .ec2
            .templates
            .get(id)
            .map_or_else(Tree::new, |template| show(state, template))
    },
};

/// The template that a call names by id or by name, not both.
pub(super) fn named<'a>(state: &'a State, args: &Args<'_>) -> Result<&'a Template, Fault> {
    let text = |name| Ok::<_, Fault>(args.maybe_text(name)?.filter(|text| !text.is_empty()));
    match (text("LaunchTemplateId")?, text("LaunchTemplateName")?) {
        (Some(_), Some(_)) => Err(Fault::new(
            "InvalidParameterCombination",
            "Either a launch template ID or a launch template name must be specified in the request, and not both.",
        )),
        (None, None) => Err(args.missing("LaunchTemplateId")),
        (id, name) => templates::find(state, id, name),
    }
}

fn data(args: &Args<'_>) -> Result<Data, Fault> {
    let data = args
        .map("LaunchTemplateData")?
        .ok_or_else(|| args.missing("LaunchTemplateData"))?;
    template_data::check(&data)?;
    // Shapes are checked now, names of images and groups only at launch, as on AWS.
    LaunchSpec::read(&data)?;
    Ok(data.raw().clone())
}

fn description(args: &Args<'_>) -> Result<Option<String>, Fault> {
    let text = args
        .maybe_text("VersionDescription")?
        .filter(|text| !text.is_empty());
    match text {
        Some(text) if text.chars().count() > 255 => Err(args.invalid(
            "VersionDescription",
            text,
            "It may have at most 255 characters.",
        )),
        text => Ok(text.map(String::from)),
    }
}

fn check_name(args: &Args<'_>) -> Result<String, Fault> {
    let name = args.text("LaunchTemplateName")?;
    let allowed = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "().-/_".contains(c));
    if !(3..=128).contains(&name.len()) || !allowed {
        let message = "Launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _";
        return Err(Fault::new(
            "InvalidLaunchTemplateName.MalformedException",
            message,
        ));
    }
    Ok(name.into())
}

fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if let Some(id) = state
        .tokens
        .replay("CreateLaunchTemplate", args)?
        .and_then(|ids| ids.into_iter().next())
    {
        return Ok(Tree::new().put("launchTemplate", (TEMPLATES.show)(state, &id)));
    }
    let name = check_name(args)?;
    if state
        .ec2
        .templates
        .values()
        .any(|template| template.name == name)
    {
        let message = "Launch template name already in use.";
        return Err(Fault::new(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            message,
        ));
    }
    let version = Version {
        number: 1,
        description: description(args)?,
        created: state.now,
        data: data(args)?,
    };
    let tags = tags::read_for(args, "launch-template")?;
    let id = state.ids.resource("lt");
    let versions = BTreeMap::from([(1, version)]);
    let template = Template {
        id: id.clone(),
        name,
        created: state.now,
        default: 1,
        latest: 1,
        versions,
    };
    state.ec2.templates.insert(id.clone(), template);
    state.ec2.tag(&id, &tags);
    state.hide_for_a_while(&id);
    state
        .tokens
        .remember("CreateLaunchTemplate", args, std::slice::from_ref(&id));
    Ok(Tree::new().put("launchTemplate", (TEMPLATES.show)(state, &id)))
}

/// A new version has the source version's parameters, and in their place those that the call gives.
fn create_version(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let template = named(state, args)?;
    let id = template.id.clone();
    if let Some(number) = state
        .tokens
        .replay("CreateLaunchTemplateVersion", args)?
        .and_then(|ids| ids.into_iter().next())
    {
        let version = number
            .parse()
            .ok()
            .and_then(|number: u64| template.versions.get(&number));
        return Ok(Tree::new().put_some(
            "launchTemplateVersion",
            version.map(|version| show_version(state, template, version)),
        ));
    }
    let source = args
        .maybe_text("SourceVersion")?
        .filter(|text| !text.is_empty());
    let mut all: Data = match source {
        Some(source) => template.version(Some(source))?.data.clone(),
        None => BTreeMap::new(),
    };
    all.extend(data(args)?);
    LaunchSpec::read(&Args::of_map(Service::Ec2, &all))?;
    let number = template.latest + 1;
    let version = Version {
        number,
        description: description(args)?,
        created: state.now,
        data: all,
    };
    state
        .tokens
        .remember("CreateLaunchTemplateVersion", args, &[number.to_string()]);
    if let Some(template) = state.ec2.templates.get_mut(&id) {
        template.latest = number;
        template.versions.insert(number, version.clone());
    }
    let template = templates::find(state, Some(&id), None)?;
    Ok(Tree::new().put(
        "launchTemplateVersion",
        show_version(state, template, &version),
    ))
}

fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let names = args.texts("LaunchTemplateName")?;
    for name in &names {
        templates::find(state, None, Some(name))?;
    }
    let keep = |state: &State, id: &str| {
        names.is_empty()
            || state
                .ec2
                .templates
                .get(id)
                .is_some_and(|template| names.contains(&template.name.as_str()))
    };
    let (ids, token) = TEMPLATES.select(state, args, keep)?;
    Ok(TEMPLATES.list(state, &ids, token))
}

fn show(state: &State, template: &Template) -> Tree {
    Tree::new()
        .put("launchTemplateId", &template.id)
        .put("launchTemplateName", &template.name)
        .put("createTime", template.created)
        .put("createdBy", creator(state))
        .put("defaultVersionNumber", number(template.default))
        .put("latestVersionNumber", number(template.latest_kept()))
        .put("tagSet", tags::show(&state.ec2.tags_of(&template.id)))
}

fn creator(state: &State) -> String {
    format!("arn:aws:iam::{}:user/local", state.config.account)
}

pub(super) fn number(number: u64) -> Tree {
    Tree::Text(number.to_string())
}

/// A version with its parameters in the names of answers.
pub(super) fn show_version(state: &State, template: &Template, version: &Version) -> Tree {
    Tree::new()
        .put("launchTemplateId", &template.id)
        .put("launchTemplateName", &template.name)
        .put("versionNumber", number(version.number))
        .put_some("versionDescription", version.description.as_ref())
        .put("createTime", version.created)
        .put("createdBy", creator(state))
        .put("defaultVersion", version.number == template.default)
        .put(
            "launchTemplateData",
            template_data::show(&Params::Map(version.data.clone())),
        )
}

fn modify(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let template = named(state, args)?;
    let id = template.id.clone();
    let version = args.text("SetDefaultVersion")?;
    let default = template.version(Some(version))?.number;
    if let Some(template) = state.ec2.templates.get_mut(&id) {
        template.default = default;
    }
    Ok(Tree::new().put("launchTemplate", (TEMPLATES.show)(state, &id)))
}

fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = named(state, args)?.id.clone();
    let shown = (TEMPLATES.show)(state, &id);
    state.ec2.templates.remove(&id);
    state.ec2.tags.remove(&id);
    Ok(Tree::new().put("launchTemplate", shown))
}
