//! Where the state of a service is kept: `--state`, or `state` of its file; a folder, or `s3://bucket/prefix`.

use crate::aws::{Access, Aws, Bucket};
use crate::cli::Context;
use crate::run::with_causes;
use crate::store::{Remote, State, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands before a bucket's name.
pub const S3: &str = "s3://";

/// Opens it. The fence of `access` is what a lease in a bucket moves.
///
/// Errors with a sentence when there is no such bucket.
pub fn open(named: &Path, access: &Access) -> Result<State, String> {
    let named = named.to_string_lossy();
    let Some(place) = named.strip_prefix(S3) else {
        return Ok(State::Folder(Store::at(&*named)));
    };
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let prefix = match prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let opened = Bucket::open(access, bucket, &prefix);
    let opened =
        opened.map_err(|error| format!("the state at {named}: {}", with_causes(&error)))?;
    Ok(State::Remote(Remote::new(
        Arc::new(opened),
        access.fence.clone(),
    )))
}

/// Where the state of a service is that is known by its name alone: where the user says, else where its last roll has kept
/// it, as its target groups tell.
///
/// Errors with a sentence where these cannot be asked and nobody has said: a run elsewhere may hold the service's lease.
pub async fn of_name(service: &str, aws: &Aws, context: &Context) -> Result<PathBuf, String> {
    let told = match crate::roll::state_of(aws, service).await {
        Ok(told) => told,
        Err(error) => {
            let text = format!(
                "whether the state of {service} is in a bucket is not known: {}",
                with_causes(&error)
            );
            if !context.state_is_named {
                return Err(format!("{text}; --state says where it is"));
            }
            context.say(&format!("warning: {text}"));
            None
        }
    };
    let (Some(told), here) = (told, &context.state) else {
        return Ok(context.state.clone());
    };
    if !context.state_is_named {
        return Ok(told.into());
    }
    if here.to_string_lossy().trim_end_matches('/') != told.trim_end_matches('/') {
        let here = here.display();
        context.say(&format!(
            "warning: the last roll of {service} has kept its state at {told}; {here} is taken, as --state says"
        ));
    }
    Ok(here.clone())
}

/// The address of a bucket, as rolls write it down.
pub fn bucket(named: &Path) -> Option<String> {
    let named = named.to_string_lossy();
    named.starts_with(S3).then(|| named.into_owned())
}

/// The same for those who must not be stopped by a store that is not there; they are warned.
pub async fn open_if_there(
    service: &str,
    access: &Access,
    aws: &Aws,
    context: &Context,
) -> Option<State> {
    let tell =
        |error: &String| context.say(&format!("warning: without a lease and a journal: {error}"));
    let state = of_name(service, aws, context).await;
    let opened = state.and_then(|state| open(&state, access));
    opened.inspect_err(tell).ok()
}

/// Why a command that works on this host's files alone cannot have its state there.
pub fn refuse_remote(context: &Context) -> Option<String> {
    let state = context.state.to_string_lossy();
    state.starts_with(S3).then(|| {
        format!("a bake keeps its journal in a folder, not at {state}; buckets are for services")
    })
}

/// Why a folder is no place for the state of a roll here: continuous integration wipes the folders of its agents, and with
/// them the journal of a roll that died.
pub fn refuse_folder(folder: &Path, context: &Context) -> Option<String> {
    const SIGNS: [&str; 3] = ["CI", "JENKINS_URL", "BUILD_ID"];
    let set = |name: &&str| {
        let value = context.environment.vars.get(*name);
        value.is_some_and(|value| !value.is_empty() && value != "false")
    };
    let folder = folder.to_string_lossy();
    let sign = SIGNS.iter().find(|name| set(name))?;
    if folder.starts_with(S3) {
        return None;
    }
    Some(format!(
        "{sign} is set, and an agent's folders do not last: a roll that dies would leave its journal in {folder}, where the \
         next does not look. Name a bucket (`\"state\": \"s3://bucket/prefix\"` in the service file, or --state), or say \
         --local-state if {folder} is shared and kept"
    ))
}
