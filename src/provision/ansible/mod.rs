//! Ansible, on the machine (`ansible-local`) and from here (`ansible`): what both know of its command line.

pub(super) mod from_here;
pub(super) mod on_machine;
mod words;

use crate::provision::{Context, Error};
use crate::template::Late;
use crate::template::provisioner::Galaxy;

/// Arguments as they may stand on a command line, and what must not: variables that are secret, each for a file of JSON.
struct Arguments {
    words: Vec<String>,
    hidden: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Renders arguments. Values of `--extra-vars` that are secret come apart; any other secret is refused, since a command line
/// is everybody's to read. `quoted` arguments are text for a shell.
fn arguments(all: &[Late], quoted: bool, context: &Context) -> Result<Arguments, Error> {
    let data = context.data();
    let mut rendered = Vec::new();
    for argument in all {
        rendered.push(argument.render(&data)?);
    }
    let secrets: Vec<_> = (all.iter().zip(&rendered))
        .filter(|(argument, _)| argument.is_secret())
        .map(|(_, text)| text.clone())
        .collect();
    if secrets.is_empty() {
        let hidden = Vec::new();
        return Ok(Arguments {
            words: rendered,
            hidden,
        });
    }
    let exposed = || {
        Error::Unfit(
            "an argument that is secret would be on a command line: pass it as `--extra-vars`, `name=value`"
                .to_owned(),
        )
    };
    let split = if quoted {
        words::split(&rendered.join(" ")).ok_or_else(exposed)?
    } else {
        rendered
    };
    let (words, hidden) = words::take_variables(split);
    if quoted {
        let words = words.iter().map(|word| crate::ssh::quote(word)).collect();
        return Ok(Arguments { words, hidden });
    }
    if words.iter().any(|word| secrets.contains(word)) {
        return Err(exposed());
    }
    Ok(Arguments { words, hidden })
}

/// Finds secret arguments that cannot be hidden, as far as that can be told now.
fn check_arguments(all: &[Late]) -> Result<(), Error> {
    let mut variables = false;
    for argument in all {
        let text = argument.text().unwrap_or_default();
        let names = ["-e", "--extra-vars"];
        let carries = variables || text.contains("--extra-vars") || text.starts_with("-e ");
        if argument.is_secret() && !carries {
            return Err(Error::Unfit(
                "an argument that is secret would be on a command line: pass it as `--extra-vars`, `name=value`"
                    .to_owned(),
            ));
        }
        let last = text.split_whitespace().last();
        variables = last.is_some_and(|word| names.contains(&word));
    }
    Ok(())
}

/// What `ansible-galaxy` is to do: roles unless the file has only collections, and collections if it has some.
fn galaxy_runs(
    galaxy: &Galaxy,
    file: &str,
    roles: Option<&str>,
    collections: Option<&str>,
) -> Result<Vec<Vec<String>>, Error> {
    let path = &galaxy.file.value;
    let text = std::fs::read_to_string(path).map_err(|source| Error::Local {
        path: path.clone(),
        source,
    })?;
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    let mut runs = Vec::new();
    let mut add = |what: &[&str], into: Option<&str>| {
        let mut words: Vec<String> = what.iter().map(|&word| word.to_owned()).collect();
        words.extend(["install", "-r", file].map(str::to_owned));
        words.extend(galaxy.force.then(|| "-f".to_owned()));
        words.extend(
            galaxy
                .force_with_deps
                .then(|| "--force-with-deps".to_owned()),
        );
        words.extend(
            into.map(|path| vec!["-p".to_owned(), path.to_owned()])
                .unwrap_or_default(),
        );
        runs.push(words);
    };
    if has("roles:") || !has("collections:") {
        add(&[], roles);
    }
    if has("collections:") {
        add(&["collection"], collections);
    }
    Ok(runs)
}
