//! A target group's health check: defaults, ranges, and what the proxy is told (`CreateTargetGroup`, `ModifyTargetGroup`).

use super::kind::Kind;
use crate::model::{Asks, Fault, Probe, Tree, args::Args};

/// The health check of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct HealthCheck {
    /// What looks at the targets.
    kind: Kind,
    pub(super) protocol: String,
    /// A number, or `traffic-port`.
    pub(super) port: String,
    /// It and the matcher are for checks by HTTP.
    pub(super) path: String,
    pub(super) interval_seconds: u32,
    pub(super) timeout_seconds: u32,
    pub(super) healthy_threshold: u32,
    pub(super) unhealthy_threshold: u32,
    pub(super) matcher: String,
}

impl HealthCheck {
    /// The defaults for instance targets of a protocol (`CreateTargetGroup`; for network load balancers the user guide's
    /// "Health check settings").
    pub(super) fn of(protocol: &str, args: &Args<'_>) -> Result<Self, Fault> {
        let kind = Kind::in_front_of(protocol);
        let asks = args.maybe_text("HealthCheckProtocol")?;
        let (usual, timeout_seconds, matcher) = match (kind, asks) {
            (Kind::Application, _) => ("HTTP", 5, "200"),
            (Kind::Network, Some("HTTP")) => ("TCP", 6, "200-399"),
            (Kind::Network, _) => ("TCP", 10, "200-399"),
        };
        Ok(Self {
            kind,
            protocol: usual.to_owned(),
            port: "traffic-port".to_owned(),
            path: "/".to_owned(),
            interval_seconds: 30,
            timeout_seconds,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: matcher.to_owned(),
        })
    }

    /// Takes over what a request names and checks the whole.
    pub(super) fn read(mut self, args: &Args<'_>) -> Result<Self, Fault> {
        if args.flag("HealthCheckEnabled")? == Some(false) {
            let message =
                "Health check enabled must be true for target groups with target type 'instance'";
            return Err(Fault::new("InvalidConfigurationRequest", message));
        }
        for (field, name) in [
            (&mut self.protocol, "HealthCheckProtocol"),
            (&mut self.port, "HealthCheckPort"),
            (&mut self.path, "HealthCheckPath"),
        ] {
            if let Some(value) = args.maybe_text(name)? {
                value.clone_into(field);
            }
        }
        for (field, name, range) in [
            (
                &mut self.interval_seconds,
                "HealthCheckIntervalSeconds",
                5..=300,
            ),
            (
                &mut self.timeout_seconds,
                "HealthCheckTimeoutSeconds",
                2..=120,
            ),
            (&mut self.healthy_threshold, "HealthyThresholdCount", 2..=10),
            (
                &mut self.unhealthy_threshold,
                "UnhealthyThresholdCount",
                2..=10,
            ),
        ] {
            if let Some(value) = args.int_in(name, range)? {
                *field = u32::try_from(value).unwrap_or_default();
            }
        }
        if let Some(codes) = args
            .map("Matcher")?
            .map(|matcher| matcher.text("HttpCode"))
            .transpose()?
        {
            codes.clone_into(&mut self.matcher);
        }
        if self.protocol == "TCP" && (args.has("HealthCheckPath") || args.has("Matcher")) {
            let message = "A path and a matcher cannot be specified for health checks with the protocol 'TCP'";
            return Err(Fault::new("InvalidConfigurationRequest", message));
        }
        self.check()?;
        Ok(self)
    }

    fn check_protocol(&self) -> Result<(), Fault> {
        let protocol = self.protocol.as_str();
        match (protocol, self.kind) {
            ("HTTP", _) | ("TCP" | "HTTPS", Kind::Network) => Ok(()),
            ("TCP", Kind::Application) => Err(Fault::validation(
                "Health check protocol 'TCP' is not supported for target groups with the protocols HTTP and HTTPS",
            )),
            _ => Err(Fault::validation(format!(
                "Health check protocol '{protocol}' is not served by this cloud; use 'HTTP'"
            ))),
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let wrong = |message: String| Err(Fault::validation(message));
        self.check_protocol()?;
        if self.port != "traffic-port" && self.port.parse::<u16>().is_err() {
            return wrong(format!("Health check port '{}' is not a port", self.port));
        }
        if !self.path.starts_with('/') || self.path.len() > 1024 {
            return wrong(format!(
                "Health check path '{}' must begin with '/'",
                self.path
            ));
        }
        let (timeout, interval) = (self.timeout_seconds, self.interval_seconds);
        // A network load balancer may wait for the whole interval.
        if timeout > interval || (timeout == interval && self.kind == Kind::Application) {
            return wrong(format!(
                "Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
            ));
        }
        let last = match self.kind {
            Kind::Application => 499,
            Kind::Network => 599,
        };
        if !is_matcher(&self.matcher, last) {
            return wrong(format!(
                "Health check matcher HTTP code '{}' must be within '200-{last}'",
                self.matcher
            ));
        }
        Ok(())
    }

    /// The port that is probed on a target which serves on `port`.
    pub(super) fn port_on(&self, port: u16) -> u16 {
        self.port.parse().unwrap_or(port)
    }

    pub(super) fn probe(&self) -> Probe {
        let asks = match self.protocol.as_str() {
            "TCP" => Asks::Connection,
            protocol => Asks::Http {
                encrypted: protocol == "HTTPS",
                path: self.path.clone(),
                matcher: self.matcher.clone(),
            },
        };
        Probe {
            asks,
            port: self.port.parse().ok(),
            interval_seconds: self.interval_seconds,
            timeout_seconds: self.timeout_seconds,
            healthy_threshold: self.healthy_threshold,
            unhealthy_threshold: self.unhealthy_threshold,
        }
    }

    /// Adds the fields of a target group's description.
    pub(super) fn put_on(&self, tree: Tree) -> Tree {
        let by_http = self.protocol != "TCP";
        let matcher = || Tree::new().put("HttpCode", &self.matcher);
        tree.put("HealthCheckProtocol", &self.protocol)
            .put("HealthCheckPort", &self.port)
            .put("HealthCheckEnabled", true)
            .put("HealthCheckIntervalSeconds", self.interval_seconds)
            .put("HealthCheckTimeoutSeconds", self.timeout_seconds)
            .put("HealthyThresholdCount", self.healthy_threshold)
            .put("UnhealthyThresholdCount", self.unhealthy_threshold)
            .put_some("HealthCheckPath", by_http.then_some(&self.path))
            .put_some("Matcher", by_http.then(matcher))
    }
}

/// `200`, `200,302` or `200-299`, from 200 to the last.
fn is_matcher(text: &str, last: u16) -> bool {
    let code = |text: &str| {
        text.parse::<u16>()
            .is_ok_and(|code| (200..=last).contains(&code))
    };
    !text.is_empty()
        && text.split(',').all(|part| match part.split_once('-') {
            Some((low, high)) => code(low) && code(high) && low <= high,
            None => code(part),
        })
}

#[cfg(test)]
mod tests {
    use super::is_matcher;

    #[test]
    fn matchers_are_codes_lists_and_ranges() {
        for good in ["200", "200,302", "200-299", "200-299,404"] {
            assert!(is_matcher(good, 499), "{good}");
        }
        for bad in ["", "99", "500", "200-", "abc", "299-200", "200,"] {
            assert!(!is_matcher(bad, 499), "{bad}");
        }
    }
}
