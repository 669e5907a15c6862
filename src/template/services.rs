//! A service file, from its root to [`Service`]: what is named is enforced, what is not is left to what is live.

mod alone;
mod capacity;
mod checks;
mod diagnosis;
mod groups;
mod hooks;
mod image;
mod notify;
mod record;
mod secret;
mod strategy;
mod traffic;

use super::clear;
use super::forms::Style;
use super::interpolate::Interpolator;
use super::local::Local;
use super::options::{Key, Options, on};
use super::service::{Keep, ROLL_DATA, Service, Settings, Strategy};
use super::{late::Late, tags};
use crate::source::json::{Json, Text, Value};
use crate::source::{Diagnostic, Place, SourceMap, Spanned};
use std::time::Duration;

const ROOT: &[Key] = &[
    on("format"),
    on("service"),
    on("account"),
    on("region"),
    on("state"),
    on("image"),
    on("groups"),
    on("set"),
    on("traffic"),
    on("strategy"),
    on("capacity"),
    on("checks"),
    on("diagnosis"),
    on("on_fail"),
    on("rollback"),
    on("include"),
    on("variables"),
    on("sensitive-variables"),
    on("on_unknown"),
    on("hooks"),
    on("notify"),
];
const SET: &[Key] = &[
    on("instance_type"),
    on("key_name"),
    on("iam_instance_profile"),
    on("security_groups"),
    on("subnets"),
    on("user_data"),
    on("tags"),
    on("health_check_grace_period"),
    on("default_instance_warmup"),
];
const USER_DATA: &[Key] = &[on("render"), on("raw")];
const ROLLBACK: &[Key] = &[on("keep")];

/// How long the previous group stays when the file does not say.
const KEEP: Duration = Duration::from_hours(1);

/// The longest service name: target groups are `<service>-a`, of at most 32 characters (ELB API, `CreateTargetGroup`).
const LONGEST_NAME: usize = 30;

/// Reads a service file; `None` when something that must be there is not, which is reported.
pub(super) fn read(
    interpolator: &Interpolator,
    json: &Json,
    file: &str,
    local: &Local<'_>,
    sources: &mut SourceMap,
) -> Option<Service> {
    let root = Options::open(interpolator, json, "the service file", &[ROOT])?;
    check_format(&root);
    let name = root
        .need_text("service", "name the service")
        .filter(|name| check_name(&root, name));
    let image = image::read(&root, file, local);
    let set = root.object("set", "`set`", SET);
    let strategy = strategy::read(&root);
    let groups = groups::read(&root, name.as_ref(), &strategy, set.as_ref());
    let is_pair = (groups.as_ref()).is_some_and(|groups| groups.pair.is_some());
    let capacity = capacity::read(&root, &strategy, is_pair, set.as_ref());
    let set = set
        .map(|set| settings(&set, file, local, sources))
        .unwrap_or_default();
    let checks = checks::read(&root, local);
    let hooks = hooks::read(&root);
    if matches!(strategy, Strategy::Rolling(_)) {
        checks::refuse_compare(&root, &checks);
    }
    alone::check(&root, &strategy, &checks, &hooks);
    let traffic = if alone::may_be(&strategy) && !root.has("traffic") {
        Some(None)
    } else {
        traffic::read(&root, name.as_ref(), &strategy).map(Some)
    };
    Some(Service {
        file: file.to_owned(),
        account: root.text("account"),
        region: root.text("region"),
        state: state(&root),
        strategy,
        capacity,
        keep: keep(&root),
        set,
        checks,
        hooks,
        diagnosis: diagnosis::read(&root, local),
        notify: notify::read(&root),
        name: name?,
        image: image?,
        groups: groups?,
        traffic: traffic?,
        secrets: Vec::new(),
    })
}

fn check_format(root: &Options<'_>) {
    if let Some(format) = root.number::<u32>("format")
        && format.value != 1
    {
        root.report(
            Diagnostic::error(
                "template::wrong_value",
                format!("this kiln knows format 1 of service files, not {format}"),
            )
            .at_value(&format, "another format")
            .help("write \"format\": 1, or use a newer kiln"),
        );
    }
}

/// A folder called `s3:` would keep the runs of no other host off the service.
fn state(root: &Options<'_>) -> Option<Spanned<String>> {
    let state = root.text("state")?;
    let Some((scheme, place)) = state.split_once("://") else {
        return Some(state);
    };
    let bucket = place.split('/').next().unwrap_or_default();
    let problem = if scheme != "s3" {
        format!("no state can be kept at `{scheme}://`")
    } else if !is_bucket(bucket) {
        format!("`{bucket}` is no name of a bucket")
    } else {
        return Some(state);
    };
    let finding = Diagnostic::error("template::wrong_value", problem);
    root.report(
        finding
            .at_value(&state, "this place")
            .help("write \"s3://bucket/prefix\", or a folder that every run of the service shares"),
    );
    Some(state)
}

/// Amazon S3 User Guide, "General purpose bucket naming rules".
fn is_bucket(name: &str) -> bool {
    let sound = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| sound(c) || c == '-' || c == '.')
        && name.starts_with(sound)
        && name.ends_with(sound)
}

fn check_name(root: &Options<'_>, name: &Spanned<String>) -> bool {
    let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !sound || name.len() > LONGEST_NAME {
        root.report(
            Diagnostic::error("template::service_name", format!("`{name}` cannot name a service"))
                .at_value(name, "this name")
                .help(format!("up to {LONGEST_NAME} letters, digits and hyphens inside: it becomes part of AWS names")),
        );
        return false;
    }
    true
}

fn settings(set: &Options<'_>, file: &str, local: &Local<'_>, sources: &mut SourceMap) -> Settings {
    clear::check(set, clear::of_service);
    let wanted = set.has("tags").then(|| set.texts("tags", ROLL_DATA));
    let pairs = || wanted.iter().flatten();
    tags::check(set, pairs().map(|(key, value)| (key, value)));
    tags::count(
        set,
        "the group",
        pairs().map(|(key, _)| key),
        tags::OF_GROUP,
    );
    Settings {
        instance_type: set.text("instance_type"),
        key_name: set.text("key_name"),
        iam_instance_profile: set.text("iam_instance_profile"),
        security_groups: set.some_ids("security_groups"),
        subnets: set.some_ids("subnets"),
        user_data: user_data(set, file, local, sources),
        tags: wanted,
        health_check_grace_period: set
            .duration("health_check_grace_period")
            .map(|value| value.value),
        default_instance_warmup: set
            .duration("default_instance_warmup")
            .map(|value| value.value),
    }
}

/// `raw` is text that nothing evaluates; `render` names a Jinja file, looked for here and then beside the service file.
fn user_data(
    set: &Options<'_>,
    file: &str,
    local: &Local<'_>,
    sources: &mut SourceMap,
) -> Option<Late> {
    let options = set.object("user_data", "`user_data`", USER_DATA)?;
    options.exclusive("render", "raw");
    if let Some(Json {
        value: Value::String(text),
        span,
    }) = options.get("raw")
    {
        return Some(Late::settled(text.value.clone(), Some(Place::at(*span))));
    }
    let path = options.need_text(
        "render",
        "name a Jinja file with `render`, or give text with `raw`",
    )?;
    let found = local.beside(&path, file);
    let path = path.map(|_| found.to_string_lossy().into_owned());
    let text = local.read(&options, "user_data", &path)?;
    let id = sources.add(path.value, text.as_str());
    let text = Text::file(id, &text);
    clear::check_user_data(&options, &text);
    set.interpolator.late(&text, Style::Jinja, ROLL_DATA)
}

fn keep(root: &Options<'_>) -> Keep {
    let rollback = root.object("rollback", "`rollback`", ROLLBACK);
    let keep = rollback.and_then(|rollback| rollback.duration("keep"));
    Keep {
        previous: keep.as_ref().map_or(KEEP, |keep| keep.value),
        place: keep.and_then(|keep| keep.place),
    }
}
