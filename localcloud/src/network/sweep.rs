//! Removal by name: finds what carries the prefix, also after a kill -9, and takes it away.

use serde::Deserialize;

use super::namespace::{self, NAMESPACES};
use super::{Config, Error, firewall, forwarding};
use crate::command::run;

#[derive(Deserialize)]
struct Link {
    ifname: String,
}

/// Removes every bridge, cable, namespace and table of this prefix and gives the host its forwarding setting back;
/// returns the names that it removed.
pub async fn sweep(config: &Config) -> Result<Vec<String>, Error> {
    let mut removed = Vec::new();
    for link in links(config).await? {
        namespace::remove_link(&link).await?;
        removed.push(link);
    }
    for namespace in namespaces(config)? {
        namespace::remove(&namespace).await?;
        removed.push(namespace);
    }
    if firewall::remove(&config.prefix).await? {
        removed.push(format!("table ip {}", config.prefix));
    }
    if forwarding::give_back(config)? {
        removed.push("ip_forward".to_owned());
    }
    Ok(removed)
}

async fn links(config: &Config) -> Result<Vec<String>, Error> {
    let text = run("ip", &["-j", "link", "show"]).await?;
    let links: Vec<Link> =
        serde_json::from_str(&text).map_err(|error| Error::Unreadable("ip link", error))?;
    Ok(links
        .into_iter()
        .map(|link| link.ifname)
        .filter(|name| *name == config.bridge() || is_ours(config, name))
        .collect())
}

fn namespaces(config: &Config) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(NAMESPACES) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::file(NAMESPACES.as_ref()))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| is_ours(config, name)).collect())
}

/// The dash ends the prefix, so that one network never sweeps another whose prefix only begins alike.
fn is_ours(config: &Config, name: &str) -> bool {
    name.strip_prefix(config.prefix.as_str())
        .is_some_and(|rest| rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_prefix_is_another_network() {
        let config = Config::default();
        assert!(is_ours(&config, "kiln-i-1"));
        assert!(!is_ours(&config, "kilntest-i-1"));
        assert!(!is_ours(&config, "kiln0x"));
        assert!(!is_ours(&config, "xkiln-1"));
    }
}
