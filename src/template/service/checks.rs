//! `checks` of a service file: what must hold, and how often and how long it is asked.

use super::super::late::Late;
use super::super::seconds;
use super::Command;
use super::instance::InstanceCheck;
use super::metrics::{AlarmCheck, CompareCheck, MetricCheck};
use super::outside::PrometheusCheck;
use crate::source::{Place, Spanned};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What must hold before the swap and after it, and what is done when it does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Checks {
    pub before: Vec<Check>,
    /// Asked in every wait from the moment the next group takes traffic. No soak is among them.
    pub watch: Vec<Check>,
    pub after: Vec<Check>,
    pub on_fail: OnFail,
    pub on_unknown: OnUnknown,
}

/// What is done when a check fails while the next group takes traffic. Before, there is only the way back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// All of the traffic goes back.
    #[default]
    Rollback,
    /// Traffic stays where it is, and everything with it: the next run or a person decides.
    Hold,
}

/// What is done when a check says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OnUnknown {
    /// How long it may go on saying nothing behind its own limit.
    #[serde(serialize_with = "seconds::plain")]
    pub hold: Duration,
    pub then: OnFail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    #[serde(flatten)]
    pub kind: CheckKind,
    /// Answers in a row, from 1: passes that let the roll go on, and of a watch fails that end it.
    pub times: u32,
    /// Until then it must have passed. A watch may say nothing for so long.
    #[serde(serialize_with = "seconds::plain")]
    pub timeout: Duration,
    /// Where the object stands.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// What is asked. This is the list of what is implemented.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    Http(Box<HttpCheck>),
    /// A command on this host, whose exit code decides.
    Command(Command),
    /// A metric or composite alarm that must be OK.
    Alarm(AlarmCheck),
    Metric(Box<MetricCheck>),
    Prometheus(Box<PrometheusCheck>),
    Instance(Box<InstanceCheck>),
    /// What a person is asked.
    Manual(Spanned<String>),
    /// Healthy all the while, which is asked neither several times nor with a limit.
    Soak(#[serde(serialize_with = "seconds::plain")] Duration),
    #[serde(untagged)]
    Compare(CompareCheck),
}

/// A request through the real load balancer. Late data: `image` (`id`, `name`, `tags`), `service`, `region`, `run`, `group`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpCheck {
    /// The `Host` header; unset: the first host of the rule, else the load balancer's name.
    pub host: Option<Spanned<String>>,
    pub path: Late,
    /// Never empty; 200 when the file says nothing.
    pub status: Vec<u16>,
    pub body: Option<Body>,
    /// Headers of the answer, compared as a whole.
    pub header: Vec<(Spanned<String>, Late)>,
    /// From the request to the end of the answer, at most.
    #[serde(serialize_with = "seconds::optional")]
    pub latency: Option<Duration>,
}

impl HttpCheck {
    /// Whether it says what the answer of one version alone is: it names the image or the run.
    pub fn names_version(&self) -> bool {
        let body = self.body.as_ref().map(|body| match body {
            Body::Equals(text) | Body::Contains(text) => text,
        });
        let headers = self.header.iter().map(|(_, value)| value);
        let mut texts = body.into_iter().chain(headers).chain([&self.path]);
        texts.any(|text| text.reads("image") || text.reads("run"))
    }
}

/// What an answer must say; surrounding white space is not compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Equals(Late),
    Contains(Late),
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CheckKind::Http(http) => write!(f, "http {}", http.path),
            CheckKind::Command(command) => write!(f, "command {command}"),
            CheckKind::Alarm(name) => write!(f, "alarm {name}"),
            CheckKind::Metric(metric) => write!(f, "metric {}", metric.name),
            CheckKind::Prometheus(check) => {
                write!(f, "prometheus {} at {}", check.query, check.server)
            }
            CheckKind::Instance(check) => {
                let on = if check.each {
                    "each machine"
                } else {
                    "one machine"
                };
                write!(f, "instance {} on {on}", check.command)
            }
            CheckKind::Manual(question) => write!(f, "manual: {question}"),
            CheckKind::Compare(compare) => write!(f, "compare {}", compare.compare),
            CheckKind::Soak(time) => write!(f, "soak {} s", time.as_secs()),
        }
    }
}
