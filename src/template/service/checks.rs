//! `checks` of a service file: what must hold, and how often and how long it is asked.

use super::super::late::Late;
use super::super::seconds;
use crate::source::{Place, Spanned};
use serde::Serialize;
use std::time::Duration;

/// What must hold before the swap and after it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Checks {
    pub before: Vec<Check>,
    pub after: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    #[serde(flatten)]
    pub kind: CheckKind,
    /// Answers in a row, from 1.
    pub times: u32,
    /// Of the whole check.
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
    /// Healthy all the while, which is asked neither several times nor with a limit.
    Soak(#[serde(serialize_with = "seconds::plain")] Duration),
}

/// A request through the real load balancer. Late data: `image` (`id`, `name`, `tags`), `service`, `region`, `run`, `group`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpCheck {
    /// The rule whose listener is asked.
    pub port: Option<Spanned<u16>>,
    /// The `Host` header; unset: the first host of the rule, else the load balancer's name.
    pub host: Option<Spanned<String>>,
    pub path: Late,
    /// Never empty; 200 when the file says nothing.
    pub status: Vec<u16>,
    pub body: Option<Body>,
}

/// What an answer must say; surrounding white space is not compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Equals(Late),
    Contains(Late),
}
