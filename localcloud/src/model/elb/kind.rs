//! The two types of load balancers, and what sets them apart.

use crate::model::{Fault, Protocol};

/// The type of a load balancer, and of the load balancers that a target group can stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Kind {
    Application,
    Network,
}

impl Kind {
    /// Reads `Type`; gateways are not served.
    pub(super) fn read(word: Option<&str>) -> Result<Self, Fault> {
        match word {
            None | Some("application") => Ok(Self::Application),
            Some("network") => Ok(Self::Network),
            Some(other) => Err(Fault::new(
                "UnsupportedOperation",
                format!("Load balancers of type '{other}' are not served by this cloud"),
            )),
        }
    }

    /// What stands behind a target group of this protocol.
    pub(super) fn in_front_of(protocol: &str) -> Self {
        match protocol {
            "HTTP" | "HTTPS" => Self::Application,
            _ => Self::Network,
        }
    }

    pub(in crate::model) fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Network => "network",
        }
    }

    /// Its step in the ARNs of load balancers, listeners and rules.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
        }
    }

    /// What AWS gives as the hosted zone in eu-central-1, here of every region.
    pub(in crate::model) fn hosted_zone(self) -> &'static str {
        match self {
            Self::Application => "Z215JYRZR1TBD5",
            Self::Network => "Z3F0SRJ5LGBH90",
        }
    }

    /// In how many zones one must be at least (`Subnets` of `CreateLoadBalancer`).
    pub(super) fn least_zones(self) -> usize {
        match self {
            Self::Application => 2,
            Self::Network => 1,
        }
    }

    /// Protocols that its listeners may have (`Protocol` of `CreateListener`).
    pub(super) fn listens_for(self) -> &'static [&'static str] {
        match self {
            Self::Application => &["HTTP", "HTTPS"],
            Self::Network => &["TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"],
        }
    }

    /// What a proxy passes on.
    pub(super) fn passes(self) -> Protocol {
        match self {
            Self::Application => Protocol::Http,
            Self::Network => Protocol::Tcp,
        }
    }
}

/// Whether a hosted zone is one that load balancers have their names in.
pub(in crate::model) fn is_hosted_zone(zone: &str) -> bool {
    [Kind::Application, Kind::Network]
        .map(Kind::hosted_zone)
        .contains(&zone)
}

/// Whether a listener can lead to a target group ("Target groups for your Network Load Balancers", "Routing
/// configuration").
pub(super) fn fits(listener: &str, group: &str) -> bool {
    match listener {
        "HTTP" | "HTTPS" => matches!(group, "HTTP" | "HTTPS"),
        "TCP" => matches!(group, "TCP" | "TCP_UDP"),
        "TLS" => matches!(group, "TCP" | "TLS"),
        "UDP" => matches!(group, "UDP" | "TCP_UDP"),
        _ => group == listener,
    }
}
