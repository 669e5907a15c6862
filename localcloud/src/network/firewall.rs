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

/// A hook at which others' rules may drop what machines send, its chain's name in iptables, and what would break.
const HOOKS: [(&str, &str, &str); 2] = [
    ("forward", "FORWARD", "the outside"),
    (
        "input",
        "INPUT",
        "the metadata service and the load balancers",
    ),
];

/// Refuses a host whose rules drop the packets of the bridge, as those of Docker and ufw do.
pub(super) async fn check_others(bridge: &str) -> Result<(), Error> {
    let text = run("nft", &["-j", "list", "ruleset"]).await?;
    let ruleset: Value = serde_json::from_str(&text)
        .map_err(|error| Error::Unreadable("nft list ruleset", error))?;
    // The older kind of iptables keeps rules that nft does not see; where it is not installed, it has none.
    let legacy = run("iptables-legacy", &["-S"]).await.unwrap_or_default();
    for (hook, chain, unreachable) in HOOKS {
        let remedy =
            remedy(&ruleset, hook, bridge).or_else(|| legacy_remedy(&legacy, chain, bridge));
        if let Some(remedy) = remedy {
            return Err(Error::PacketsDropped {
                hook,
                unreachable,
                remedy,
            });
        }
    }
    Ok(())
}

/// The commands that let the bridge through the first chain that drops IPv4 packets at this hook by policy; nothing when
/// no chain does, or when an accepting rule of such a chain's table names the bridge.
fn remedy(ruleset: &Value, hook: &str, bridge: &str) -> Option<String> {
    let objects = ruleset["nftables"].as_array()?;
    let drops = |chain: &&Value| {
        let carries_ipv4 = chain["family"] == "ip" || chain["family"] == "inet";
        chain["hook"] == hook && chain["policy"] == "drop" && carries_ipv4
    };
    let chain = objects
        .iter()
        .filter_map(|object| object.get("chain"))
        .find(drops)?;
    let quoted = format!("\"{bridge}\"");
    let allows = |rule: &Value| {
        let text = rule.to_string();
        rule["table"] == chain["table"] && text.contains(&quoted) && text.contains("\"accept\"")
    };
    if objects
        .iter()
        .filter_map(|object| object.get("rule"))
        .any(allows)
    {
        return None;
    }
    let words = ["family", "table", "name"].map(|key| chain[key].as_str().unwrap_or_default());
    let rule = |direction: &str| {
        format!(
            "`nft insert rule {} {direction} {bridge} accept`",
            words.join(" ")
        )
    };
    Some(for_ways(hook, ["iifname", "oifname"], rule))
}

fn legacy_remedy(rules: &str, chain: &str, bridge: &str) -> Option<String> {
    let drops = rules.lines().any(|line| line == format!("-P {chain} DROP"));
    let allowed = rules
        .lines()
        .any(|line| line.contains(&format!(" {bridge} ")) && line.ends_with("-j ACCEPT"));
    let rule =
        |direction: &str| format!("`iptables-legacy -I {chain} {direction} {bridge} -j ACCEPT`");
    (drops && !allowed).then(|| for_ways(chain, ["-i", "-o"], rule))
}

/// What the host takes in goes one way; what it forwards goes both.
fn for_ways(hook: &str, ways: [&str; 2], rule: impl Fn(&str) -> String) -> String {
    let count = if hook.eq_ignore_ascii_case("forward") {
        2
    } else {
        1
    };
    ways.into_iter()
        .take(count)
        .map(rule)
        .collect::<Vec<_>>()
        .join(" and ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chain(name: &str, policy: &str) -> Value {
        let hook = name.to_lowercase();
        json!({ "chain": { "family": "ip", "table": "filter", "name": name, "hook": hook, "policy": policy } })
    }

    fn accept_from(interface: &str) -> Value {
        json!({ "rule": { "family": "ip", "table": "filter", "chain": "FORWARD", "expr": [
            { "match": { "left": { "meta": { "key": "iifname" } }, "right": interface } }, { "accept": null } ] } })
    }

    #[test]
    fn a_dropping_policy_is_named_until_a_rule_accepts_the_bridge() {
        let dropping = json!({ "nftables": [chain("FORWARD", "drop")] });
        assert_eq!(
            remedy(&dropping, "forward", "kiln0").unwrap(),
            "`nft insert rule ip filter FORWARD iifname kiln0 accept` and \
             `nft insert rule ip filter FORWARD oifname kiln0 accept`"
        );
        assert_eq!(remedy(&dropping, "input", "kiln0"), None);
        let other = json!({ "nftables": [chain("FORWARD", "drop"), accept_from("kiln01")] });
        assert!(remedy(&other, "forward", "kiln0").is_some());
        let allowed = json!({ "nftables": [chain("FORWARD", "drop"), accept_from("kiln0")] });
        assert_eq!(remedy(&allowed, "forward", "kiln0"), None);
    }

    #[test]
    fn what_the_host_itself_takes_in_needs_one_rule() {
        let dropping = json!({ "nftables": [chain("INPUT", "drop")] });
        let rule = "`nft insert rule ip filter INPUT iifname kiln0 accept`";
        assert_eq!(remedy(&dropping, "input", "kiln0").as_deref(), Some(rule));
    }

    #[test]
    fn an_accepting_policy_is_fine() {
        let accepting = json!({ "nftables": [chain("FORWARD", "accept")] });
        assert_eq!(remedy(&accepting, "forward", "kiln0"), None);
        assert_eq!(remedy(&json!({ "nftables": [] }), "forward", "kiln0"), None);
    }

    #[test]
    fn rules_of_the_older_iptables_count_too() {
        let rules = "-P INPUT ACCEPT\n-P FORWARD DROP\n";
        assert!(legacy_remedy(rules, "FORWARD", "kiln0").is_some());
        assert!(legacy_remedy(rules, "INPUT", "kiln0").is_none());
        let allowed = format!("{rules}-A FORWARD -i kiln0 -j ACCEPT\n");
        assert!(legacy_remedy(&allowed, "FORWARD", "kiln0").is_none());
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
