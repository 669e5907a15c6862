//! Which production rules a request would meet. Each leads users to the machines, and has a listener, a certificate and hosts of its own.

use super::super::plan::ProductionRule;
use super::super::probe::{Answer, Ask};
use crate::cloud::Conditions;
use crate::ssh::fits;

/// The requests, each once and in the order of the rules: `first` by every rule whose conditions it meets, for the check's own
/// `host` where it has one, else for a host of the rule's. `first` alone where no rule fits.
///
/// Hosts and headers are compared without regard to case, paths with it, and without what follows a `?` (Elastic Load Balancing,
/// "Condition types for listener rules").
pub(super) fn met(first: Ask, host: Option<&str>, rules: &[ProductionRule]) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for rule in rules {
        let by = by(rule, host, &first);
        asks.extend(by.filter(|ask| !asks.contains(ask)));
    }
    if asks.is_empty() {
        asks.push(first);
    }
    asks
}

/// The request by one rule; nothing where it does not meet it, or nobody can tell.
fn by(rule: &ProductionRule, host: Option<&str>, first: &Ask) -> Option<Ask> {
    let Conditions {
        hosts,
        paths,
        headers,
        ..
    } = &rule.conditions;
    let path = first.path.split('?').next().unwrap_or_default();
    if !paths.is_empty() && !paths.iter().any(|pattern| fits(pattern, path)) {
        return None;
    }
    let host = match host {
        Some(host) => {
            let name = host.to_lowercase();
            let is = |pattern: &String| fits(&pattern.to_lowercase(), &name);
            (hosts.is_empty() || hosts.iter().any(is)).then_some(host)?
        }
        // Of the load balancer's own name nobody has a certificate.
        None if hosts.is_empty() && rule.tls && !first.tls && first.host == first.address => {
            return None;
        }
        None if hosts.is_empty() => &first.host,
        None => [&rule.host]
            .into_iter()
            .chain(hosts)
            .find(|value| is_plain(value))?,
    };
    let headers = headers.iter().map(|(name, values)| {
        let value = values.iter().find(|value| is_plain(value))?;
        Some((name.clone(), value.clone()))
    });
    Some(Ask {
        port: rule.port,
        tls: rule.tls,
        host: host.to_owned(),
        headers: headers.collect::<Option<_>>()?,
        ..first.clone()
    })
}

/// Whether an answer only sends its client on, over TLS, to where another of the requests goes.
pub(super) fn is_sent_on(ask: &Ask, answer: &Answer, asks: &[Ask]) -> bool {
    let mut headers = answer.headers.iter();
    let to = headers.find(|(name, _)| name == "location");
    let to = to.and_then(|(_, to)| {
        to.to_lowercase()
            .strip_prefix("https://")
            .map(ToOwned::to_owned)
    });
    let to = to.and_then(|to| to.split(['/', ':', '?']).next().map(ToOwned::to_owned));
    let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
    let is_asked = |host: String| {
        asks.iter()
            .any(|one| one != ask && one.tls && one.host.eq_ignore_ascii_case(&host))
    };
    is_redirect && to.is_some_and(is_asked)
}

/// Whether a value stands for itself alone.
fn is_plain(value: &str) -> bool {
    !value.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::ListenerArn;
    use std::time::Duration;

    fn rule(port: u16, conditions: Conditions) -> ProductionRule {
        ProductionRule {
            place: None,
            listener: ListenerArn::new("listener"),
            port,
            tls: port == 443,
            host: conditions.hosts.first().cloned().unwrap_or_default(),
            conditions,
            before: Vec::new(),
            now: Vec::new(),
            is_named: false,
        }
    }

    fn ask(port: u16, host: &str) -> Ask {
        Ask {
            tls: port == 443,
            address: "lb".to_owned(),
            port,
            host: host.to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn who_only_sends_clients_on_to_what_is_asked_too_is_no_failure() {
        let (plain, safe, other) = (ask(80, "a.test"), ask(443, "A.test"), ask(443, "b.test"));
        let answer = |status, to: &str| Answer {
            status,
            body: String::new(),
            headers: vec![("location".to_owned(), to.to_owned())],
            took: Duration::ZERO,
        };
        let on = answer(308, "https://A.test:443/version");
        assert!(is_sent_on(&plain, &on, &[plain.clone(), safe.clone()]));
        assert!(is_sent_on(&other, &on, &[safe.clone(), other.clone()]));
        assert!(!is_sent_on(&plain, &on, &[plain.clone(), other]));
        assert!(!is_sent_on(&safe, &on, std::slice::from_ref(&safe)));
        for (status, to) in [
            (200, "https://a.test/"),
            (302, "http://a.test/"),
            (302, "https://a.test.evil/"),
        ] {
            assert!(
                !is_sent_on(&plain, &answer(status, to), std::slice::from_ref(&safe)),
                "{status} {to}"
            );
        }
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn on(hosts: &[&str], paths: &[&str]) -> Conditions {
        Conditions {
            hosts: texts(hosts),
            paths: texts(paths),
            ..Conditions::default()
        }
    }

    /// Port, host and headers of each request for a path.
    fn asked(rules: &[ProductionRule], host: Option<&str>, path: &str) -> Vec<String> {
        let first = Ask {
            tls: false,
            address: "balancer".to_owned(),
            port: 80,
            host: host.unwrap_or("first").to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
        };
        let asks = met(first, host, rules).into_iter();
        let text = |ask: Ask| {
            assert_eq!(ask.tls, ask.port == 443);
            let headers = ask.headers.iter();
            let headers = headers.map(|(name, value)| format!(" {name}={value}"));
            let headers: String = headers.collect();
            format!("{}:{}{headers}", ask.host, ask.port)
        };
        asks.map(text).collect()
    }

    #[test]
    fn each_rule_is_asked_once_for_its_own_host_or_the_first_ones() {
        let rules = [
            rule(80, Conditions::default()),
            rule(443, on(&["*.example", "web.example"], &[])),
            rule(443, on(&["www.example"], &["/v*"])),
            rule(443, on(&["www.example"], &["/ver?ion"])),
            rule(443, on(&["*.example"], &[])),
        ];
        let all = ["first:80", "web.example:443", "www.example:443"];
        assert_eq!(asked(&rules, None, "/version?full=1"), all);
        assert_eq!(asked(&rules, None, "/Version"), all[..2]);
        let own = ["Shop.Example:80", "Shop.Example:443"];
        assert_eq!(asked(&rules, Some("Shop.Example"), "/version"), own);
        assert_eq!(asked(&rules, Some("other"), "/version"), ["other:80"]);
    }

    #[test]
    fn headers_go_along_where_they_are_plain_and_where_no_rule_fits_the_first_is_asked() {
        let with = |values: &[&str]| Conditions {
            headers: vec![("x-tenant".to_owned(), texts(values))],
            ..Conditions::default()
        };
        let rules = [rule(80, with(&["a*", "b"])), rule(443, with(&["c?"]))];
        assert_eq!(asked(&rules, None, "/"), ["first:80 x-tenant=b"]);
        assert_eq!(asked(&rules[1..], None, "/"), ["first:80"]);
        let rules = [rule(443, on(&[], &["/shop/*"]))];
        assert_eq!(asked(&rules, None, "/version"), ["first:80"]);
    }
}
