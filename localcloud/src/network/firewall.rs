//! The rules of nftables: the way outside, the way to the metadata service, and what others' rules would break.

use serde_json::Value;

use super::{Config, Error, METADATA_ADDRESS};
use crate::command::{run, run_with_input};

/// Replaces the table of this network in one transaction.
pub(super) async fn install(config: &Config) -> Result<(), Error> {
    run_with_input("nft", &["-f", "-"], &rules(config)).await?;
    Ok(())
}

fn rules(config: &Config) -> String {
    let Config {
        prefix,
        router,
        metadata_port,
        ..
    } = config;
    let (bridge, range) = (config.bridge(), config.range());
    format!(
        r#"add table ip {prefix}
delete table ip {prefix}
table ip {prefix} {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname "{bridge}" ip daddr {METADATA_ADDRESS} tcp dport 80 dnat to {router}:{metadata_port}
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {range} ip daddr != {range} masquerade
    }}
}}
"#
    )
}

/// Removes the table; returns whether there was one.
pub(super) async fn remove(prefix: &str) -> Result<bool, Error> {
    let tables = run("nft", &["list", "tables", "ip"]).await?;
    let there = tables
        .lines()
        .any(|line| line.trim() == format!("table ip {prefix}"));
    if there {
        run("nft", &["delete", "table", "ip", prefix]).await?;
    }
    Ok(there)
}

/// Refuses a host on which forwarded packets of the bridge would be dropped, as Docker's rules do.
pub(super) async fn check_forwarding(bridge: &str) -> Result<(), Error> {
    let text = run("nft", &["-j", "list", "ruleset"]).await?;
    let ruleset: Value = serde_json::from_str(&text)
        .map_err(|error| Error::Unreadable("nft list ruleset", error))?;
    // The older kind of iptables keeps rules that nft does not see; where it is not installed, it has none.
    let legacy = run("iptables-legacy", &["-S"]).await.unwrap_or_default();
    match dropping_chain(&ruleset, bridge).or_else(|| dropping_legacy(&legacy, bridge)) {
        None => Ok(()),
        Some(chain) => Err(Error::ForwardingDropped {
            chain,
            bridge: bridge.to_owned(),
        }),
    }
}

/// The first chain that drops forwarded IPv4 packets by policy while no accepting rule names the bridge.
fn dropping_chain(ruleset: &Value, bridge: &str) -> Option<String> {
    let objects = ruleset["nftables"].as_array()?;
    let quoted = format!("\"{bridge}\"");
    let allowed = objects
        .iter()
        .filter_map(|object| object.get("rule"))
        .any(|rule| {
            let text = rule.to_string();
            text.contains(&quoted) && text.contains("\"accept\"")
        });
    let chain = objects
        .iter()
        .filter_map(|object| object.get("chain"))
        .find(|chain| {
            chain["hook"] == "forward"
                && chain["policy"] == "drop"
                && (chain["family"] == "ip" || chain["family"] == "inet")
        })?;
    let name = |key: &str| chain[key].as_str().unwrap_or_default().to_owned();
    (!allowed).then(|| format!("{} {} {}", name("family"), name("table"), name("name")))
}

fn dropping_legacy(rules: &str, bridge: &str) -> Option<String> {
    let drops = rules.lines().any(|line| line == "-P FORWARD DROP");
    let allowed = rules
        .lines()
        .any(|line| line.contains(&format!(" {bridge} ")) && line.ends_with("-j ACCEPT"));
    (drops && !allowed).then(|| "iptables FORWARD".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn forward_chain(policy: &str) -> Value {
        json!({ "chain": { "family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": policy } })
    }

    fn accept_from(interface: &str) -> Value {
        json!({ "rule": { "family": "ip", "table": "filter", "chain": "FORWARD", "expr": [
            { "match": { "left": { "meta": { "key": "iifname" } }, "right": interface } }, { "accept": null } ] } })
    }

    #[test]
    fn a_dropping_policy_is_named_until_a_rule_accepts_the_bridge() {
        let dropping = json!({ "nftables": [forward_chain("drop")] });
        assert_eq!(
            dropping_chain(&dropping, "kiln0").as_deref(),
            Some("ip filter FORWARD")
        );
        let other = json!({ "nftables": [forward_chain("drop"), accept_from("kiln01")] });
        assert!(dropping_chain(&other, "kiln0").is_some());
        let allowed = json!({ "nftables": [forward_chain("drop"), accept_from("kiln0")] });
        assert_eq!(dropping_chain(&allowed, "kiln0"), None);
    }

    #[test]
    fn an_accepting_policy_is_fine() {
        assert_eq!(
            dropping_chain(&json!({ "nftables": [forward_chain("accept")] }), "kiln0"),
            None
        );
        assert_eq!(dropping_chain(&json!({ "nftables": [] }), "kiln0"), None);
    }

    #[test]
    fn rules_of_the_older_iptables_count_too() {
        let rules = "-P INPUT ACCEPT\n-P FORWARD DROP\n";
        assert!(dropping_legacy(rules, "kiln0").is_some());
        assert!(
            dropping_legacy(&format!("{rules}-A FORWARD -i kiln0 -j ACCEPT\n"), "kiln0").is_none()
        );
        assert!(dropping_legacy("-P FORWARD ACCEPT\n", "kiln0").is_none());
    }

    #[test]
    fn metadata_goes_to_the_router_and_only_the_outside_is_masqueraded() {
        let rules = rules(&Config::default());
        assert!(rules.contains(
            r#"iifname "kiln0" ip daddr 169.254.169.254 tcp dport 80 dnat to 172.31.0.1:8254"#
        ));
        assert!(rules.contains("ip saddr 172.31.0.0/16 ip daddr != 172.31.0.0/16 masquerade"));
    }
}
