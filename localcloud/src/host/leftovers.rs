//! Looks for what a local cloud leaves on its host. Removes nothing: it is how tests and the demo check `down`.

use std::fs;

use crate::command;

use super::{Config, Error, down};

/// Everything of this host that carries the cloud's name: processes, mounts, interfaces, namespaces, control groups,
/// tables, locks of nspawn and folders of its run. Empty after `down`.
///
/// # Errors
/// The host cannot be looked at.
pub async fn leftovers(config: &Config) -> Result<Vec<String>, Error> {
    let mut found: Vec<String> = Vec::new();
    found.extend(
        down::supervisors(config)?
            .iter()
            .map(|process| format!("process {process}")),
    );
    found.extend(mounts(config)?);
    let tables = command::run("nft", &["list", "tables"]).await?;
    let named = |line: &&str| {
        line.split(' ')
            .next_back()
            .is_some_and(|name| carries(name, &config.name))
    };
    found.extend(tables.lines().filter(named).map(ToString::to_string));
    for folder in [
        "/sys/class/net",
        "/run/netns",
        "/run/systemd/nspawn/locks",
        "/run",
    ] {
        found.extend(entries(folder, &config.name));
    }
    // One hierarchy, or one below for each controller.
    let groups = "/sys/fs/cgroup";
    found.extend(entries(groups, &config.name));
    for hierarchy in names(groups) {
        found.extend(entries(&format!("{groups}/{hierarchy}"), &config.name));
    }
    Ok(found)
}

fn mounts(config: &Config) -> Result<Vec<String>, Error> {
    let path = "/proc/self/mountinfo";
    let mounts = fs::read_to_string(path).map_err(Error::file(path))?;
    let (run, state) = (
        config.run.display().to_string(),
        config.machines().state.display().to_string(),
    );
    let ours = mounts
        .lines()
        .filter(|line| line.contains(&run) || line.contains(&state));
    Ok(ours.map(|line| format!("mount {line}")).collect())
}

fn entries(folder: &str, name: &str) -> Vec<String> {
    let names = names(folder)
        .into_iter()
        .filter(|entry| carries(entry, name));
    names.map(|entry| format!("{folder}/{entry}")).collect()
}

/// A folder that is not there has nothing in it.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Whether a name begins with the cloud's, which a longer word that only begins alike does not.
fn carries(entry: &str, name: &str) -> bool {
    let entry = entry.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
    let rest = entry.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_first_word() {
        for ours in ["kiln", "kiln0", "kiln-i-1", ".#kiln-i-1.lck", "kiln-local"] {
            assert!(carries(ours, "kiln"), "{ours}");
        }
        for other in ["kilnh0", "kilntest-i-1", "xkiln", "kil"] {
            assert!(!carries(other, "kiln"), "{other}");
        }
    }
}
