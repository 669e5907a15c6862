//! The network on hosts of different kinds: each test stands in an empty network of its own, where it can play any host.

use localcloud::command::{run, run_with_input};
use localcloud::network::{self, Config, Error, Network};

use super::base::supervised_with;
use super::cloud::{left, network_config};

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

#[test]
fn a_network_comes_and_goes_and_a_second_one_replaces_what_is_left() {
    let test = "machines::network::a_network_comes_and_goes_and_a_second_one_replaces_what_is_left";
    supervised_with(&["--net"], test, async {
        let notes = tempfile::tempdir().unwrap();
        let config = Config {
            notes: notes.path().to_owned(),
            ..network_config()
        };
        std::fs::write(FORWARDING, "0\n").unwrap();
        let network = Network::up(&config).await.unwrap();
        let namespace = network
            .attach("i-1", "10.213.0.9".parse().unwrap())
            .await
            .unwrap();
        let twice = network
            .attach("i-1", "10.213.0.9".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(
            (namespace.as_str(), twice.as_str()),
            ("kilntest-i-1", "kilntest-i-1")
        );
        assert_eq!(forwarding(), "1\n");
        assert!(!left().is_empty());

        let network = Network::up(&config).await.unwrap();
        assert!(
            !run("ip", &["netns"]).await.unwrap().contains("kilntest"),
            "the old one was swept"
        );
        network.down().await.unwrap();
        assert_eq!(left(), Vec::<String>::new());
        assert_eq!(forwarding(), "0\n");
        assert_eq!(network::sweep(&config).await.unwrap(), Vec::<String>::new());
    });
}

#[test]
fn a_range_that_the_host_uses_is_refused() {
    let test = "machines::network::a_range_that_the_host_uses_is_refused";
    supervised_with(&["--net"], test, async {
        run("ip", &["link", "add", "office", "up", "type", "bridge"])
            .await
            .unwrap();
        run("ip", &["route", "add", "10.192.0.0/10", "dev", "office"])
            .await
            .unwrap();
        let error = Network::up(&network_config()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "10.213.0.0/16 is in use on this host (route to 10.192.0.0/10 by office); \
             choose another range for the local cloud"
        );
        assert_eq!(left(), Vec::<String>::new());
    });
}

#[test]
fn rules_that_drop_are_named_with_the_commands_that_help() {
    let test = "machines::network::rules_that_drop_are_named_with_the_commands_that_help";
    supervised_with(&["--net"], test, async {
        for (hook, chain) in [("forward", "FORWARD"), ("input", "INPUT")] {
            let hooked = format!("{{ type filter hook {hook} priority 0; policy drop; }}");
            let rules = format!("add table ip filter\nadd chain ip filter {chain} {hooked}\n");
            run_with_input("nft", &["-f", "-"], &rules).await.unwrap();
            let error = Network::up(&network_config()).await.unwrap_err();
            let Error::PacketsDropped { remedy, .. } = error else {
                panic!("{error}")
            };
            for command in remedy.split(" and ") {
                let words: Vec<&str> = command.trim_matches('`').split(' ').collect();
                run(words[0], &words[1..]).await.unwrap();
            }
            let network = Network::up(&network_config()).await.unwrap();
            network.down().await.unwrap();
            run("nft", &["delete", "table", "ip", "filter"])
                .await
                .unwrap();
        }
    });
}

fn forwarding() -> String {
    std::fs::read_to_string(FORWARDING).unwrap()
}
