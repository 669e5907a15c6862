//! What the local cloud has, as users ask for it: read from the model by its own API, and from the kernel.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Effect, Model, Params, Request, Service, Tree};

/// What is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub endpoint: String,
    pub region: String,
    /// What answers the names of hosted zones, on port 53; nothing where another name server of this host has the address.
    pub name_server: Option<IpAddr>,
    #[serde(flatten)]
    pub seen: Seen,
    /// Memory of all of its processes, shared pages counted once, in bytes.
    pub memory: u64,
}

/// What the model knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub instances: Vec<Instance>,
    pub load_balancers: Vec<Balancer>,
    /// Images of the user; source images are not listed.
    pub images: Vec<Image>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub state: String,
    pub address: String,
    pub image: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balancer {
    pub name: String,
    pub url: String,
    pub state: String,
    /// One in each of its zones.
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub id: String,
    pub name: String,
    pub state: String,
}

/// Asks the model for all of it.
pub(super) fn look(model: &mut Model, now: Timestamp) -> (Seen, Vec<Effect>) {
    let mut effects = Vec::new();
    let mut call = |service, action: &str, params: Params| {
        let answer = model.call(
            &Request {
                service,
                action: action.to_owned(),
                params,
            },
            now,
        );
        effects.extend(answer.effects);
        answer.result.unwrap_or(Tree::new())
    };
    let nothing = || Params::Map(BTreeMap::new());
    let reservations = call(Service::Ec2, "DescribeInstances", nothing());
    let balancers = call(Service::Elb, "DescribeLoadBalancers", nothing());
    let own = Params::List(vec![Params::Text("self".to_owned())]);
    let images = call(
        Service::Ec2,
        "DescribeImages",
        Params::Map(BTreeMap::from([("Owner".to_owned(), own)])),
    );
    let seen = Seen {
        instances: list(&reservations, "reservationSet")
            .iter()
            .flat_map(|reservation| list(reservation, "instancesSet"))
            .map(instance)
            .collect(),
        load_balancers: list(&balancers, "LoadBalancers")
            .iter()
            .map(balancer)
            .collect(),
        images: list(&images, "imagesSet").iter().map(image).collect(),
    };
    (seen, effects)
}

fn list<'a>(tree: &'a Tree, name: &str) -> &'a [Tree] {
    match tree.get(name) {
        Some(Tree::List(list)) => list,
        _ => &[],
    }
}

fn text(tree: &Tree, path: &str) -> String {
    tree.at(path).and_then(Tree::text).unwrap_or_default()
}

fn instance(tree: &Tree) -> Instance {
    Instance {
        id: text(tree, "instanceId"),
        state: text(tree, "instanceState.name"),
        address: text(tree, "privateIpAddress"),
        image: text(tree, "imageId"),
    }
}

fn balancer(tree: &Tree) -> Balancer {
    Balancer {
        name: text(tree, "LoadBalancerName"),
        url: format!("http://{}", text(tree, "DNSName")),
        state: text(tree, "State.Code"),
        subnets: list(tree, "AvailabilityZones")
            .iter()
            .map(|zone| text(zone, "SubnetId"))
            .collect(),
        security_groups: list(tree, "SecurityGroups")
            .iter()
            .filter_map(Tree::text)
            .collect(),
    }
}

fn image(tree: &Tree) -> Image {
    Image {
        id: text(tree, "imageId"),
        name: text(tree, "name"),
        state: text(tree, "imageState"),
    }
}

/// Memory of all processes that this one can see, in bytes. In a pid namespace of its own these are the cloud's.
pub(super) fn memory() -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let texts =
        processes.filter_map(|entry| fs::read_to_string(entry.path().join("smaps_rollup")).ok());
    let share = |text: String| -> Option<u64> {
        text.lines()
            .find_map(|line| line.strip_prefix("Pss:"))?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    };
    texts.filter_map(share).sum::<u64>() * 1024
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "up at {} ({}), {} MiB",
            self.endpoint,
            self.region,
            self.memory >> 20
        )?;
        match self.name_server {
            Some(address) => writeln!(f, "name server {address}: dig @{address} NAME")?,
            None => writeln!(f, "no name server: another one of this host has port 53")?,
        }
        let Seen {
            instances,
            load_balancers,
            images,
        } = &self.seen;
        writeln!(f, "{} instances", instances.len())?;
        for Instance {
            id,
            state,
            address,
            image,
        } in instances
        {
            writeln!(f, "  {id}  {state:<13}  {address:<15}  {image}")?;
        }
        writeln!(f, "{} load balancers", load_balancers.len())?;
        for Balancer {
            name, url, state, ..
        } in load_balancers
        {
            writeln!(f, "  {name}  {state}  {url}")?;
        }
        writeln!(f, "{} images", images.len())?;
        for Image { id, name, state } in images {
            writeln!(f, "  {id}  {state}  {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_server_is_named_or_missed() {
        let mut status = Status {
            endpoint: "http://10.77.0.1:4566".to_owned(),
            region: "eu-central-1".to_owned(),
            name_server: Some([10, 77, 0, 1].into()),
            seen: Seen::default(),
            memory: 0,
        };
        assert!(
            status
                .to_string()
                .contains("\nname server 10.77.0.1: dig @10.77.0.1 NAME\n")
        );
        status.name_server = None;
        assert!(status.to_string().contains("\nno name server: "));
    }

    #[test]
    fn this_process_takes_memory() {
        assert!(memory() > 1 << 20);
    }
}
