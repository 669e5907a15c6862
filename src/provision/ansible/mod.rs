//! Ansible, on the machine (`ansible-local`) and from here (`ansible`): what both know of its command line.

pub(super) mod from_here;
pub(super) mod on_machine;

use crate::provision::{Context, Error};
use crate::template::Late;
use crate::template::provisioner::{Galaxy, Hidden, hide};

/// Renders arguments, and takes the variables out of them that are for a file since they are secret. `quoted` arguments are
/// text for a shell. What is refused here only rendering could tell; the rest is refused when the template is read.
fn arguments(all: &[Late], quoted: bool, context: &Context) -> Result<Hidden, Error> {
    let data = context.data();
    let mut rendered = Vec::new();
    for argument in all {
        rendered.push((argument.render(&data)?, argument.is_secret()));
    }
    let any = rendered.iter().any(|(_, secret)| *secret);
    let Ok(Hidden { words, variables }) = hide(&rendered, quoted) else {
        let text =
            "`extra_arguments` would hold a secret in clear: command lines are everybody's to read";
        return Err(Error::Unfit(text.to_owned()));
    };
    let words = if quoted && any {
        words.iter().map(|word| crate::ssh::quote(word)).collect()
    } else {
        words
    };
    Ok(Hidden { words, variables })
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
